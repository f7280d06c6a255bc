package uitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// Alerts is a views.Alerts in memory. The fields may be set before it is used.
type Alerts struct {
	At time.Time // now

	mu     sync.Mutex
	List   []alerting.View
	Quiet  []alerting.Silence
	Told   []alerting.Delivery // newest first
	Tell   []alerting.Receiver
	Nobody bool     // no route leads anywhere
	Called []string // actions, such as "acknowledge a1 by anna: note"
	Err    error    // of every method that reads
	Refuse error    // what receivers answer to a test
}

// RushAlerts is the shop on a busy day: refunds fail and nobody has it, a check is
// down and somebody has it, one alert is silenced, one inhibited, one is pending,
// one is over; a receiver did not answer twice.
func RushAlerts(now time.Time) *Alerts {
	view := func(id, name, severity string, state alerting.State, since time.Duration, summary string, more ...string) alerting.View {
		v := alerting.View{
			ID: id, State: state, Starts: now.Add(-since), Updated: now, Receivers: []string{"team-shop"},
			Labels:      map[string]string{alerting.LabelName: name, alerting.LabelSeverity: severity},
			Annotations: map[string]string{alerting.NoteSummary: summary},
		}
		for i := 0; i+1 < len(more); i += 2 {
			v.Labels[more[i]] = more[i+1]
		}
		return v
	}
	refunds := view("4f1a0c7be2d95a31", "ErrorRateHigh", "critical", alerting.Firing, 17*time.Minute, "POST /refunds fails: 33.4 % of 174 requests in 5 min", "api", "orders", "operation", "POST /refunds", "source", "slo", "team", "shop")
	refunds.Receivers, refunds.Escalated = []string{"on-call", "team-shop"}, []string{"head-of-shop"}
	refunds.Annotations[alerting.NoteDescription] = "46 of 174 requests were answered with 503, 12 got no answer. The first one failed at " + now.Add(-18*time.Minute).Format("15:04:05") + " UTC; usual for this hour is 0.2 %."
	refunds.Annotations[alerting.NoteEvidence] = "POST /refunds HTTP/1.1\nauthorization: [redacted]\n\nHTTP/1.1 503 Service Unavailable\ncontent-type: application/json\n\n{\"detail\":\"payment provider: connection pool exhausted (size 20, waiting 118)\"}"
	refunds.Annotations[alerting.NoteCurl] = "curl -i -X POST http://127.0.0.1:8000/refunds -H 'content-type: application/json' -d '{\"order\":88213}'"
	refunds.Annotations[alerting.NoteTrace] = "4bf92f3577b34da6a3ce929d0e0e4736"
	refunds.Annotations[alerting.NotePage] = "http://127.0.0.1:7480/endpoints/POST/refunds?api=orders"
	burn := view("91c02e5d77aa10f4", "ErrorBudgetBurn", "critical", alerting.Firing, 16*time.Minute, "the budget of “refunds go through” is spent 96 times too fast", "api", "orders", "operation", "POST /refunds", "objective", "refunds go through", "source", "slo")
	disk := view("d00dfeed00c0ffee", "DiskWillFill", "warning", alerting.Firing, 3*time.Hour, "/var on db-2 is full in 9 hours", "instance", "db-2:9100", "mountpoint", "/var", "source", "rules", "severity_reason", "linear prediction over six hours")
	down := view("0a11ce5b0b0b0001", "CheckDown", "critical", alerting.Acknowledged, 18*time.Minute, "checkout-journey is down: step 3 (refund): status = 503, want 201", "api", "orders", "check", "checkout-journey", "source", "checks")
	down.Ack = &alerting.Ack{Alert: down.ID, By: "anna", At: now.Add(-9 * time.Minute), Until: now.Add(2 * time.Hour), Note: "payment provider is on it, ticket 4711"}
	silenced := view("5eed5eed5eed5eed", "LatencyRegression", "warning", alerting.Suppressed, 47*time.Minute, "GET /reports/{month} is three times slower than on Mondays at this time", "api", "orders", "operation", "GET /reports/{month}", "source", "slo")
	silenced.SilencedBy = []string{"7c1d3e52-9b1a-4c63-8f5e-2f0a6c1f4d11"}
	inhibited := view("1414141414141414", "ErrorRateHigh", "warning", alerting.Suppressed, 17*time.Minute, "POST /refunds fails: 33.4 % of 174 requests in 5 min", "api", "orders", "operation", "POST /refunds", "source", "slo")
	inhibited.InhibitedBy = []string{refunds.ID}
	pending := view("bebebebebebebebe", "ErrorRateHigh", "warning", alerting.Pending, 40*time.Second, "GET /reports/{month} fails: 6.2 % of 69 requests in 5 min", "api", "orders", "operation", "GET /reports/{month}", "source", "slo")
	over := view("ca11ab1eca11ab1e", "TrafficSpike", "warning", alerting.Resolved, 5*time.Hour, "orders had 4 times as many requests as on Mondays at this time", "api", "orders", "source", "slo")
	over.Ends = now.Add(-4*time.Hour - 20*time.Minute)

	told := func(id int64, receiver, kind, reason, state string, tries int, ago time.Duration, alerts ...*alerting.View) alerting.Delivery {
		d := alerting.Delivery{ID: id, Receiver: receiver, Kind: kind, Reason: reason, State: state, Tries: tries, Created: now.Add(-ago), Last: now.Add(-ago), Firing: len(alerts)}
		for _, a := range alerts {
			d.Alerts = append(d.Alerts, alerting.Told{ID: a.ID, Name: a.Labels[alerting.LabelName], Summary: a.Annotations[alerting.NoteSummary], State: a.State})
		}
		return d
	}
	waiting := told(107, "on-call", "webhook", "notify", "waiting", 2, 90*time.Second, &refunds, &burn)
	waiting.Created, waiting.Next, waiting.Error = now.Add(-17*time.Minute), now.Add(41*time.Second), "POST https://pager.example.com/…: 502 Bad Gateway: upstream connect error or disconnect/reset before headers"
	failed := told(88, "head-of-shop", "email", "notify", "failed", 14, 26*time.Hour, &disk)
	failed.Error = "smtp.example.com:587: dial tcp: i/o timeout"
	resolved := told(101, "team-shop", "slack", "notify", "delivered", 1, 4*time.Hour+20*time.Minute, &over)
	resolved.Firing, resolved.Resolved = 0, 1
	test := told(97, "team-shop", "slack", "test", "delivered", 1, 6*time.Hour)
	test.Alerts = []alerting.Told{{ID: "0000000000000000", Name: "LapwingTest", Summary: "This is a test of the receiver team-shop, sent by anna.", State: alerting.Firing}}
	test.Firing = 1
	return &Alerts{
		At:   now,
		List: []alerting.View{refunds, burn, disk, down, silenced, inhibited, pending, over},
		Quiet: []alerting.Silence{
			{
				ID: "7c1d3e52-9b1a-4c63-8f5e-2f0a6c1f4d11", State: "active", By: "anna", Comment: "reports are rebuilt until noon", Starts: now.Add(-40 * time.Minute), Ends: now.Add(80 * time.Minute), Alerts: 1,
				Matchers: []alerting.Matcher{{Name: "api", Op: "=", Value: "orders"}, {Name: "operation", Op: "=~", Value: "GET /reports/.*"}, {Name: "severity", Op: "!=", Value: "critical"}},
			},
			{ID: "night-work", State: "pending", By: "local", Comment: "database upgrade", Starts: now.Add(9 * time.Hour), Ends: now.Add(11 * time.Hour), Matchers: []alerting.Matcher{{Name: "instance", Op: "=~", Value: "db-.*"}}},
			{ID: "yesterday", State: "expired", By: "ci", Comment: "deploy of orders 4.2", Starts: now.Add(-21 * time.Hour), Ends: now.Add(-20 * time.Hour), Matchers: []alerting.Matcher{{Name: "api", Op: "=", Value: "orders"}}},
		},
		Told: []alerting.Delivery{
			told(108, "head-of-shop", "email", "escalate", "delivered", 1, 7*time.Minute, &refunds),
			waiting,
			told(106, "team-shop", "slack", "notify", "delivered", 1, 17*time.Minute, &refunds, &burn, &down),
			told(105, "team-shop", "slack", "notify", "delivered", 1, 3*time.Hour, &disk),
			resolved, test,
			told(90, "team-shop", "slack", "notify", "superseded", 3, 25*time.Hour, &disk),
			failed,
		},
		Tell: []alerting.Receiver{{Name: "team-shop", Integrations: []string{"slack", "webhook"}}, {Name: "on-call", Integrations: []string{"webhook"}}, {Name: "head-of-shop", Integrations: []string{"email"}}, {Name: "nobody"}},
	}
}

