package slo_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/middleware/observe"
)

func TestTopErrorsTellWhatFailsSinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, api())
		start := time.Now().UTC()
		e := exchange("/refunds", 502, time.Now(), time.Millisecond)
		e.Error, e.TraceID = observe.ErrorConnect, [16]byte{1, 2}
		b.Observe(e)
		b.send("/refunds", 500, 3, time.Millisecond)
		b.send("/orders", 200, 100, time.Millisecond)
		time.Sleep(2 * time.Hour)
		b.send("/refunds", 500, 4, time.Millisecond)
		b.Observe(exchange("/orders", 503, time.Now().Add(-time.Hour), time.Millisecond)) // a line that is read late
		for i := range 5 {
			b.ObserveMessage("orders", "POST /orders", fmt.Sprintf("pq: duplicate key value (id)=(%d) for \"user-%d\"", 4711+i, i), time.Now())
		}
		b.ObserveMessage("unknown", "", "nobody's", time.Now())
		time.Sleep(6 * time.Second)
		synctest.Wait()

		ignore := cmpopts.IgnoreFields(slo.TopError{}, "Example", "First", "Last")
		all := []slo.TopError{
			{API: "orders", Operation: "GET /refunds", Status: 500, Count: 7},
			{API: "orders", Operation: "POST /orders", Fingerprint: `pq: duplicate key value (id)=(#) for "…"`, Message: `pq: duplicate key value (id)=(4715) for "user-4"`, Count: 5},
			{API: "orders", Operation: "GET /orders", Status: 503, Count: 1},
			{API: "orders", Operation: "GET /refunds", Status: 502, Class: "connect", Count: 1},
		}
		got := b.TopErrors("", "", start.Add(-time.Hour), 10)
		if diff := cmp.Diff(all, got, ignore); diff != "" {
			t.Fatalf("kinds (-want +got):\n%s", diff)
		}
		last := got[3]
		if !last.First.Equal(e.Time) || last.Example.TraceID != "01020000000000000000000000000000" || last.Example.Path != "/refunds" || last.Example.Upstream == "" {
			t.Errorf("got %+v", last)
		}
		if first := got[0]; !first.First.Before(start.Add(time.Minute)) || first.Last.Before(start.Add(2*time.Hour)) {
			t.Errorf("from %s to %s", first.First, first.Last)
		}
		recent := b.TopErrors("orders", "GET /refunds", time.Now().Add(-30*time.Minute), 10)
		if len(recent) != 1 || recent[0].Count != 4 {
			t.Errorf("in the last half hour: %+v", recent)
		}
		if list := b.TopErrors("", "", start.Add(-time.Hour), 1); len(list) != 1 {
			t.Errorf("%d kinds, asked for one", len(list))
		}
		b.stop()
		b = work(t, store, api())
		if diff := cmp.Diff(got, b.TopErrors("", "", start.Add(-time.Hour), 10)); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
	})
}

func TestKindsOfFailuresAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, api())
		for i := range slo.MaxKinds + 500 {
			b.ObserveMessage("orders", "", fmt.Sprintf("failure of kind %c%c%c", 'g'+i%20, 'g'+i/20%20, 'g'+i/400%20), time.Now())
			time.Sleep(time.Millisecond)
		}
		if n := len(b.TopErrors("", "", time.Time{}, 1e6)); n != slo.MaxKinds {
			t.Errorf("%d kinds", n)
		}
		for status := 500; status < 600; status++ { // more than an operation has cells for
			b.send("/orders", status, 2, time.Millisecond)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		var sum uint64
		for _, e := range b.TopErrors("orders", "GET /orders", time.Time{}, 1e6) {
			sum += e.Count
		}
		if sum != 200 {
			t.Errorf("%d failures, want 200", sum)
		}
	})
}

