package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/metrics/rules"
	"lapwing.dev/lapwing/internal/slo"
)

// told remembers what it was told.
type told struct {
	mu      sync.Mutex
	synced  map[string][]alerting.Alert
	added   map[string][]alerting.Alert
	pending map[string][]alerting.Alert
	put     []alerting.Alert
}

func (t *told) Put(_ context.Context, alerts ...alerting.Alert) error {
	t.put = append(t.put, alerts...)
	return nil
}

func (t *told) Sync(_ context.Context, source string, firing []alerting.Alert) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.synced == nil {
		t.synced = map[string][]alerting.Alert{}
	}
	t.synced[source] = firing
	return nil
}

func (t *told) Add(_ context.Context, source string, firing []alerting.Alert) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.added == nil {
		t.added = map[string][]alerting.Alert{}
	}
	t.added[source] = append(t.added[source], firing...)
	return nil
}

func (t *told) SetPending(source string, pending []alerting.Alert) {
	t.pending = map[string][]alerting.Alert{source: pending}
}

func telling(t *testing.T) (*teller, *told) {
	t.Helper()
	to := &told{}
	return newTeller(tellerDeps{log: slog.New(slog.DiscardHandler), to: to, page: func(path string) string { return "https://lapwing.example" + path }}), to
}

func TestConditionsBecomeAlerts(t *testing.T) {
	teller, to := telling(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	teller.tellConditions(t.Context(), []slo.Condition{
		{Alert: slo.ErrorRateHigh, Severity: "critical", API: "shop", Operation: "GET /refunds", State: slo.Firing, Since: at, Fired: at.Add(time.Minute), Summary: "GET /refunds fails", Page: "/endpoints/GET/refunds?api=shop"},
		{Alert: slo.TrafficDrop, Severity: "warning", API: "shop", State: slo.Pending, Since: at, Summary: "less than usual"},
		{Alert: slo.ErrorBudgetBurn, Severity: "warning", API: "shop", Objective: "fast", Window: "1h", State: slo.NoData, Since: at, Fired: at, Summary: "burns"},
	})
	want := []alerting.Alert{
		{
			Labels:      map[string]string{"alertname": "ErrorRateHigh", "severity": "critical", "api": "shop", "operation": "GET /refunds", "source": "slo"},
			Annotations: map[string]string{"summary": "GET /refunds fails", "page": "https://lapwing.example/endpoints/GET/refunds?api=shop"},
			Starts:      at.Add(time.Minute),
		},
		{
			Labels:      map[string]string{"alertname": "ErrorBudgetBurn", "severity": "warning", "api": "shop", "objective": "fast", "window": "1h", "source": "slo"},
			Annotations: map[string]string{"summary": "burns", "page": "https://lapwing.example"},
			Starts:      at,
		},
	}
	if diff := cmp.Diff(want, to.synced[fromSLO]); diff != "" {
		t.Errorf("firing (-want +got):\n%s", diff)
	}
	if list := to.pending[fromSLO]; len(list) != 1 || list[0].Labels["alertname"] != slo.TrafficDrop {
		t.Errorf("pending: %v", list)
	}
}

func TestAnAlertThatNobodyWantsIsNotTold(t *testing.T) {
	teller, to := telling(t)
	_, err := teller.prepare(map[string]bool{"TrafficDorp": false})
	if ps, ok := err.(fault.Problems); !ok || len(ps) != 1 || ps[0].Hint != `did you mean "TrafficDrop"?` { //nolint:errorlint // Prepare promises it as it is
		t.Fatalf("a name that does not exist: %v", err)
	}
	commit, err := teller.prepare(map[string]bool{slo.TrafficDrop: false, slo.TrafficSpike: true})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	fired := time.Now()
	teller.tellConditions(t.Context(), []slo.Condition{
		{Alert: slo.TrafficDrop, API: "shop", State: slo.Firing, Fired: fired}, {Alert: slo.TrafficSpike, API: "shop", State: slo.Firing, Fired: fired},
	})
	if list := to.synced[fromSLO]; len(list) != 1 || list[0].Labels["alertname"] != slo.TrafficSpike {
		t.Errorf("told: %v", list)
	}
}

func TestAnAlertOfARuleEndsUnlessItIsToldAgain(t *testing.T) {
	teller, to := telling(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	teller.Rules(t.Context(), []rules.Alert{
		{Labels: map[string]string{"alertname": "Slow", "source": "theirs"}, Starts: at, ValidUntil: at.Add(time.Hour)},
		{Labels: map[string]string{"alertname": "Over"}, Starts: at, Ends: at.Add(time.Minute), ValidUntil: at.Add(time.Hour)},
	})
	want := []alerting.Alert{
		{Labels: map[string]string{"alertname": "Slow", "source": "theirs"}, Annotations: map[string]string{"page": "https://lapwing.example/alerts"}, Starts: at, Ends: at.Add(time.Hour)},
		{Labels: map[string]string{"alertname": "Over", "source": "rules"}, Annotations: map[string]string{"page": "https://lapwing.example/alerts"}, Starts: at, Ends: at.Add(time.Minute)},
	}
	if diff := cmp.Diff(want, to.put); diff != "" {
		t.Errorf("put (-want +got):\n%s", diff)
	}
}

func TestARuleThatWaitsIsShownAndNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teller, to := telling(t)
		teller.checks, teller.beats, teller.notices = &book{}, beats{}, &health.Registry{}
		teller.waiting = func() []rules.Alert { return []rules.Alert{{Labels: map[string]string{"alertname": "Slow"}}} }
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- teller.Run(ctx) }()
		synctest.Wait()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if list := to.pending[fromRules]; len(list) != 1 || list[0].Labels["alertname"] != "Slow" || len(to.put) != 0 {
			t.Errorf("shown are %v, told are %v", list, to.put)
		}
	})
}