func (a *Alerts) did(format string, args ...any) {
	a.Called = append(a.Called, fmt.Sprintf(format, args...))
}

// Alerts implements views.Alerts.
func (a *Alerts) Alerts(_ context.Context, resolvedAfter time.Time) ([]alerting.View, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Err != nil {
		return nil, a.Err
	}
	return slices.DeleteFunc(slices.Clone(a.List), func(v alerting.View) bool {
		return v.State == alerting.Resolved && (resolvedAfter.IsZero() || !v.Ends.After(resolvedAfter))
	}), nil
}

// Set changes the alerts while pages are being served.
func (a *Alerts) Set(list []alerting.View) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.List = list
}

func (a *Alerts) find(id string) (*alerting.View, error) {
	for i := range a.List {
		if a.List[i].ID == id {
			return &a.List[i], nil
		}
	}
	return nil, fault.NotFound("there is no alert %q", id)
}

// Alert implements views.Alerts.
func (a *Alerts) Alert(_ context.Context, id string) (alerting.View, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, err := a.find(id)
	if err != nil {
		return alerting.View{}, err
	}
	return *v, nil
}

// Acknowledge implements views.Alerts.
func (a *Alerts) Acknowledge(_ context.Context, id, by, note string, until time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, err := a.find(id)
	if err != nil {
		return err
	}
	if v.State != alerting.Firing {
		return fault.Conflict("this alert is %s, so there is nothing to acknowledge", v.State)
	}
	v.State, v.Ack = alerting.Acknowledged, &alerting.Ack{Alert: id, By: by, At: a.At, Until: until, Note: note}
	a.did("acknowledge %s by %s until %s: %s", id, by, until.Format(time.TimeOnly), note)
	return nil
}

