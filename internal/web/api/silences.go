package api

import (
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/fault"
)

type silenceDTO struct {
	ID       string             `json:"id"`
	State    string             `json:"state"`
	Matchers []alerting.Matcher `json:"matchers"`
	Starts   stamp              `json:"starts"`
	Ends     stamp              `json:"ends"`
	By       string             `json:"by"`
	Comment  string             `json:"comment"`
	Alerts   int                `json:"alerts"` // that it keeps quiet now
}

type silenceList struct {
	Silences []silenceDTO `json:"silences"`
}

// listSilences answers GET /silences.
func (a *API) listSilences(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	q := readQuery(r, "expired_after")
	after := q.time("expired_after", time.Time{})
	if q.err != nil {
		return q.err
	}
	silences, err := a.deps.Alerts.Silences(r.Context(), after)
	if err != nil {
		return err
	}
	list := silenceList{Silences: []silenceDTO{}}
	for _, s := range silences {
		list.Silences = append(list.Silences, silenceDTO{s.ID, s.State, s.Matchers, stamp(s.Starts), stamp(s.Ends), s.By, s.Comment, s.Alerts})
	}
	return answer(w, http.StatusOK, list)
}

type newSilence struct {
	Matchers []alerting.Matcher `json:"matchers"`
	Starts   time.Time          `json:"starts"`
	For      string             `json:"for"`
	Comment  string             `json:"comment"`
}

type createdSilence struct {
	ID string `json:"id"`
}

// createSilence answers POST /silences with its ID, once it is stored.
func (a *API) createSilence(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	var body newSilence
	if err := readBody(r, &body); err != nil {
		return err
	}
	length, err := lengthOf(body.For)
	if err != nil {
		return err
	}
	if length == 0 {
		return fault.Invalid("for is missing: how long the alerts are quiet, such as 2h; a silence that never ends hides what nobody remembers")
	}
	if body.Starts.IsZero() {
		body.Starts = time.Now()
	}
	id, err := a.deps.Alerts.Silence(r.Context(), alerting.Silence{
		Matchers: body.Matchers, Starts: body.Starts, Ends: body.Starts.Add(length), By: caller(r.Context()), Comment: body.Comment,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", Base+"/silences")
	return answer(w, http.StatusCreated, createdSilence{id})
}

// deleteSilence answers DELETE /silences/{id}: it ends at once.
func (a *API) deleteSilence(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	if err := a.deps.Alerts.Unsilence(r.Context(), r.PathValue("id"), caller(r.Context())); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
