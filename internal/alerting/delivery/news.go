package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

// States of an alert that keep a waiting notification back.
const (
	stateAcknowledged State = "acknowledged"
	stateSuppressed   State = "suppressed"
)

// Annotations that a delivery adds to what its source wrote.
const (
	noteDelayed    = "delayed"    // the message is late, and why
	noteEscalation = "escalation" // why this receiver is told
)

// news is what one notification says: a group of alerts for one channel.
type news struct {
	groupKey    string
	groupLabels model.LabelSet
	routeLabels model.LabelSet
	routeID     string
	repeat      time.Duration
	why         notify.NotifyReason
	reason      string // of the delivery: notify, escalate, test
	alerts      []*alert.Alert
	since       time.Time // since when it could not be delivered; zero: it is fresh
	begun       time.Time // when it was told for the first time
	held        bool      // it waits because the receiver had enough of this minute
}

// newsOf reads from Alertmanager's pipeline what is to be told.
func newsOf(ctx context.Context, alerts []*alert.Alert) (*news, error) {
	n := &news{reason: ReasonNotify, alerts: alerts, begun: time.Now()}
	var ok bool
	if n.groupKey, ok = notify.GroupKey(ctx); !ok {
		return nil, errors.New("the notification has no group key")
	}
	n.groupLabels, _ = notify.GroupLabels(ctx)
	n.routeLabels, _ = notify.RouteLabels(ctx)
	n.routeID, _ = notify.RouteID(ctx)
	n.repeat, _ = notify.RepeatInterval(ctx)
	n.why, _ = notify.NotificationReason(ctx)
	return n, nil
}

// context is that of a pipeline in which n is told to a receiver now.
func (n *news) context(ctx context.Context, receiver string, now time.Time) context.Context {
	ctx = notify.WithReceiverName(ctx, receiver)
	ctx = notify.WithGroupKey(ctx, n.groupKey)
	ctx = notify.WithGroupLabels(ctx, n.groupLabels)
	ctx = notify.WithRouteLabels(ctx, n.routeLabels)
	ctx = notify.WithRouteID(ctx, n.routeID)
	ctx = notify.WithRepeatInterval(ctx, n.repeat)
	ctx = notify.WithNow(ctx, now)
	ctx = notify.WithNotificationReason(ctx, n.why)
	return notify.WithNflogStore(ctx, nflog.NewStore(nil))
}

// told lists the alerts for the history.
func (n *news) told() (list []Told, firing, resolved int) {
	for _, a := range n.alerts {
		state := stateFiring
		if a.Resolved() {
			state = stateResolved
			resolved++
		} else {
			firing++
		}
		if len(list) < MaxTold {
			list = append(list, Told{
				ID: a.Fingerprint().String(), Name: a.Name(),
				Summary: clip(string(a.Annotations["summary"]), 300), State: state,
			})
		}
	}
	return list, firing, resolved
}

// annotated returns the alerts with one more annotation. The originals stay as
// they are: the pipeline shares them.
func annotated(alerts []*alert.Alert, name, text string) []*alert.Alert {
	list := make([]*alert.Alert, len(alerts))
	for i, a := range alerts {
		c := *a
		c.Annotations = maps.Clone(a.Annotations)
		if c.Annotations == nil {
			c.Annotations = model.LabelSet{}
		}
		c.Annotations[model.LabelName(name)] = model.LabelValue(text)
		list[i] = &c
	}
	return list
}

// takeOver adds what older news of the same group would have said and these do
// not: that alerts ended that are no longer in the group. Without it a receiver
// that was told of them would believe for ever that they go on. alerts is nil for
// a channel that is not told of what ended.
func (n *news) takeOver(old *news, alerts Alerts, now time.Time) {
	if n.since.IsZero() || !old.since.IsZero() && old.since.Before(n.since) {
		n.since = old.since
	}
	if alerts == nil {
		return
	}
	have := make(map[model.Fingerprint]bool, len(n.alerts))
	for _, a := range n.alerts {
		have[a.Fingerprint()] = true
	}
	for _, a := range old.alerts {
		if have[a.Fingerprint()] {
			continue
		}
		if p, state := present(a, alerts, now); state == stateResolved {
			n.alerts = append(slices.Clip(n.alerts), p)
		}
	}
}

