package ui

import (
	"net/http"

	"lapwing.dev/lapwing/internal/fault"
)

// The actions are plain form posts that answer with a redirect, so that they
// work without JavaScript. That a post comes from our own pages is checked by
// package web (Origin) before it gets here.

func (u *UI) mayWrite(r *http.Request) (Viewer, error) {
	v := u.viewer(r)
	if !v.CanWrite {
		return v, fault.Forbidden("%s may look, but not change anything", v.Name)
	}
	return v, nil
}

func (u *UI) runNow(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.mayWrite(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	result, err := u.Checks.RunNow(r.Context(), id)
	if err != nil {
		return err
	}
	http.Redirect(w, r, runPath(id, result.Run), http.StatusSeeOther) // #nosec G710 -- a path of ours with the ID of a check that exists, escaped
	return nil
}

func (u *UI) pause(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayWrite(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := u.Checks.Pause(r.Context(), id, v.Name); err != nil {
		return err
	}
	http.Redirect(w, r, checkPath(id), http.StatusSeeOther) // #nosec G710 -- as in runNow
	return nil
}

func (u *UI) resume(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayWrite(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := u.Checks.Resume(r.Context(), id, v.Name); err != nil {
		return err
	}
	http.Redirect(w, r, checkPath(id), http.StatusSeeOther) // #nosec G710 -- as in runNow
	return nil
}

// who puts the name of a viewer into words: without a password there are no
// names, only people on this machine.
func who(by string) string {
	if by == "local" {
		return "someone on this machine"
	}
	return by
}
