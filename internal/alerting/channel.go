package alerting

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// channel stands before a channel of a receiver, and keeps from it what it knows,
// or what somebody has already:
//
//   - an end that it was told before. A restart and a reload put ended alerts once
//     more, so that no end is lost, and Alertmanager's log remembers only the last
//     notification of a group;
//   - a repetition of what is acknowledged: it names only alerts that nobody has.
//
// Other news goes through with all alerts of the group: channels take it for the
// group's state.
type channel struct {
	notify.Integration
	key string // receiver, kind and index
	m   *Manager
}

// Notify implements notify.Notifier.
func (c *channel) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	ctx, done := patient(ctx, patience)
	defer done()
	group, _ := notify.GroupKey(ctx)
	key := strings.Join([]string{group, c.key}, "\x1f")
	reason, ok := notify.NotificationReason(ctx)
	if !ok {
		return c.Integration.Notify(ctx, alerts...)
	}
	open, over := c.news(key, reason, alerts)
	switch firing := len(open) - len(over); {
	case firing == 0 && reason == notify.ReasonRepeatIntervalElapsed:
		return false, nil
	case len(over) == 0 && (reason == notify.ReasonNewResolvedAlerts || reason == notify.ReasonAllAlertsResolved):
		return false, nil
	}
	if retry, err = c.Integration.Notify(ctx, open...); err == nil && len(over) > 0 {
		c.m.journal.note(c.m.settled.add(key, over, time.Now()))
	}
	return retry, err
}

// news returns the alerts that the channel is to be told, and those of them that
// have ended.
func (c *channel) news(key string, reason notify.NotifyReason, alerts []*alert.Alert) (open, over []*alert.Alert) {
	now := time.Now()
	for _, a := range alerts {
		switch {
		case !a.ResolvedAt(now):
			if reason == notify.ReasonRepeatIntervalElapsed && c.m.acknowledged(a.Fingerprint()) {
				continue
			}
		case c.m.settled.in(key, a):
			continue
		case reason == notify.ReasonFirstNotification && c.m.settled.anywhere(a):
			continue // it was told by the route that was there before this one
		default:
			over = append(over, a)
		}
		open = append(open, a)
	}
	return slices.Clip(open), over
}

// patience is how long a message that is being sent gets when the server stops, or
// its configuration changes.
const patience = 3 * time.Second

// patient returns a context that ends a while after ctx was cancelled: a receiver
// that is answering just now has been told, and would be told twice.
func patient(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	longer, end := context.WithCancel(context.WithoutCancel(ctx)) // its deadline is the interval of the group, and delivery's tries have their own
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(while)
		defer timer.Stop()
		select {
		case <-timer.C:
			end()
		case <-longer.Done():
		}
	})
	return longer, func() {
		stop()
		end()
	}
}
