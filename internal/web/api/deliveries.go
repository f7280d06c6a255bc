package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/fault"
)

type deliveryDTO struct {
	ID       int64           `json:"id"`
	Receiver string          `json:"receiver"`
	Kind     string          `json:"kind"`
	Reason   string          `json:"reason"`
	State    string          `json:"state"`
	Firing   int             `json:"firing"`
	Resolved int             `json:"resolved"`
	Alerts   []alerting.Told `json:"alerts"`
	Created  stamp           `json:"created"`
	Tries    int             `json:"tries"`
	Last     stamp           `json:"last,omitzero"`
	Next     stamp           `json:"next,omitzero"`
	Error    string          `json:"error,omitempty"`
}

type deliveryList struct {
	Deliveries []deliveryDTO `json:"deliveries"`
	Next       string        `json:"next,omitempty"`
}

// listDeliveries answers GET /deliveries, newest first.
func (a *API) listDeliveries(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	q := readQuery(r, "receiver", "limit", "cursor")
	limit, before := q.limit(), int64(0)
	if cursor := q.cursor(); cursor != "" {
		var err error
		if before, err = strconv.ParseInt(cursor, 10, 64); err != nil || before < 1 {
			q.damagedCursor()
		}
	}
	if q.err != nil {
		return q.err
	}
	deliveries, err := a.deps.Alerts.Deliveries(r.Context(), q.text("receiver"), before, limit)
	if err != nil {
		return err
	}
	list := deliveryList{Deliveries: []deliveryDTO{}}
	for _, d := range deliveries {
		told := d.Alerts
		if told == nil {
			told = []alerting.Told{}
		}
		list.Deliveries = append(list.Deliveries, deliveryDTO{
			d.ID, d.Receiver, d.Kind, d.Reason, d.State, d.Firing, d.Resolved, told, stamp(d.Created), d.Tries, stamp(d.Last), stamp(d.Next), d.Error,
		})
	}
	if len(deliveries) == limit {
		list.Next = nextCursor(strconv.FormatInt(deliveries[limit-1].ID, 10))
	}
	return answer(w, http.StatusOK, list)
}

// retryDelivery answers POST /deliveries/{id}/retry: it is tried again now.
func (a *API) retryDelivery(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return fault.NotFound("there is no delivery %.40q", r.PathValue("id"))
	}
	if err := a.deps.Alerts.Retry(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

type receiverList struct {
	Receivers []alerting.Receiver `json:"receivers"`
}

// listReceivers answers GET /receivers.
func (a *API) listReceivers(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := receiverList{Receivers: []alerting.Receiver{}}
	for _, receiver := range a.deps.Alerts.Receivers() {
		if receiver.Integrations == nil {
			receiver.Integrations = []string{}
		}
		list.Receivers = append(list.Receivers, receiver)
	}
	return answer(w, http.StatusOK, list)
}

// testReceiver answers POST /receivers/{name}/test, once the receiver has
// answered to an example.
func (a *API) testReceiver(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	name := r.PathValue("name")
	err := a.deps.Alerts.Test(r.Context(), name, caller(r.Context()))
	if err != nil && fault.KindOf(err) == "" {
		err = &fault.Error{Kind: fault.KindUnavailable, Code: "receiver_failed", Message: fmt.Sprintf("%s did not take it: %s", name, err), Err: err}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type recipientDTO struct {
	Receiver string   `json:"receiver"`
	Route    string   `json:"route"`
	GroupBy  []string `json:"group_by"`
	WaitMS   float64  `json:"wait_ms"`
	RepeatMS float64  `json:"repeat_ms"`
	Then     []thenTo `json:"escalates,omitempty"`
}

type thenTo struct {
	To      string  `json:"to"`
	AfterMS float64 `json:"after_ms"`
}

type recipientList struct {
	Recipients []recipientDTO `json:"recipients"`
}

// listRecipients answers GET /receivers/of?label=api=shop: who would get an alert
// with these labels.
func (a *API) listRecipients(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Alerts == nil {
		return absent("alerts")
	}
	q := readQuery(r, "label")
	if q.err != nil {
		return q.err
	}
	labels := map[string]string{}
	for _, pair := range q.values["label"] {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return fault.Invalid("label %.80q: want name=value, such as severity=critical", pair)
		}
		labels[name] = value
	}
	list := recipientList{Recipients: []recipientDTO{}}
	for _, to := range a.deps.Alerts.Recipients(labels) {
		d := recipientDTO{Receiver: to.Receiver, Route: to.Route, GroupBy: to.GroupBy, WaitMS: millis(to.Wait), RepeatMS: millis(to.Repeat)}
		if d.GroupBy == nil {
			d.GroupBy = []string{}
		}
		for _, e := range to.Escalates {
			d.Then = append(d.Then, thenTo{e.To, millis(e.After.Std())})
		}
		list.Recipients = append(list.Recipients, d)
	}
	return answer(w, http.StatusOK, list)
}
