package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/fault"
)

// exampleAlert is what Test sends. It says what it is in every part that a message may show.
func exampleAlert(page string, now time.Time) *alert.Alert {
	return &alert.Alert{
		Alert: model.Alert{
			Labels: model.LabelSet{
				model.AlertNameLabel: "TestNotification", "severity": "info", "api": "example", "source": "test",
			},
			Annotations: model.LabelSet{
				"summary":     "This is a test: nothing is wrong",
				"description": "Somebody tried whether Lapwing reaches this receiver. It does.",
				"evidence":    "GET https://api.example.com/orders\nHTTP 500 in 120 ms\n(an example)",
				"page":        model.LabelValue(page + "/alerts"),
			},
			StartsAt: now, EndsAt: now.Add(time.Hour), GeneratorURL: page + "/alerts",
		},
		UpdatedAt: now,
	}
}

// exampleData is what a template is tried with when the configuration is read.
func exampleData(tmpl *template.Template) *template.Data {
	t := *tmpl
	if t.ExternalURL == nil {
		t.ExternalURL = &url.URL{Scheme: "http", Host: "localhost"}
	}
	now := time.Now()
	return t.Data("example", model.LabelSet{"alertname": "TestNotification"}, nil, notify.ReasonFirstNotification.String(), exampleAlert(t.ExternalURL.String(), now))
}

// Test sends an example alert, marked as such, to each channel of a receiver, and
// returns what they said. Where a message opens an incident, it is closed again.
// It is fault.NotFound when there is no such receiver.
func (o *Outbox) Test(ctx context.Context, receiver string) error {
	o.mu.Lock()
	known := o.receivers.has(receiver)
	channels := o.receivers.order[receiver]
	shown := o.receivers.kinds[receiver]
	o.mu.Unlock()
	switch {
	case !known:
		return fault.NotFound("there is no receiver %q", receiver)
	case len(shown) == 0:
		return fault.Conflict("receiver %q has no channel: what goes to it, nobody is told", receiver)
	}
	now := time.Now()
	n := &news{
		groupKey: fmt.Sprintf("test of %s at %d", receiver, now.UnixNano()), groupLabels: model.LabelSet{"alertname": "TestNotification"},
		reason: ReasonTest, why: notify.ReasonFirstNotification, begun: now,
		alerts: []*alert.Alert{exampleAlert(o.deps.ExternalURL(), now)},
	}
	if len(channels) < len(shown) {
		_, _ = o.desktop.Notify(n.context(ctx, receiver, now), n.alerts...)
	}
	var errs []error
	for _, c := range channels {
		if err := o.testChannel(ctx, c, n); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (o *Outbox) testChannel(ctx context.Context, c *channel, n *news) error {
	start := time.Now()
	l := o.lane(c.key)
	refused := c.try(n.context(ctx, c.key.receiver, start), l, firstTry, n, n.alerts)
	o.counts.try(c.key, refused == nil, time.Since(start))
	d := Delivery{
		Receiver: c.key.receiver, Kind: c.key.kind, Reason: ReasonTest, Created: start.UTC(),
		Tries: 1, Last: time.Now().UTC(), State: Delivered,
	}
	d.Alerts, d.Firing, d.Resolved = n.told()
	if refused != nil {
		d.State, d.Error = Failed, refused.text
	}
	o.remember(&d, true)
	if refused != nil {
		return fmt.Errorf("%s: %w", c.key.kind, refused)
	}
	if c.resolved && machines()[c.key.kind] && c.key.kind != "sns" {
		over := *n.alerts[0]
		over.EndsAt = time.Now()
		closing := *n
		closing.alerts, closing.why = []*alert.Alert{&over}, notify.ReasonAllAlertsResolved
		if refused := c.try(closing.context(ctx, c.key.receiver, over.EndsAt), l, firstTry, &closing, closing.alerts); refused != nil {
			return fmt.Errorf("%s: the test arrived, but could not be closed again: %w", c.key.kind, refused)
		}
	}
	return nil
}
