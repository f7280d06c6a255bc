package limits

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// logOf is an access log of requests.
func logOf(list ...observe.Exchange) *bytes.Buffer {
	var log []byte
	for i := range list {
		log = append(observe.AppendJSON(log, &list[i]), '\n')
	}
	return bytes.NewBuffer(log)
}

// seen is a request of a client at a time after noon.
func seen(client string, after time.Duration) observe.Exchange {
	return observe.Exchange{
		Time: noon.Add(after), Duration: 10 * time.Millisecond, Source: observe.SourceGateway, API: "orders", Method: "GET",
		Operation: "GET /orders", Route: "/orders", Path: "/orders", Status: 200, Client: netip.MustParseAddr(client), ClientKey: client, Verdict: observe.Allowed,
	}
}

func simulate(t *testing.T, s Simulation) *Report {
	t.Helper()
	r, err := Simulate(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAPolicyOnRecordedTraffic(t *testing.T) {
	// A client that sends 10 a second for a minute, and a quiet one.
	var list []observe.Exchange
	for i := range 600 {
		list = append(list, seen("203.0.113.7", time.Duration(i)*100*time.Millisecond))
		if i%100 == 0 {
			list = append(list, seen("198.51.100.1", time.Duration(i)*100*time.Millisecond))
		}
	}
	r := simulate(t, Simulation{
		Config: Config{Limits: []Limit{{Name: "a", Rate: perMinute(300), Burst: new(int64(20))}}},
		Names:  []string{"a"}, Logs: []io.Reader{logOf(list...)},
	})
	// 20 at once and 5 a second for 59.9 seconds.
	want := &Report{
		From: noon, To: noon.Add(59900 * time.Millisecond), Requests: 606,
		Outcome: Outcome{Allowed: 325, Rejected: 281}, ClientCount: 2,
		Clients: []ClientReport{
			{Client: "203.0.113.7", Outcome: Outcome{Allowed: 319, Rejected: 281}},
			{Client: "198.51.100.1", Outcome: Outcome{Allowed: 6}},
		},
		Limits: []LimitReport{{Name: "a", Rejected: 281}}, Notes: []string{},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAThrottleOnRecordedTraffic(t *testing.T) {
	var list []observe.Exchange
	for i := range 30 {
		list = append(list, seen("203.0.113.7", time.Duration(i)*time.Millisecond))
	}
	r := simulate(t, Simulation{
		Config: Config{Limits: []Limit{{Name: "a", Rate: limit.PerSecond(10), Burst: new(int64(5)), Mode: "throttle", Queue: Queue{Depth: new(int64(20))}}}},
		Names:  []string{"a"}, Logs: []io.Reader{logOf(list...)},
	})
	if r.Allowed != 5 || r.Delayed != 20 || r.Rejected != 5 {
		t.Errorf("%d at once, %d after a while, %d not; want 5, 20 and 5", r.Allowed, r.Delayed, r.Rejected)
	}
	if wait := time.Duration(r.LongestWait); wait < 1900*time.Millisecond || wait > 2*time.Second {
		t.Errorf("the longest wait was %s, want a little less than 2s", wait)
	}
}

func TestConcurrencyOnRecordedTraffic(t *testing.T) {
	slow := func(after time.Duration) observe.Exchange {
		e := seen("203.0.113.7", after)
		e.Duration = time.Second
		return e
	}
	r := simulate(t, Simulation{
		Config: Config{Limits: []Limit{{Name: "a", Concurrency: Concurrency{Max: new(int64(2))}}}},
		Names:  []string{"a"},
		Logs:   []io.Reader{logOf(slow(0), slow(500*time.Millisecond), slow(600*time.Millisecond), slow(1100*time.Millisecond), slow(1200*time.Millisecond))},
	})
	if r.Allowed != 3 || r.Rejected != 2 {
		t.Errorf("%d let in and %d not, want 3 and 2", r.Allowed, r.Rejected)
	}
}

func TestALogIsInOrderOfEndsAndRotated(t *testing.T) {
	late := seen("203.0.113.7", 0)
	late.Duration = time.Minute
	log := logOf(seen("203.0.113.7", time.Second), seen("203.0.113.7", 2*time.Second), late)
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(log.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	r := simulate(t, Simulation{
		Config: Config{Limits: []Limit{{Name: "a", Rate: perMinute(60)}}}, Names: []string{"a"},
		Logs: []io.Reader{&packed, logOf(seen("203.0.113.7", time.Hour))}, From: noon.Add(time.Second),
	})
	if r.Requests != 3 || r.Skipped != 1 || !r.From.Equal(noon.Add(time.Second)) || !r.To.Equal(noon.Add(time.Hour)) {
		t.Errorf("%d requests from %s to %s, %d skipped", r.Requests, r.From, r.To, r.Skipped)
	}
}

func TestWhoALogTellsOf(t *testing.T) {
	key := seen("203.0.113.7", 0)
	key.ClientKey = "key:mobile"
	key2 := key
	key2.Client = netip.MustParseAddr("203.0.113.8")
	sub := seen("203.0.113.9", 0)
	sub.ClientKey, sub.Tier = "sub:4711", "pro"
	blocked := seen("203.0.113.9", 0)
	blocked.Verdict = observe.Blocked
	c := Config{
		Limits: []Limit{{Name: "a", Key: Key{"api_key"}, Rate: perMinute(1)}, {Name: "b", Key: Key{"token.sub"}, Rate: perMinute(1)}, {Name: "c", Key: Key{"header.X-Team"}, Rate: perMinute(100)}},
		Tiers:  []Tier{{Name: "pro", When: `token.plan == "pro"`, Limits: map[string]limit.Rate{"b": perMinute(2)}}},
	}
	r := simulate(t, Simulation{Config: c, Names: []string{"a", "b", "c"}, Logs: []io.Reader{logOf(key, key2, sub, sub, blocked)}})
	want := []ClientReport{
		{Client: "key:mobile", Outcome: Outcome{Allowed: 1, Rejected: 1}},
		{Client: "sub:4711", Tier: "pro", Outcome: Outcome{Allowed: 1, Rejected: 1}},
	}
	if diff := cmp.Diff(want, r.Clients); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Skipped != 1 || len(r.Notes) != 2 {
		t.Errorf("%d skipped; notes %q", r.Skipped, r.Notes)
	}
}

func TestWhatIsNoLog(t *testing.T) {
	c := Config{Limits: []Limit{{Name: "a", Rate: perMinute(1)}}}
	for name, log := range map[string]string{
		"another format": "127.0.0.1 - - [23/Nov/2026] \"GET /\" 200\n",
		"one long line":  strings.Repeat("x", 1<<20),
	} {
		if _, err := Simulate(t.Context(), Simulation{Config: c, Names: []string{"a"}, Logs: []io.Reader{strings.NewReader(log)}}); !errors.Is(err, errNotALog) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Simulate(t.Context(), Simulation{Config: c, Names: []string{"a"}, Logs: []io.Reader{strings.NewReader("\x1f\x8bnot gzip")}}); err == nil {
		t.Error("broken gzip is read")
	}
	if r := simulate(t, Simulation{Config: c, Names: []string{"a"}, Logs: []io.Reader{strings.NewReader("")}}); r.Requests != 0 {
		t.Errorf("an empty log has %d requests", r.Requests)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	long := logOf(make([]observe.Exchange, 5000)...)
	if _, err := Simulate(ctx, Simulation{Config: c, Names: []string{"a"}, Logs: []io.Reader{long}}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestOverrides(t *testing.T) {
	c := Config{Limits: []Limit{{Name: "a", Rate: perMinute(1)}}}
	own := c
	if err := own.Override("a=7/s"); err != nil || own.Limits[0].Rate != limit.PerSecond(7) || c.Limits[0].Rate != perMinute(1) {
		t.Errorf("%v: %s, and the original %s", err, own.Limits[0].Rate, c.Limits[0].Rate)
	}
	for _, text := range []string{"a", "a=x", "b=1/s"} {
		if err := own.Override(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// TestManyClientsAreCounted is a log with more clients than are told apart.
func TestManyClientsAreCounted(t *testing.T) {
	r, err := newReplay(&Simulation{Config: Config{Limits: []Limit{{Name: "a", Rate: perMinute(1)}}}, Names: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range clientsCounted + 10 {
		r.client(strconv.Itoa(i)).Allowed++
	}
	if len(r.clients) != clientsCounted+1 || r.clients[others].Allowed != 10 {
		t.Errorf("%d clients, %+v others", len(r.clients), r.clients[others])
	}
}

func BenchmarkSimulate(b *testing.B) {
	var list []observe.Exchange
	for i := range 10_000 {
		list = append(list, seen(fmt.Sprintf("10.0.%d.%d", i%100, i%250), time.Duration(i)*time.Millisecond))
	}
	log := logOf(list...).Bytes()
	c := Config{Limits: []Limit{{Name: "a", Rate: perMinute(300), Mode: "throttle", Queue: Queue{Wait: units.Duration(time.Second)}}}}
	for b.Loop() {
		if _, err := Simulate(b.Context(), Simulation{Config: c, Names: []string{"a"}, Logs: []io.Reader{bytes.NewReader(log)}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(list))/b.Elapsed().Seconds(), "requests/s")
}
