package demo

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
)

var now = time.Date(2026, 11, 23, 15, 4, 5, 0, time.UTC)

// invented is the history that most tests look at; they do not change it.
var invented = sync.OnceValue(func() map[string]Seed { return History(now, 1) })

func TestTheSameSeedGivesTheSameHistory(t *testing.T) {
	if !reflect.DeepEqual(invented(), History(now, 1)) {
		t.Error("the same seed gives another history")
	}
	if reflect.DeepEqual(invented()["search"], History(now, 2)["search"]) {
		t.Error("another seed gives the same history")
	}
}

func TestEveryCheckHasItsHistory(t *testing.T) {
	history := invented()
	var names []string
	for _, c := range configured(t, "http://127.0.0.1:1").Checks {
		names = append(names, c.Name)
		if checks.ID(c.Name) != c.Name {
			t.Errorf("%q is not its own ID", c.Name)
		}
		if _, ok := history[c.Name]; !ok {
			t.Errorf("%s has no history", c.Name)
		}
	}
	if len(history) != len(names) {
		t.Errorf("%d histories for %d checks", len(history), len(names))
	}
}

func TestTheHistoryIsBelievable(t *testing.T) {
	for name, seed := range invented() {
		t.Run(name, func(t *testing.T) {
			daily := seed.Rollups[checks.Daily]
			if len(daily) < historyDays || len(daily) > historyDays+1 {
				t.Errorf("%d days", len(daily))
			}
			var total checks.Rollup
			for i := range daily {
				total.Merge(&daily[i])
			}
			if share := float64(total.Down) / float64(total.Runs()); share == 0 || share > 0.01 {
				t.Errorf("down for %.2f%% of the time", 100*share)
			}
			if total.LatencyMax > 2*time.Second {
				t.Errorf("a latency of %v", total.LatencyMax)
			}
			for _, r := range seed.Results {
				if a := r.Last(); (r.Status == checks.Up) != (a.Reason == "") {
					t.Fatalf("%v because %q", r.Status, a.Reason)
				}
			}
		})
	}
}

// Roll-ups, results and transitions are three views of the same runs.
func TestTheViewsAgree(t *testing.T) {
	for name, seed := range invented() {
		t.Run(name, func(t *testing.T) {
			state := checks.Unknown
			transitions := seed.Transitions
			for i := range seed.Results {
				r := &seed.Results[i]
				if !r.At().Before(now) || i > 0 && r.Run <= seed.Results[i-1].Run {
					t.Fatalf("run %d is out of order", i)
				}
				if i == 0 {
					for len(transitions) > 0 && !transitions[0].At.After(r.At()) {
						state, transitions = transitions[0].To, transitions[1:]
					}
				} else if len(transitions) > 0 && transitions[0].Run == r.Run {
					if transitions[0].From != state {
						t.Errorf("from %v, was %v", transitions[0].From, state)
					}
					state, transitions = transitions[0].To, transitions[1:]
				}
				if r.State != state {
					t.Fatalf("at %v the state is %v, by the transitions %v", r.At(), r.State, state)
				}
			}
		})
	}
}

// A run counts as often as the check runs until the next one, so that live runs,
// which count once, do not outweigh the invented ones.
func TestTheHoursCountWhatWouldHaveRun(t *testing.T) {
	every := intervals(t)
	for name, seed := range invented() {
		t.Run(name, func(t *testing.T) {
			first := checks.Hourly.Start(seed.Results[0].At()).Add(time.Hour) // the first hour with all its results
			want := map[time.Time]*checks.Rollup{}
			for i, r := range seed.Results {
				start := checks.Hourly.Start(r.At())
				if start.Before(first) {
					continue
				}
				if want[start] == nil {
					want[start] = &checks.Rollup{Start: start}
				}
				times := time.Duration(1)
				if i+1 < len(seed.Results) {
					times = seed.Results[i+1].At().Sub(r.At()) / every[name]
				}
				for range times {
					want[start].Add(&r)
				}
			}
			got := map[time.Time]*checks.Rollup{}
			for _, r := range seed.Rollups[checks.Hourly] {
				if !r.Start.Before(first) {
					got[r.Start] = &r
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("hours (-want +got)\n%s", diff)
			}
			for start, r := range got {
				whole := float64(time.Hour / every[name])
				if share := float64(r.Runs()) / whole; start.Before(checks.Hourly.Start(now)) && (share < 0.9 || share > 1.1) {
					t.Errorf("the hour from %v counts %d runs, there is one every %v", start, r.Runs(), every[name])
				}
			}
		})
	}
}

// The last hour is as dense as what follows live, and the rest of the day is not.
func TestTheLastHourRanAtTheRealInterval(t *testing.T) {
	every := intervals(t)
	for name, seed := range invented() {
		last := 0
		for i, r := range seed.Results {
			if now.Sub(r.At()) > time.Hour {
				continue
			}
			last++
			if gap := r.At().Sub(seed.Results[i-1].At()); gap != every[name] {
				t.Fatalf("%s: %v between two runs at %v, want %v", name, gap, r.At(), every[name])
			}
		}
		if want := int(time.Hour / every[name]); last < want-2 || last > want {
			t.Errorf("%s: %d runs in the last hour, want %d", name, last, want)
		}
		if n := len(seed.Results); n > 1500 {
			t.Errorf("%s keeps %d results", name, n)
		}
	}
}

// intervals are the checks' own.
func intervals(t *testing.T) map[string]time.Duration {
	t.Helper()
	every := map[string]time.Duration{}
	for _, c := range configured(t, "http://127.0.0.1:1").Checks {
		every[c.Name] = c.Every.Std()
	}
	return every
}

func TestHowItStandsNow(t *testing.T) {
	history := invented()
	got := map[string]string{}
	for name, seed := range history {
		last := seed.Transitions[len(seed.Transitions)-1]
		if last.To != checks.Up {
			got[name] = last.To.String() + " for " + now.Sub(last.At).Round(10*time.Minute).String()
		}
		if r := seed.Results[len(seed.Results)-1]; r.State != last.To {
			t.Errorf("%s: the last run says %v, the last transition %v", name, r.State, last.To)
		}
	}
	want := map[string]string{"refunds": "down for 40m0s", "daily-report": "degraded for 76h0m0s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	flaky := 0
	for _, r := range history["inventory"].Results {
		if r.Flaky() {
			flaky++
		}
	}
	if flaky == 0 {
		t.Error("inventory was never flaky")
	}
}

func BenchmarkHistory(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		History(now, 1)
	}
}
