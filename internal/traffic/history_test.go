package traffic_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// running is a Manager whose time passes, in a bubble.
func running(t *testing.T, d traffic.Deps) *traffic.Manager {
	t.Helper()
	d.Log = quiet()
	m := traffic.New(d)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	synctest.Wait()
	return m
}

func TestTheHistoryHasEveryRequestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		begin := time.Now()
		for minute := range 30 {
			for range 60 {
				m.Observe(exchange(nil))
				m.Observe(exchange(func(e *observe.Exchange) { e.Method, e.Operation = "POST", "POST /orders/{id}" }))
				time.Sleep(time.Second)
			}
			if minute == 10 {
				for range 100 {
					m.Observe(exchange(func(e *observe.Exchange) { e.Status = 503 }))
				}
			}
		}
		s := m.Summary(begin, time.Now(), 60, traffic.Filter{})
		if s.Requests != 3700 || s.Failed != 100 || s.Status != [6]uint64{2: 3600, 5: 100} {
			t.Errorf("%d requests, %d failed, statuses %v", s.Requests, s.Failed, s.Status)
		}
		var sum uint64
		for i, p := range s.Points {
			sum += p.Requests
			if i > 0 && !p.At.Equal(s.Points[i-1].At.Add(p.Length)) {
				t.Errorf("point %d begins at %v, after one of %v at %v", i, p.At, p.Length, s.Points[i-1].At)
			}
		}
		if sum != s.Requests || len(s.Points) > 60 || s.Points[0].Length != 30*time.Second && s.Points[0].Length != time.Minute {
			t.Errorf("%d requests in %d points of %v", sum, len(s.Points), s.Points[0].Length)
		}
		if got := s.Rate(); got < 2.04 || got > 2.06 {
			t.Errorf("rate %v, want 3700 in 30 minutes", got)
		}
		ops := m.Operations(begin, time.Now(), traffic.Filter{})
		names := []string{}
		for _, op := range ops {
			names = append(names, fmt.Sprintf("%s %s %d", op.API, op.Name, op.Requests))
		}
		if diff := cmp.Diff([]string{"orders GET /orders/{id} 1900", "orders POST /orders/{id} 1800"}, names); diff != "" {
			t.Error(diff)
		}
		one := m.Summary(begin, time.Now(), 60, traffic.Filter{API: "orders", Operation: "POST /orders/{id}"})
		if one.Requests != 1800 || one.Failed != 0 {
			t.Errorf("of one operation: %d requests, %d failed", one.Requests, one.Failed)
		}
		if late := m.Summary(time.Now().Add(-5*time.Minute), time.Now(), 60, traffic.Filter{}); late.Requests < 590 || late.Requests > 620 {
			t.Errorf("%d requests in the last five minutes, want 600 and those of one entry", late.Requests)
		}
	})
}

// What is being counted shows at once, not when its ten seconds are over.
func TestTheLastSecondsAreInTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		time.Sleep(25 * time.Second)
		for range 7 {
			m.Observe(exchange(nil))
		}
		time.Sleep(time.Second)
		if s := m.Summary(time.Now().Add(-time.Minute), time.Now(), 60, traffic.Filter{}); s.Requests != 7 {
			t.Errorf("%d requests, want 7", s.Requests)
		}
	})
}

func TestPercentilesAreRightToThreePercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		for i := range 1000 {
			m.Observe(exchange(func(e *observe.Exchange) { e.Duration = time.Duration(i+1) * time.Millisecond }))
			m.Observe(exchange(func(e *observe.Exchange) { // refusals are quick and say nothing of the API
				e.Duration, e.Verdict, e.Status, e.Policy = time.Microsecond, observe.Rejected, 429, "per-client"
			}))
		}
		time.Sleep(time.Second)
		s := m.Summary(time.Now().Add(-time.Minute), time.Now(), 60, traffic.Filter{})
		for _, p := range []struct {
			name      string
			got, want time.Duration
		}{{"p50", s.P50, 500 * time.Millisecond}, {"p95", s.P95, 950 * time.Millisecond}, {"p99", s.P99, 990 * time.Millisecond}} {
			if off := float64(p.got)/float64(p.want) - 1; off < -.03 || off > .03 {
				t.Errorf("%s is %v, want %v", p.name, p.got, p.want)
			}
		}
		if s.Rejected != 1000 || s.Failed != 0 || s.Refused() != 1000 {
			t.Errorf("%d rejected, %d failed", s.Rejected, s.Failed)
		}
	})
}

func TestTheErrorRateLeavesRefusalsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		for range 5 {
			m.Observe(exchange(nil))
			m.Observe(exchange(func(e *observe.Exchange) { e.Status, e.Error = 502, observe.ErrorConnect }))
			m.Observe(exchange(func(e *observe.Exchange) { e.Status, e.Verdict = 503, observe.Rejected }))
			m.Observe(exchange(func(e *observe.Exchange) { e.Status, e.Verdict = 403, observe.Blocked }))
			m.Observe(exchange(func(e *observe.Exchange) { e.Status, e.Error = 0, observe.ErrorClientGone }))
		}
		time.Sleep(time.Second)
		s := m.Summary(time.Time{}, time.Now(), 60, traffic.Filter{})
		if s.Requests != 25 || s.Failed != 5 || s.ErrorRate() != 5./15 {
			t.Errorf("%d requests, %d failed, error rate %v", s.Requests, s.Failed, s.ErrorRate())
		}
	})
}

func TestPoliciesTellWhatTheyDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{Waiting: func() int64 { return 12 }})
		for range 3 {
			m.Observe(exchange(func(e *observe.Exchange) {
				e.Verdict, e.Policy, e.Phases.Queued = observe.Delayed, "per-client", 2*time.Second
			}))
			m.Observe(exchange(func(e *observe.Exchange) { e.Verdict, e.Policy, e.Status = observe.Rejected, "per-client", 429 }))
			m.Observe(exchange(func(e *observe.Exchange) { e.Shadow = "strict" }))
			m.Observe(exchange(func(e *observe.Exchange) { e.Verdict, e.Policy, e.Status = observe.Blocked, "path-scan", 403 }))
			m.Observe(exchange(func(e *observe.Exchange) { e.Verdict, e.Policy, e.Status = observe.Unauthorized, "jwt", 401 }))
			time.Sleep(15 * time.Second)
		}
		want := []traffic.Policy{
			{Kind: traffic.KindLimit, Name: "per-client", Delayed: 3, Waited: 6 * time.Second, Refused: 3},
			{Kind: traffic.KindLimit, Name: "strict", Shadow: 3},
			{Kind: traffic.KindBlock, Name: "path-scan", Refused: 3},
			{Kind: traffic.KindAuth, Name: "jwt", Refused: 3},
		}
		if diff := cmp.Diff(want, m.Policies(time.Now().Add(-time.Minute), time.Now())); diff != "" {
			t.Error(diff)
		}
		if s := m.Summary(time.Time{}, time.Now(), 10, traffic.Filter{}); s.Waiting != 12 {
			t.Errorf("%d waiting, want 12", s.Waiting)
		}
	})
}

func TestTheHistoryEndsAfterThreeHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		for range 4 * 60 {
			m.Observe(exchange(nil))
			time.Sleep(time.Minute)
		}
		s := m.Summary(time.Time{}, time.Now(), 1000, traffic.Filter{})
		if covered := s.To.Sub(s.From).Round(time.Minute); covered != 3*time.Hour || s.Requests < 179 || s.Requests > 181 {
			t.Errorf("the history has %d requests of %v", s.Requests, covered)
		}
	})
}

// However much happens, the history keeps to its memory: the oldest part goes.
func TestTheHistoryKeepsToItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{Bounds: traffic.Bounds{Memory: units.MiB, Operations: 400}})
		for range 200 {
			for op := range 400 {
				e := exchange(nil)
				e.Route = fmt.Sprintf("/things/%d", op)
				m.Observe(e)
			}
			time.Sleep(10 * time.Second)
		}
		s := m.Summary(time.Time{}, time.Now(), 1000, traffic.Filter{})
		covered := s.To.Sub(s.From)
		if covered < 5*time.Minute || covered > 30*time.Minute {
			t.Errorf("1 MiB covers %v of 400 busy operations, want some of the 33 minutes", covered)
		}
	})
}

func TestCountingLosesNothingUnderConcurrency(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := range 2000 {
				e := exchange(nil)
				e.Route = fmt.Sprintf("/r/%d", (i+w)%50)
				e.Status = 200 + i%7*100
				if e.Status >= 600 {
					e.Status = 400
				}
				m.Observe(e)
			}
		})
	}
	workers.Wait()
	s := m.Summary(time.Time{}, time.Now(), 10, traffic.Filter{})
	var byStatus uint64
	for _, n := range s.Status {
		byStatus += n
	}
	if s.Requests != 16_000 || byStatus != 16_000 || len(m.Operations(time.Time{}, time.Now(), traffic.Filter{})) != 50 {
		t.Errorf("%d requests, %d by status", s.Requests, byStatus)
	}
}

// The first and the last point are cut by the range; their rates are right all
// the same.
func TestRatesAreOfWhatIsCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		time.Sleep(500 * time.Millisecond) // between two ticks
		for range 10 * 60 {
			for range 5 {
				m.Observe(exchange(nil))
			}
			time.Sleep(time.Second)
		}
		s := m.Summary(time.Now().Add(-317*time.Second), time.Now(), 8, traffic.Filter{})
		if len(s.Points) < 6 || s.Points[0].Covered == s.Points[0].Length {
			t.Fatalf("%d points, the first covers %v of %v", len(s.Points), s.Points[0].Covered, s.Points[0].Length)
		}
		for i := range s.Points {
			if s.Points[i].Covered < time.Second {
				continue // of less than one burst
			}
			if rate := s.Points[i].Rate(); rate < 4.8 || rate > 5.2 {
				t.Errorf("point %d: %v a second", i, rate)
			}
		}
		if rate := s.Rate(); rate < 4.95 || rate > 5.05 {
			t.Errorf("in all: %v a second", rate)
		}
	})
}
