package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
)

// deliveriesCard is who was told what.
type deliveriesCard struct {
	Rows     []deliveryRow
	Receiver string // only of this one; "" for all
	Alert    string // page of the alert that they are about; "" on the list
	Older    string
	Newest   string // link to the first page, when this is another one
	CanWrite bool
}

// deliveryRow is one notification.
type deliveryRow struct {
	ID           int64
	State, Word  string // class and what became of it
	At           moment
	Receiver     string
	Kind, Reason string
	Alerts       []toldRow
	More         int
	Counts       string // "2 firing, 1 resolved"
	Tries        string
	Next         string // "next in 40 s"
	Error        string
	Retry        string // path; "" when there is nothing to try
}

type toldRow struct{ Name, Link, Summary string }

var deliveryStates = map[string][2]string{
	"delivered": {"up", "delivered"}, "waiting": {"degraded", "waiting"}, "failed": {"down", "failed"}, "superseded": {"paused", "overtaken by newer news"},
}

func deliveryRowOf(d *alerting.Delivery, now time.Time) deliveryRow {
	row := deliveryRow{
		ID: d.ID, At: moment{d.Created}, Receiver: d.Receiver, Kind: d.Kind, Error: cut(d.Error, 1000), Tries: plural(d.Tries, "try"),
		State: "unknown", Word: d.State,
	}
	if d.Tries > 1 {
		row.Tries = count(d.Tries) + " tries"
	}
	if s, ok := deliveryStates[d.State]; ok {
		row.State, row.Word = s[0], s[1]
	}
	switch d.Reason {
	case "escalate":
		row.Reason = "escalation"
	case "test":
		row.Reason = "test"
	}
	for i := range d.Alerts[:min(len(d.Alerts), deliveryNames)] {
		a := &d.Alerts[i]
		told := toldRow{Name: cut(a.Name, 200), Summary: cut(a.Summary, 300)}
		if a.ID != "" && d.Reason != "test" {
			told.Link = alertPath(a.ID)
		}
		row.Alerts = append(row.Alerts, told)
	}
	row.More = len(d.Alerts) - len(row.Alerts)
	switch {
	case d.Firing > 0 && d.Resolved > 0:
		row.Counts = count(d.Firing) + " firing, " + count(d.Resolved) + " resolved"
	case d.Resolved > 0:
		row.Counts = count(d.Resolved) + " resolved"
	case d.Firing > 0:
		row.Counts = count(d.Firing) + " firing"
	}
	if d.State == "waiting" {
		row.Next = "next try now"
		if left := d.Next.Sub(now); left >= time.Second {
			row.Next = "next try in " + span(left)
		}
	}
	if d.State == "waiting" || d.State == "failed" {
		row.Retry = "/alerts/deliveries/" + strconv.FormatInt(d.ID, 10) + "/retry"
	}
	return row
}

func (u *UI) deliveriesCard(r *http.Request, card *deliveriesCard, now time.Time) error {
	query := r.URL.Query()
	card.Receiver, card.CanWrite = cut(query.Get("receiver"), 200), u.viewer(r).CanWrite
	before, err := strconv.ParseInt(query.Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0
	}
	read := func() ([]alerting.Delivery, error) {
		return u.Alerts.Deliveries(r.Context(), card.Receiver, before, deliveryRows+1)
	}
	var list []alerting.Delivery
	if before == 0 && card.Receiver == "" {
		list, _, err = u.deliveriesKept.get(now, 0, read) // what is shown when it cannot be read
	} else {
		list, err = read()
	}
	page := func(before int64) string {
		q := url.Values{}
		if card.Receiver != "" {
			q.Set("receiver", card.Receiver)
		}
		if before > 0 {
			q.Set("before", strconv.FormatInt(before, 10))
		}
		if len(q) == 0 {
			return "/alerts#deliveries"
		}
		return "?" + q.Encode() + "#deliveries"
	}
	if before > 0 {
		card.Newest = page(0)
	}
	if len(list) > deliveryRows {
		list = list[:deliveryRows]
		card.Older = page(list[deliveryRows-1].ID)
	}
	for i := range list {
		card.Rows = append(card.Rows, deliveryRowOf(&list[i], now))
	}
	return err
}
