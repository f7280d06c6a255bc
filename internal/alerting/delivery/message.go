package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/template"
)

// Message is the body of a signed webhook without a template. Its JSON Schema is
// docs/reference/signed-webhook.schema.json.
type Message struct {
	Type      string    `json:"type"`      // alert.firing or alert.resolved
	Timestamp time.Time `json:"timestamp"` // of this try
	Data      News      `json:"data"`
}

// News are what a Message tells.
type News struct {
	Receiver  string            `json:"receiver"`
	Status    string            `json:"status"` // firing while one of the alerts does, else resolved
	Reason    string            `json:"reason"` // "first notification", "new alerts added", …
	Firing    int               `json:"firing"`
	Resolved  int               `json:"resolved"`
	Labels    map[string]string `json:"group_labels"` // those that all alerts share, by the route's group_by
	Alerts    []AlertNews       `json:"alerts"`
	Truncated int               `json:"truncated"` // alerts that are not in the list
	URL       string            `json:"url"`       // of the page of alerts
}

// AlertNews is one alert of a Message.
type AlertNews struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Status      string            `json:"status"`
	Severity    string            `json:"severity,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Starts      time.Time         `json:"starts"`
	Ends        *time.Time        `json:"ends,omitempty"`
	URL         string            `json:"url"` // where it is acknowledged
}

// maxInMessage is how many alerts a Message lists.
const maxInMessage = 1000

func messageOf(data *template.Data, now time.Time) *Message {
	m := &Message{Type: "alert." + data.Status, Timestamp: now.UTC(), Data: News{
		Receiver: data.Receiver, Status: data.Status, Reason: data.NotificationReason, Labels: data.GroupLabels,
		Firing: len(data.Alerts.Firing()), Resolved: len(data.Alerts.Resolved()),
		Alerts: []AlertNews{}, URL: data.ExternalURL + "/alerts",
	}}
	for i := range data.Alerts {
		if i == maxInMessage {
			m.Data.Truncated = len(data.Alerts) - maxInMessage
			break
		}
		a := &data.Alerts[i]
		news := AlertNews{
			ID: a.Fingerprint, Name: a.Labels["alertname"], Status: a.Status, Severity: a.Labels["severity"],
			Labels: a.Labels, Annotations: a.Annotations, Starts: a.StartsAt.UTC(), URL: data.ExternalURL + "/alerts/" + a.Fingerprint,
		}
		if a.Status == string(stateResolved) {
			ends := a.EndsAt.UTC()
			news.Ends = &ends
		}
		m.Data.Alerts = append(m.Data.Alerts, news)
	}
	return m
}

type messageKey struct{}

// withMessageID lets a channel that tells its receiver which message it is send
// the same ID each time it is tried again.
func withMessageID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, messageKey{}, id)
}

func messageID(ctx context.Context) string {
	id, _ := ctx.Value(messageKey{}).(string)
	return id
}

// id names what is sent: the notification, and how its alerts stand. A later try
// with the same contents has the same ID; a repetition after hours has not.
func (n *news) id(alerts []*alert.Alert) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\n%s\n%d\n", n.groupKey, n.reason, n.begun.UnixMilli())
	for _, a := range alerts {
		_, _ = fmt.Fprintf(h, "%s %d", a.Fingerprint(), a.StartsAt.UnixMilli())
		if a.Resolved() { // the end of one that goes on is a guess, which moves
			_, _ = fmt.Fprintf(h, " %d", a.EndsAt.UnixMilli())
		}
		_, _ = fmt.Fprintln(h)
	}
	return "msg_" + hex.EncodeToString(h.Sum(nil)[:16])
}
