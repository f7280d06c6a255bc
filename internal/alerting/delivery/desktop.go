package delivery

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// KindDesktop is the kind of channel that tells open pages, which show it as the
// browser's own notification.
const KindDesktop = "desktop"

// LiveEvent is the kind of the event on the live stream, with an Event.
const LiveEvent = "notification"

// Event is a notification for whoever looks at a page. It holds no more than any
// viewer may read, and nothing that must be escaped: it is text.
type Event struct {
	// Tag names what it is about: a later notification with the same tag takes the
	// place of an earlier one (the `tag` of the browser's Notification).
	Tag      string `json:"tag"`
	State    State  `json:"state"`    // firing or resolved
	Severity string `json:"severity"` // the worst: critical, warning, info
	Title    string `json:"title"`    // "Critical: error rate of orders"
	Text     string `json:"text"`     // a sentence
	Link     string `json:"link"`     // path of the page with the data: "/alerts/…"
	Firing   int    `json:"firing"`
	Resolved int    `json:"resolved"`
}

// desktop is the channel to open pages. It is a notify.Notifier; what nobody sees
// is not tried again.
type desktop struct {
	publisher Publisher

	mu   sync.Mutex
	last map[string]shown
}

type shown struct {
	what uint64
	at   time.Time
}

func newDesktop(p Publisher) *desktop { return &desktop{publisher: p, last: map[string]shown{}} }

// sameNews is how long the same news are not shown twice: several receivers may get them.
const sameNews = 30 * time.Second

// Notify implements notify.Notifier. It never fails.
func (d *desktop) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	if d.publisher == nil || len(alerts) == 0 {
		return false, nil
	}
	labels, _ := notify.GroupLabels(ctx)
	e := eventOf(alerts)
	e.Tag = "g" + labels.Fingerprint().String()
	if d.fresh(e.Tag, alerts) {
		d.publisher.Publish(LiveEvent, e)
	}
	return false, nil
}

// fresh reports whether these news of a group were not shown just now.
func (d *desktop) fresh(tag string, alerts []*alert.Alert) bool {
	h := fnv.New64a()
	for _, a := range alerts {
		_, _ = fmt.Fprint(h, a.Fingerprint(), a.Status(), a.StartsAt.UnixMilli())
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for t, s := range d.last {
		if now.Sub(s.at) > sameNews {
			delete(d.last, t)
		}
	}
	if s, ok := d.last[tag]; ok && s.what == h.Sum64() {
		return false
	}
	d.last[tag] = shown{h.Sum64(), now}
	return true
}

func eventOf(alerts []*alert.Alert) Event {
	e := Event{State: stateResolved}
	first := alerts[0]
	for _, a := range alerts {
		if a.Resolved() {
			e.Resolved++
			continue
		}
		if e.Firing == 0 || rank(a) > rank(first) {
			first = a
		}
		e.Firing++
		e.State = stateFiring
	}
	e.Severity = string(first.Labels["severity"])
	summary := string(first.Annotations["summary"])
	if summary == "" {
		summary = first.Name()
	}
	e.Title = titleWord(e.State, e.Severity) + ": " + summary
	if e.State == stateFiring && first.Annotations[noteEscalation] != "" {
		e.Title = "Escalated: " + e.Title
	}
	e.Title = clip(e.Title, 120)
	switch more := len(alerts) - 1; {
	case more > 0:
		e.Text = fmt.Sprintf("and %d more", more)
	default:
		e.Text = clip(string(first.Annotations["description"]), 200)
	}
	e.Link = "/alerts/" + first.Fingerprint().String()
	return e
}

// titleWord begins a title.
func titleWord(state State, severity string) string {
	switch {
	case state == stateResolved:
		return "Resolved"
	case severity == "critical":
		return "Critical"
	case severity == "warning":
		return "Warning"
	default:
		return "Alert"
	}
}

// rank orders alerts by their severity.
func rank(a *alert.Alert) int {
	switch a.Labels["severity"] {
	case "critical":
		return 3
	case "warning":
		return 2
	case "info":
		return 1
	}
	return 0
}
