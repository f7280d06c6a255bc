package api

import (
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

type alertDTO struct {
	ID          string            `json:"id"`
	State       alerting.State    `json:"state"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Starts      stamp             `json:"starts"`
	Ends        stamp             `json:"ends,omitzero"`
	Receivers   []string          `json:"receivers"`
	SilencedBy  []string          `json:"silenced_by,omitempty"`
	InhibitedBy []string          `json:"inhibited_by,omitempty"`
	MutedBy     []string          `json:"muted_by,omitempty"`
	Escalated   []string          `json:"escalated,omitempty"`
	Ack         *ackDTO           `json:"ack,omitempty"`
}

type ackDTO struct {
	By    string `json:"by"`
	At    stamp  `json:"at"`
	Until stamp  `json:"until,omitzero"` // absent: until it is resolved
	Note  string `json:"note,omitempty"`
}

func showAlert(v *alerting.View) alertDTO {
	d := alertDTO{
		ID: v.ID, State: v.State, Labels: orEmpty(v.Labels), Annotations: orEmpty(v.Annotations), Starts: stamp(v.Starts), Ends: stamp(v.Ends),
		Receivers: v.Receivers, SilencedBy: v.SilencedBy, InhibitedBy: v.InhibitedBy, MutedBy: v.MutedBy, Escalated: v.Escalated,
	}
	if d.Receivers == nil {
		d.Receivers = []string{}
	}
	if v.Ack != nil {
		d.Ack = &ackDTO{v.Ack.By, stamp(v.Ack.At), stamp(v.Ack.Until), v.Ack.Note}
	}
	return d
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

type alertList struct {
	Alerts []alertDTO `json:"alerts"`
}

// listAlerts answers GET /alerts, most urgent first.
func (a *API) listAlerts(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	q := readQuery(r, "state", "resolved_after")
	states, after := q.list("state"), q.time("resolved_after", time.Time{})
	if q.err != nil {
		return q.err
	}
	wanted := map[alerting.State]bool{}
	for _, state := range states {
		switch s := alerting.State(state); s {
		case alerting.Firing, alerting.Acknowledged, alerting.Suppressed, alerting.Pending, alerting.Resolved:
			wanted[s] = true
		default:
			return fault.Invalid("state %.40q: want firing, acknowledged, suppressed, pending or resolved", state)
		}
	}
	views, err := a.deps.Alerts.Alerts(r.Context(), after)
	if err != nil {
		return err
	}
	list := alertList{Alerts: []alertDTO{}}
	for i := range views {
		if len(wanted) == 0 || wanted[views[i].State] {
			list.Alerts = append(list.Alerts, showAlert(&views[i]))
		}
	}
	return answer(w, http.StatusOK, list)
}

// getAlert answers GET /alerts/{id}.
func (a *API) getAlert(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	v, err := a.deps.Alerts.Alert(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, showAlert(&v))
}

type newAck struct {
	Note string `json:"note"`
	For  string `json:"for"`
}

// acknowledgeAlert answers POST /alerts/{id}/acknowledge: the caller has it.
func (a *API) acknowledgeAlert(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	var body newAck
	if r.ContentLength != 0 {
		if err := readBody(r, &body); err != nil {
			return err
		}
	}
	length, err := lengthOf(body.For)
	if err != nil {
		return err
	}
	until := time.Time{}
	if length > 0 {
		until = time.Now().Add(length)
	}
	id := r.PathValue("id")
	if err := a.deps.Alerts.Acknowledge(r.Context(), id, caller(r.Context()), body.Note, until); err != nil {
		return err
	}
	v, err := a.deps.Alerts.Alert(r.Context(), id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, showAlert(&v))
}

// lengthOf reads the member `for`; 0 when it is not given.
func lengthOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	length, err := units.ParseDuration(text)
	if err != nil || length <= 0 {
		return 0, fault.Invalid("for %.40q: want a time such as 30m, 2h or 7d", text)
	}
	return length.Std(), nil
}

// unacknowledgeAlert answers DELETE /alerts/{id}/acknowledge.
func (a *API) unacknowledgeAlert(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	if err := a.deps.Alerts.Unacknowledge(r.Context(), r.PathValue("id"), caller(r.Context())); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
