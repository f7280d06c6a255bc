package checks

import (
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/probe"
)

func TestStatesFollowVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		alert    Alert
		verdicts string // u up, g degraded, d down
		states   string // and ? unknown
	}{
		{"down at once, up at once", Alert{After: 1, RecoverAfter: 1}, "uudu", "uudu"},
		{"three failures make it down", Alert{After: 3, RecoverAfter: 1}, "uddd", "uuud"},
		{"two failures and a good run do not", Alert{After: 3, RecoverAfter: 1}, "udduddu", "uuuuuuu"},
		{"two good runs bring it back", Alert{After: 1, RecoverAfter: 2}, "uduuu", "udduu"},
		{"a failure between starts the count anew", Alert{After: 1, RecoverAfter: 2}, "duduu", "ddddu"},
		{"degraded needs no confirmation", Alert{After: 3, RecoverAfter: 3}, "ugu", "ugu"},
		{"a degraded run counts as recovered", Alert{After: 1, RecoverAfter: 2}, "dgg", "ddg"},
		{"unknown until failures are confirmed", Alert{After: 2, RecoverAfter: 1}, "dd", "?d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			letters := map[byte]Status{'u': Up, 'g': Degraded, 'd': Down, '?': Unknown}
			var life Life
			for i := range tt.verdicts {
				r := Result{Run: RunID(1000 * (i + 1)), Status: letters[tt.verdicts[i]], Attempts: []Attempt{{}}}
				r.State = nextState(&life, r.Status, tt.alert)
				life.Apply(&r)
				if want := letters[tt.states[i]]; r.State != want {
					t.Fatalf("after %q the state is %s, want %s", tt.verdicts[:i+1], r.State, want)
				}
			}
		})
	}
}

func TestWhatIsWorthKeeping(t *testing.T) {
	result := func(s Status, state Status, attempts int) *Result {
		return &Result{Status: s, State: state, Attempts: make([]Attempt, attempts)}
	}
	for _, tt := range []struct {
		name     string
		life     Life
		previous verdict
		result   *Result
		manual   bool
		want     bool
	}{
		{"the very first good run", Life{}, verdict{}, result(Up, Up, 1), false, true},
		{"a good run after a good one", Life{State: Up, LastRun: 1}, verdict{status: Up}, result(Up, Up, 1), false, false},
		{"the first failure", Life{State: Up, LastRun: 1}, verdict{status: Up}, result(Down, Up, 1), false, true},
		{"the failure that makes it down", Life{State: Up, LastRun: 1}, verdict{status: Down}, result(Down, Down, 1), false, true},
		{"one more failure", Life{State: Down, LastRun: 1}, verdict{status: Down}, result(Down, Down, 1), false, false},
		{"the first flaky run", Life{State: Up, LastRun: 1}, verdict{status: Up}, result(Up, Up, 2), false, true},
		{"flaky again", Life{State: Up, LastRun: 1}, verdict{Up, true}, result(Up, Up, 2), false, false},
		{"started by hand", Life{State: Up, LastRun: 1}, verdict{status: Up}, result(Up, Up, 1), true, true},
		{"a good run after a restart", Life{State: Up, LastRun: 1}, verdict{}, result(Up, Up, 1), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := worthKeeping(&tt.life, tt.previous, tt.result, tt.manual); got != tt.want {
				t.Errorf("kept: %v", got)
			}
		})
	}
}

func TestRetryDelays(t *testing.T) {
	for backoff, want := range map[string][3]time.Duration{
		backoffFixed:       {2 * time.Second, 2 * time.Second, 2 * time.Second},
		backoffLinear:      {2 * time.Second, 4 * time.Second, 6 * time.Second},
		backoffExponential: {2 * time.Second, 4 * time.Second, 8 * time.Second},
	} {
		r := Retries{Delay: 2e9, Backoff: backoff}
		for n, d := range want {
			if got := r.delay(n); got != d {
				t.Errorf("%s: pause %d is %s, want %s", backoff, n, got, d)
			}
		}
	}
}

func TestRollupsCountRuns(t *testing.T) {
	run := func(s Status, latency time.Duration, attempts int) *Result {
		list := make([]Attempt, attempts)
		list[attempts-1].Phases = probe.Phases{TTFB: latency}
		return &Result{Status: s, Attempts: list}
	}
	var r, q Rollup
	r.Add(run(Up, 30*time.Millisecond, 1))
	r.Add(run(Degraded, 10*time.Millisecond, 2))
	r.Add(run(Down, time.Hour, 1))
	q.Add(run(Up, 50*time.Millisecond, 1))
	r.Merge(&q)
	want := Rollup{Up: 2, Degraded: 1, Down: 1, Flaky: 1, LatencySum: 90 * time.Millisecond, LatencyMin: 10 * time.Millisecond, LatencyMax: 50 * time.Millisecond}
	if r != want {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	if r.Mean() != 30*time.Millisecond {
		t.Errorf("mean is %s", r.Mean())
	}
}
