package api

import "net/http"

type transitionList struct {
	Transitions []transitionDTO `json:"transitions"`
}

// listTransitions answers GET /transitions: of all checks, newest first.
func (a *API) listTransitions(w http.ResponseWriter, r *http.Request) error {
	return a.answerTransitions(w, r, "")
}

// listCheckTransitions answers GET /checks/{id}/transitions, newest first.
func (a *API) listCheckTransitions(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if _, err := a.deps.Checks.View(id); err != nil {
		return err
	}
	return a.answerTransitions(w, r, id)
}

// answerTransitions answers those of one check, or of all ("").
func (a *API) answerTransitions(w http.ResponseWriter, r *http.Request, id string) error {
	q := readQuery(r, "limit")
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	transitions, err := a.deps.Checks.Transitions(r.Context(), id, limit)
	if err != nil {
		return err
	}
	list := transitionList{Transitions: make([]transitionDTO, len(transitions))}
	for i := range transitions {
		list.Transitions[i] = showTransition(&transitions[i])
	}
	return answer(w, http.StatusOK, list)
}
