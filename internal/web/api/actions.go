package api

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// maxRun is how long POST /checks/{id}/run waits for the result. A run with
// many retries may take longer; its result is then in the history.
const maxRun = 5 * time.Minute

// runCheck answers POST /checks/{id}/run with the result.
func (a *API) runCheck(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	// The server's own deadline for answers is shorter.
	err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxRun + 10*time.Second))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxRun)
	defer cancel()
	result, err := a.deps.Checks.RunNow(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, showResult(result))
}

// pauseCheck answers POST /checks/{id}/pause with the check.
func (a *API) pauseCheck(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, a.deps.Checks.Pause)
}

// resumeCheck answers POST /checks/{id}/resume with the check.
func (a *API) resumeCheck(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, a.deps.Checks.Resume)
}

func (a *API) change(w http.ResponseWriter, r *http.Request, change func(ctx context.Context, id, by string) error) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := change(r.Context(), id, caller(r.Context())); err != nil {
		return err
	}
	return a.answerCheck(w, id)
}