func metricsAPI() catalog.API {
	a := api()
	a.ErrorRate.Source, a.ErrorRate.Selector = "metrics", `{job="shop"}`
	a.Objectives = []catalog.Objective{{Name: "fast", Target: .9, Latency: 250e6}}
	return a
}

func TestAnAPIThatOnlyTellsMetricsIsJudgedByThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		series := &counters{values: map[string]float64{}}
		b := workWith(t, &memory{}, slo.Deps{Query: series.query}, metricsAPI())
		series.add("a:1", "GET", "/orders", "200", 1_000_000) // what was before is not counted
		series.add("b:1", "GET", "/orders", "200", 5)
		time.Sleep(6 * time.Second)
		series.add("a:1", "GET", "/orders", "200", 60)
		series.add("a:1", "GET", "/orders", "500", 40)
		b.send("/orders", 500, 1000, time.Millisecond) // exchanges do not count twice
		time.Sleep(11 * time.Second)
		b.want("critical ErrorRateHigh GET /orders firing")
		e, _ := b.Endpoint("orders", "GET /orders")
		if e.Requests != 100 || e.Errors != 40 || e.Status != [6]uint64{2: 60, 5: 40} {
			t.Errorf("got %+v", e)
		}
		if e.P50 < 100*time.Millisecond || e.P50 > 250*time.Millisecond || e.P99 < 250*time.Millisecond || e.P99 > time.Second {
			t.Errorf("p50 %s, p99 %s", e.P50, e.P99)
		}
		if got := b.Budgets()[0]; got.Requests != 100 || got.Bad != 10 {
			t.Errorf("of %d requests, %d were slow", got.Requests, got.Bad)
		}
		series.set("b:1", "GET", "/orders", "200", 3) // restarted: it begins again at nothing
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if e, _ := b.Endpoint("orders", "GET /orders"); e.Requests != 103 {
			t.Errorf("%d requests after a restart", e.Requests)
		}
		series.set("c:1", "GET", "/orders", "200", 5_000_000) // another one, that has run for long
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if e, _ := b.Endpoint("orders", "GET /orders"); e.Requests != 103 {
			t.Errorf("%d requests with another instance", e.Requests)
		}
		series.away(true)
		time.Sleep(20 * time.Second)
		series.away(false)
		series.add("a:1", "GET", "/orders", "200", 7)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if e, _ := b.Endpoint("orders", "GET /orders"); e.Requests != 110 {
			t.Errorf("%d requests after a gap", e.Requests)
		}
	})
}

// counters are series of a Prometheus. Of each request, a tenth takes up to 1 s,
// the others up to 250 ms.
type counters struct {
	mu     sync.Mutex
	values map[string]float64
	fail   bool
}

func seriesName(instance, method, route, status string) string {
	return instance + " " + method + " " + route + " " + status
}

func (c *counters) add(instance, method, route, status string, n float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[seriesName(instance, method, route, status)] += n
}

func (c *counters) set(instance, method, route, status string, n float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[seriesName(instance, method, route, status)] = n
}

func (c *counters) query(_ context.Context, expr string, _ time.Time) ([]slo.Sample, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail {
		return nil, errors.New("the query timed out")
	}
	if !strings.Contains(expr, `{job="shop"}`) {
		return nil, fmt.Errorf("asked for %s", expr)
	}
	var list []slo.Sample
	for name, value := range c.values {
		f := strings.Fields(name)
		add := func(value float64, le string) {
			labels := map[string]string{"instance": f[0], "http_request_method": f[1], "http_route": f[2], "http_response_status_code": f[3]}
			if le != "" {
				labels["le"] = le
			}
			list = append(list, slo.Sample{Labels: labels, Value: value})
		}
		if !strings.Contains(expr, "_bucket") {
			add(value, "")
			continue
		}
		add(0, "0.1")
		add(math.Floor(value*.9), "0.25")
		add(value, "1")
		add(value, "+Inf")
	}
	return list, nil
}

func (c *counters) away(fail bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = fail
}
