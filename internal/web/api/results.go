package api

import (
	"net/http"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

type resultList struct {
	Results []resultDTO `json:"results"`
	Next    string      `json:"next,omitempty"`
}

// listResults answers GET /checks/{id}/results, newest first.
func (a *API) listResults(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r, "from", "to", "limit", "cursor")
	// To the end of time and not to now: the clock may have been set back.
	from, to := q.span(time.UnixMilli(0), time.Now().AddDate(10, 0, 0))
	limit, cursor := q.limit(), q.cursor()
	if q.err == nil && cursor != "" {
		// Runs are unique per check, so the next answer is what started before.
		run, err := checks.ParseRunID(cursor)
		if err != nil {
			q.damagedCursor()
		}
		if run.Time().Before(to) {
			to = run.Time()
		}
	}
	if q.err != nil {
		return q.err
	}
	id := r.PathValue("id")
	if _, err := a.deps.Checks.View(id); err != nil {
		return err
	}
	results, err := a.deps.Checks.Results(r.Context(), id, from, to, limit+1)
	if err != nil {
		return err
	}
	kept, err := a.deps.Checks.EvidenceRuns(r.Context(), id)
	if err != nil {
		return err
	}
	list := resultList{Results: []resultDTO{}}
	for i := range results {
		if i == limit {
			list.Next = nextCursor(results[i-1].Run.String())
			break
		}
		dto := showResult(&results[i])
		dto.Evidence = slices.Contains(kept, dto.Run)
		list.Results = append(list.Results, dto)
	}
	return answer(w, http.StatusOK, list)
}

type runDTO struct {
	Result   resultDTO    `json:"result"`
	TraceID  string       `json:"trace_id,omitempty"`
	Evidence *evidenceDTO `json:"evidence,omitempty"`
}

// getResult answers GET /checks/{id}/results/{run}, with what was said in the
// run when it was kept.
func (a *API) getResult(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	id := r.PathValue("id")
	run, err := checks.ParseRunID(r.PathValue("run"))
	if err != nil {
		return fault.Invalid("run %.40q: want the number of a run, as in `run` of a result", r.PathValue("run"))
	}
	result, evidence, err := a.deps.Checks.Run(r.Context(), id, run)
	if err != nil {
		return err
	}
	dto := runDTO{Result: showResult(result), TraceID: a.deps.Checks.TraceID(id, run), Evidence: showEvidence(evidence)}
	dto.Result.Evidence = evidence != nil
	return answer(w, http.StatusOK, dto)
}