// Unacknowledge implements views.Alerts.
func (a *Alerts) Unacknowledge(_ context.Context, id, by string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, err := a.find(id)
	if err != nil {
		return err
	}
	v.State, v.Ack = alerting.Firing, nil
	a.did("unacknowledge %s by %s", id, by)
	return nil
}

// Silences implements views.Alerts.
func (a *Alerts) Silences(_ context.Context, expiredAfter time.Time) ([]alerting.Silence, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Err != nil {
		return nil, a.Err
	}
	return slices.DeleteFunc(slices.Clone(a.Quiet), func(s alerting.Silence) bool { return s.State == "expired" && !s.Ends.After(expiredAfter) }), nil
}

// Silence implements views.Alerts.
func (a *Alerts) Silence(_ context.Context, s alerting.Silence) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.ContainsFunc(s.Matchers, func(m alerting.Matcher) bool { return m.Value == "everything" }) {
		return "", fault.Invalid("at least one matcher must not match the empty text")
	}
	s.ID, s.State = "new", "active"
	a.Quiet = append([]alerting.Silence{s}, a.Quiet...)
	a.did("silence %v for %s by %s: %s", s.Matchers, s.Ends.Sub(s.Starts), s.By, s.Comment)
	return s.ID, nil
}

// Unsilence implements views.Alerts.
func (a *Alerts) Unsilence(_ context.Context, id, by string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.Quiet {
		if s := &a.Quiet[i]; s.ID == id && s.State != "expired" {
			s.State, s.Ends = "expired", a.At
			a.did("unsilence %s by %s", id, by)
			return nil
		}
	}
	return fault.NotFound("there is no silence %q", id)
}

// Deliveries implements views.Alerts.
func (a *Alerts) Deliveries(_ context.Context, receiver string, before int64, most int) ([]alerting.Delivery, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Err != nil {
		return nil, a.Err
	}
	var list []alerting.Delivery
	for _, d := range a.Told {
		if (receiver == "" || d.Receiver == receiver) && (before == 0 || d.ID < before) && len(list) < most {
			list = append(list, d)
		}
	}
	return list, nil
}

// Retry implements views.Alerts.
func (a *Alerts) Retry(_ context.Context, id int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.Told {
		if d := &a.Told[i]; d.ID == id && (d.State == "waiting" || d.State == "failed") {
			d.State, d.Error, d.Tries, d.Last, d.Next = "delivered", "", d.Tries+1, a.At, time.Time{}
			a.did("retry %d", id)
			return nil
		}
	}
	return fault.NotFound("there is no notification %d that could be tried again", id)
}

// Receivers implements views.Alerts.
func (a *Alerts) Receivers() []alerting.Receiver { return slices.Clone(a.Tell) }

// Test implements views.Alerts.
func (a *Alerts) Test(_ context.Context, receiver, by string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.ContainsFunc(a.Tell, func(r alerting.Receiver) bool { return r.Name == receiver }) {
		return fault.NotFound("there is no receiver %q", receiver)
	}
	a.did("test %s by %s", receiver, by)
	return a.Refuse
}

// ErrPager is what a receiver says that does not take a message.
var ErrPager = errors.New("POST https://pager.example.com/…: 401 Unauthorized")

// Recipients implements views.Alerts: critical alerts go on call, everything to
// the team.
func (a *Alerts) Recipients(labels map[string]string) []alerting.Recipient {
	if a.Nobody {
		return nil
	}
	by := []string{alerting.LabelName, alerting.LabelAPI}
	list := []alerting.Recipient{{Receiver: "team-shop", Route: "{} > {api=\"orders\"}", GroupBy: by, Wait: 30 * time.Second, Repeat: 4 * time.Hour}}
	if strings.EqualFold(labels[alerting.LabelSeverity], "critical") {
		list = append([]alerting.Recipient{{
			Receiver: "on-call", Route: "{} > {severity=\"critical\"}", GroupBy: by, Repeat: time.Hour,
			Escalates: []alerting.Escalation{{Match: []string{`severity="critical"`}, After: units.Duration(10 * time.Minute), To: "head-of-shop"}},
		}}, list...)
	}
	return list
}
