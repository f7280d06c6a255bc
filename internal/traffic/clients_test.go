package traffic_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

func from(key string) func(e *observe.Exchange) {
	return func(e *observe.Exchange) { e.ClientKey = key }
}

// The clock of a middleware's machine may be wrong: whoever called it calls now.
func TestClientsOfAMachineWithAWrongClockAreSeen(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	m.Observe(exchange(func(e *observe.Exchange) { e.Time = time.Now().Add(-3 * time.Hour) }))
	if got := m.Clients(5*time.Minute, 10); len(got) != 1 || got[0].Requests != 1 {
		t.Errorf("clients %+v, want the one that called", got)
	}
}

// A flood from a million addresses must not hide who sends most, nor take memory.
func TestBusyClientsAreSeenThroughAFlood(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet(), Bounds: traffic.Bounds{Clients: 256}})
	busy := exchange(from("key:mobile-app"))
	steady := exchange(from("198.51.100.9"))
	for i := range 1_000_000 {
		e := exchange(from(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)))
		m.Observe(e)
		if i%10 == 0 {
			m.Observe(busy)
		}
		if i%20 == 0 {
			m.Observe(steady)
		}
	}
	top := m.Clients(5*time.Minute, 2)
	if len(top) != 2 || top[0].Key != "key:mobile-app" || top[1].Key != "198.51.100.9" {
		t.Fatalf("busiest: %+v", top)
	}
	// Each was counted from when it had found its place.
	if top[0].Requests < 99_000 || top[0].Requests > 100_000 || top[1].Requests < 49_000 || top[1].Requests > 50_000 {
		t.Errorf("%d and %d requests, want 100000 and 50000", top[0].Requests, top[1].Requests)
	}
	if n := len(m.Clients(5*time.Minute, 10_000)); n > 256 {
		t.Errorf("%d clients are known, want at most 256", n)
	}
}

func TestClientTellsWhatItDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		time.Sleep(1500 * time.Millisecond) // not when the minute changes
		begin := time.Now()
		for minute := range 10 {
			for i := range 6 {
				m.Observe(exchange(func(e *observe.Exchange) { e.Tier, e.User = "pro", "anna" }))
				if i == 0 {
					m.Observe(exchange(func(e *observe.Exchange) {
						e.Tier, e.User, e.Method, e.Operation, e.Status = "pro", "anna", "POST", "POST /orders/{id}", 500
					}))
				}
			}
			if minute == 9 {
				m.Observe(exchange(func(e *observe.Exchange) {
					e.Tier, e.User, e.Verdict, e.Status, e.Policy = "pro", "anna", observe.Rejected, 429, "per-client"
				}))
			}
			time.Sleep(time.Minute)
		}
		got, ok := m.ClientByKey("203.0.113.7", time.Hour)
		if !ok {
			t.Fatal("the client is not known")
		}
		if got.Requests != 71 || got.Failed != 10 || got.Rejected != 1 || got.Status != [6]uint64{2: 60, 4: 1, 5: 10} || got.Tier != "pro" || got.User != "anna" || got.Policy != "per-client" || !got.First.Equal(begin) {
			t.Errorf("%+v", got)
		}
		if diff := cmp.Diff([]traffic.ClientOperation{{"orders", "GET /orders/{id}", 61, 61}, {"orders", "POST /orders/{id}", 10, 10}}, got.Operations); diff != "" {
			t.Error(diff)
		}
		if len(got.Points) != 60 || got.Points[58].Requests != 8 || got.Points[59].Requests != 0 {
			t.Errorf("%d points, the last but one %+v", len(got.Points), got.Points[58])
		}
		if short := m.Clients(5*time.Minute, 10); len(short) != 1 || short[0].Requests != 29 {
			t.Errorf("over five minutes, of which the present one just began: %+v", short)
		}
		time.Sleep(2 * time.Hour)
		if late := m.Clients(time.Hour, 10); len(late) != 0 {
			t.Errorf("after two quiet hours: %+v", late)
		}
		if late, ok := m.ClientByKey("203.0.113.7", time.Hour); !ok || late.Requests != 0 || !late.First.Equal(begin) {
			t.Errorf("it is forgotten, or has requests: %+v", late)
		}
	})
}

// Who was busy once must not keep the place of who is busy now.
func TestClientsOfYesterdayMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{Bounds: traffic.Bounds{Clients: 16}}) // one for each shard
		for i := range 64 {
			for range 1000 {
				m.Observe(exchange(from(fmt.Sprint("old", i))))
			}
		}
		time.Sleep(3 * time.Hour)
		for i := range 64 {
			for range 3 {
				m.Observe(exchange(from(fmt.Sprint("new", i))))
			}
		}
		for _, c := range m.Clients(time.Minute, 100) {
			if !strings.HasPrefix(c.Key, "new") {
				t.Errorf("%s has %d requests", c.Key, c.Requests)
			}
		}
	})
}

func TestRequestsThatSomebodyWouldLookForAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := running(t, traffic.Deps{})
		for second := range 200 {
			for range 50 {
				m.Observe(exchange(nil))
			}
			if second%10 == 0 {
				m.Observe(exchange(func(e *observe.Exchange) { e.Status, e.ClientKey = 500, "key:b" }))
			}
			time.Sleep(time.Second)
		}
		all := m.Recent(traffic.RequestFilter{}, 10_000)
		if len(all) != 500 {
			t.Errorf("%d requests are kept, want 500", len(all))
		}
		for i := 1; i < len(all); i++ {
			if all[i].ID != all[i-1].ID-1 {
				t.Fatalf("request %d follows %d", all[i].ID, all[i-1].ID)
			}
		}
		failed := m.Recent(traffic.RequestFilter{Failed: true, Client: "key:b"}, 100)
		if len(failed) < 9 {
			t.Errorf("%d failed requests of the last 100 seconds are kept, want all 10", len(failed))
		}
		if n := len(m.Recent(traffic.RequestFilter{After: all[7].ID}, 100)); n != 7 {
			t.Errorf("%d requests after the eighth, want 7", n)
		}
		if n := len(m.Recent(traffic.RequestFilter{Verdict: observe.Blocked}, 100)); n != 0 {
			t.Errorf("%d blocked requests", n)
		}
	})
}

type told struct{ events []traffic.Live }

func (p *told) Publish(_ string, data any) { p.events = append(p.events, *data.(*traffic.Live)) }

func TestWhoLooksHearsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &told{}
		m := running(t, traffic.Deps{Publisher: p})
		time.Sleep(10500 * time.Millisecond) // between two ticks
		synctest.Wait()
		if len(p.events) != 0 {
			t.Errorf("%d events without traffic", len(p.events))
		}
		for range 3 {
			for range 1000 {
				m.Observe(exchange(nil))
			}
			m.Observe(exchange(func(e *observe.Exchange) { e.Verdict, e.Status = observe.Rejected, 429 }))
			time.Sleep(time.Second)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		var rates []float64
		for _, e := range p.events {
			rates = append(rates, e.Rate, e.Rejected)
		}
		if diff := cmp.Diff([]float64{1001, 1, 1001, 1, 1001, 1, 0, 0}, rates); diff != "" {
			t.Errorf("rates and rejected (-want +got):\n%s", diff)
		}
		if now := m.Now(); now.Rate != 0 {
			t.Errorf("now %+v", now)
		}
	})
}
