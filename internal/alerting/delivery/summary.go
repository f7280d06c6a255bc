package delivery

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

// summaryOf joins news of several groups into one: each alert once, those that
// fire first, with the labels that all groups share.
func summaryOf(key channelKey, held []*item, now time.Time) *news {
	sum := &news{groupKey: "summary of " + key.receiver, reason: ReasonNotify, why: notify.ReasonNewAlertsInGroup, begun: now}
	seen := map[model.Fingerprint]bool{}
	var firing, over []*alert.Alert
	for i, it := range held {
		n := it.news
		if i == 0 {
			sum.groupLabels, sum.repeat = n.groupLabels.Clone(), n.repeat
		}
		for name, value := range sum.groupLabels {
			if n.groupLabels[name] != value {
				delete(sum.groupLabels, name)
			}
		}
		if !n.since.IsZero() && (sum.since.IsZero() || n.since.Before(sum.since)) {
			sum.since = n.since
		}
		for _, a := range n.alerts {
			if seen[a.Fingerprint()] {
				continue
			}
			seen[a.Fingerprint()] = true
			if a.Resolved() {
				over = append(over, a)
			} else {
				firing = append(firing, a)
			}
		}
	}
	sum.alerts = append(firing, over...)
	return sum
}

// alertsFor returns what is sent: the alerts, marked when they come late.
func (it *item) alertsFor(now time.Time) []*alert.Alert {
	since := it.news.since
	if since.IsZero() || now.Sub(since) < time.Minute {
		return it.news.alerts
	}
	text := "This message is " + lasting(now.Sub(since)) + " late: the receiver could not be reached before."
	return annotated(it.news.alerts, noteDelayed, text)
}

// lasting writes a duration as people say it: 45s, 20m, 3h10m, 12d.
func lasting(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d > 72*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
	text := strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		return strings.TrimSuffix(text, "0m")
	}
	return text
}
