package delivery

import (
	"context"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// channelKey names an integration: the second Slack channel of a receiver.
type channelKey struct {
	receiver, kind string
	index          int
}

// channel is one integration of a receiver, with the outbox behind it. It is the
// notify.Notifier that Alertmanager's pipeline calls.
type channel struct {
	key      channelKey
	notifier notify.Notifier // that sends
	resolved bool            // it is told of what ended too
	clean    *cleaner
	outbox   *Outbox
}

// Notify tries to tell the receiver at once. When it does not take the news, they
// are on disk when Notify returns, and tried again by Outbox.Run: the pipeline may
// take them for told. An error means that not even that worked.
func (c *channel) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	n, err := newsOf(ctx, alerts)
	if err != nil {
		return false, err
	}
	c.outbox.escalation.told(c.key.receiver, n, time.Now())
	if err := c.outbox.send(ctx, c, n); err != nil {
		return true, err
	}
	return false, nil
}

// machines are kinds that programs read: each of their messages is about one
// group, which they tell apart by its key. The other kinds are read by people.
func machines() map[string]bool {
	return map[string]bool{
		"webhook": true, KindSignedWebhook: true, "pagerduty": true, "opsgenie": true,
		"victorops": true, "incidentio": true, "jira": true, "sns": true,
	}
}

// Bounds of messages in a minute: of a channel that people read, and of one that programs read.
const (
	perMinutePeople   = 30
	perMinuteMachines = 600
)

func (k channelKey) people() bool { return !machines()[k.kind] }

func (k channelKey) perMinute() int {
	if k.people() {
		return perMinutePeople
	}
	return perMinuteMachines
}