// present returns an alert as it is now. One that nobody knows any more has ended.
func present(a *alert.Alert, alerts Alerts, now time.Time) (*alert.Alert, State) {
	p, state, known := alerts.Alert(a.Fingerprint().String())
	if known {
		if note, ok := a.Annotations[noteEscalation]; ok {
			p = annotated([]*alert.Alert{p}, noteEscalation, string(note))[0]
		}
		if p.ResolvedAt(now) {
			state = stateResolved
		}
		return p, state
	}
	if a.ResolvedAt(now) {
		return a, stateResolved
	}
	ended := *a
	ended.EndsAt, ended.UpdatedAt = now, now
	return &ended, stateResolved
}

// saved is news as they are stored.
type saved struct {
	Version     int                 `json:"v"`
	Index       int                 `json:"index"` // of the channel among those of its kind
	GroupKey    string              `json:"group_key"`
	GroupLabels model.LabelSet      `json:"group_labels,omitempty"`
	RouteLabels model.LabelSet      `json:"route_labels,omitempty"`
	RouteID     string              `json:"route_id,omitempty"`
	Repeat      time.Duration       `json:"repeat,omitempty"`
	Why         notify.NotifyReason `json:"why"`
	Since       time.Time           `json:"since,omitzero"`
	Begun       time.Time           `json:"begun"`
	Held        bool                `json:"held,omitempty"`
	Alerts      []savedAlert        `json:"alerts"`
}

type savedAlert struct {
	Labels      model.LabelSet `json:"labels"`
	Annotations model.LabelSet `json:"annotations,omitempty"`
	Starts      time.Time      `json:"starts"`
	Ends        time.Time      `json:"ends,omitzero"`
	Updated     time.Time      `json:"updated"`
	Source      string         `json:"source,omitempty"` // GeneratorURL
}

const savedVersion = 1

func (n *news) save(index int) ([]byte, error) {
	s := saved{
		Version: savedVersion, Index: index,
		GroupKey: n.groupKey, GroupLabels: n.groupLabels, RouteLabels: n.routeLabels, RouteID: n.routeID,
		Repeat: n.repeat, Why: n.why, Since: n.since, Begun: n.begun, Held: n.held,
		Alerts: make([]savedAlert, len(n.alerts)),
	}
	for i, a := range n.alerts {
		s.Alerts[i] = savedAlert{
			Labels: a.Labels, Annotations: a.Annotations,
			Starts: a.StartsAt, Ends: a.EndsAt, Updated: a.UpdatedAt, Source: a.GeneratorURL,
		}
	}
	return json.Marshal(&s)
}

func restore(payload []byte, reason string) (n *news, index int, err error) {
	var s saved
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, 0, fmt.Errorf("read what was to be delivered: %w", err)
	}
	if s.Version != savedVersion || s.GroupKey == "" || s.Index < 0 {
		return nil, 0, fmt.Errorf("what was to be delivered is of version %d; this program reads %d", s.Version, savedVersion)
	}
	n = &news{
		groupKey: s.GroupKey, groupLabels: s.GroupLabels, routeLabels: s.RouteLabels, routeID: s.RouteID,
		repeat: s.Repeat, why: s.Why, reason: reason, since: s.Since, begun: s.Begun, held: s.Held,
	}
	for _, a := range s.Alerts {
		n.alerts = append(n.alerts, &alert.Alert{
			Alert: model.Alert{
				Labels: a.Labels, Annotations: a.Annotations,
				StartsAt: a.Starts, EndsAt: a.Ends, GeneratorURL: a.Source,
			},
			UpdatedAt: a.Updated,
		})
	}
	return n, s.Index, nil
}