func TestOneRetryIsNoNews(t *testing.T) {
	teller, _ := telling(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		run := checks.RunID(now.Add(time.Duration(i*20) * time.Minute).UnixMilli())
		teller.Observe(&checks.Result{Check: "health", Run: run, Status: checks.Up, State: checks.Up, Attempts: make([]checks.Attempt, 2)})
	}
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{80 * time.Minute, 4}, {125 * time.Minute, 1}, {3 * time.Hour, 0}} {
		if got := teller.flaky("health", now.Add(test.after)); got != test.want {
			t.Errorf("after %s %d runs count, want %d", test.after, got, test.want)
		}
	}
	if len(teller.retried) != 0 {
		t.Errorf("what is over is kept: %v", teller.retried)
	}
}

// book is checks that stand as a test wants.
type book struct{ views []checks.View }

func (b *book) List() []checks.View                 { return b.views }
func (b *book) TraceID(string, checks.RunID) string { return "" }
func (b *book) Detail(context.Context, string, checks.RunID) (*checks.Result, *checks.Evidence, error) {
	return nil, nil, fault.NotFound("there is no such run")
}

// beats is no heartbeats at all.
type beats struct{}

func (beats) List() []heartbeats.View { return nil }

func (t *told) firing(source string) []alerting.Alert {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.synced[source]
}

func TestManyChecksThatGoOnFailingAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teller, to := telling(t)
		teller.checks, teller.beats, teller.notices = &book{views: []checks.View{{ID: "orders", Name: "orders", State: checks.Down}}}, beats{}, &health.Registry{}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- teller.Run(ctx) }()
		synctest.Wait()
		to.mu.Lock()
		to.synced = nil // of the start
		to.mu.Unlock()
		for range 20 { // somewhere a check fails every 50 ms
			teller.Observe(&checks.Result{Check: "orders", Status: checks.Down, State: checks.Down})
			time.Sleep(50 * time.Millisecond)
		}
		if list := to.firing(fromChecks); len(list) != 1 {
			t.Errorf("after a second of failures there are the alerts %v", list)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAStartEndsNothingThatItDoesNotKnowYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teller, to := telling(t)
		teller.checks, teller.beats, teller.notices = &book{}, beats{}, &health.Registry{}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- teller.Run(ctx) }()
		synced := func() []string {
			synctest.Wait()
			to.mu.Lock()
			defer to.mu.Unlock()
			return slices.Sorted(maps.Keys(to.synced))
		}
		for _, test := range []struct {
			after time.Duration
			want  []string
		}{
			{0, []string{fromChecks, fromHeartbeats}},
			{3 * time.Minute, []string{fromChecks, fromHealth, fromHeartbeats}},
			{2 * time.Hour, []string{fromChecks, fromHealth, fromHeartbeats, fromRetries}},
		} {
			time.Sleep(test.after)
			if diff := cmp.Diff(test.want, synced()); diff != "" {
				t.Errorf("after %s, sources that told all of it (-want +got):\n%s", test.after, diff)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestLabelsThatBecomeOneAreAlwaysTheSameAlert(t *testing.T) {
	teller, _ := telling(t)
	view := checks.View{ID: "a", Name: "a", State: checks.Down, Labels: map[string]string{"a-b": "1", "a_b": "2", "a.b": "3", "": "x", "long": strings.Repeat("é", 9000)}}
	teller.checks = &book{views: []checks.View{view}}
	for range 50 {
		failing, _ := teller.ofChecks(t.Context())
		if failing[0].Labels["a_b"] != "2" || len(failing[0].Labels["long"]) > 210 {
			t.Fatalf("the labels are %v", failing[0].Labels)
		}
	}
}

func TestAnErrorRateTellsOfARequestThatFailed(t *testing.T) {
	teller, to := telling(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	asked := 0
	teller.failures = func(api, operation string, since time.Time, most int) []slo.TopError {
		if asked++; api != "shop" || operation != "GET /refunds" || !since.Before(at) || most != 1 {
			t.Errorf("asked for %d of %s %s since %s", most, api, operation, since)
		}
		return []slo.TopError{{Status: 503, Message: "the payment provider is away", Example: slo.Example{
			Method: "GET", Path: "/refunds", Duration: 6412 * time.Microsecond, Upstream: "http://127.0.0.1:8000", RequestID: "r-1", TraceID: "4bf9",
		}}}
	}
	conditions := []slo.Condition{{Alert: slo.ErrorRateHigh, API: "shop", Operation: "GET /refunds", State: slo.Firing, Since: at, Fired: at}}
	for range 2 {
		teller.tellConditions(t.Context(), conditions)
	}
	want := "GET /refunds\n503 Service Unavailable in 6.4ms, from http://127.0.0.1:8000\nthe payment provider is away\nrequest r-1"
	if got := to.synced[fromSLO][0].Annotations; got["evidence"] != want || got["trace"] != "4bf9" || asked != 1 {
		t.Errorf("asked %d times, it tells %q", asked, got)
	}
	if teller.tellConditions(t.Context(), nil); len(teller.failed) != 0 {
		t.Errorf("what is over is kept: %v", teller.failed)
	}
}
