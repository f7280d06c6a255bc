package checks

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/units"
)

// starts records what a scheduler starts.
type starts struct {
	mu     sync.Mutex
	at     map[string][]time.Time
	missed map[string]uint32
}

func (s *starts) start(id string, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[id] = append(s.at[id], due)
}

func (s *starts) miss(id string, _ time.Time, n uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed[id] += n
}

func (s *starts) count(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at[id])
}

func runScheduler(t *testing.T) (*scheduler, *starts, func()) {
	t.Helper()
	log := &starts{at: map[string][]time.Time{}, missed: map[string]uint32{}}
	s := newScheduler(log.start, log.miss)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.run(ctx) })
	return s, log, func() { cancel(); wg.Wait() }
}

func TestADayOfChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log, stop := runScheduler(t)
		every := Check{Every: units.Duration(30 * time.Second)}
		for i := range 200 {
			id := fmt.Sprintf("check-%d", i)
			s.set(id, mustSchedule(t, id, every), false)
		}
		time.Sleep(24 * time.Hour)
		stop()
		for id, at := range log.at {
			if len(at) != 2880 {
				t.Errorf("%s started %d times in a day, want 2880", id, len(at))
			}
			for i := 1; i < len(at); i++ {
				if at[i].Sub(at[i-1]) != 30*time.Second {
					t.Fatalf("%s drifted: %s after %s", id, at[i], at[i-1])
				}
			}
		}
		if len(log.at) != 200 || len(log.missed) != 0 {
			t.Errorf("%d checks ran, %d missed", len(log.at), len(log.missed))
		}
	})
}

func TestAllChecksRunWithinOneInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log, stop := runScheduler(t)
		for i := range 500 {
			id := fmt.Sprintf("check-%d", i)
			s.set(id, mustSchedule(t, id, Check{Every: units.Duration(10 * time.Second)}), true)
		}
		time.Sleep(10 * time.Second)
		stop()
		if len(log.at) != 500 {
			t.Errorf("%d of 500 checks ran within one interval", len(log.at))
		}
	})
}

func TestAReloadKeepsThePhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log, stop := runScheduler(t)
		every := Check{Every: units.Duration(time.Minute)}
		s.set("kept", mustSchedule(t, "kept", every), false)
		s.set("gone", mustSchedule(t, "gone", every), false)
		s.set("faster", mustSchedule(t, "faster", every), false)
		time.Sleep(90 * time.Second)
		s.set("kept", mustSchedule(t, "kept", every), false)
		s.set("faster", mustSchedule(t, "faster", Check{Every: units.Duration(time.Second)}), false)
		s.remove("gone")
		before := log.count("gone")
		time.Sleep(10 * time.Minute)
		stop()
		for i := 1; i < len(log.at["kept"]); i++ {
			if gap := log.at["kept"][i].Sub(log.at["kept"][i-1]); gap != time.Minute {
				t.Errorf("the unchanged check moved: %s between starts", gap)
			}
		}
		if got := len(log.at["gone"]); got != before {
			t.Errorf("the removed check started %d more times", got-before)
		}
		if got := len(log.at["faster"]); got < 599 {
			t.Errorf("the changed check started %d times in ten minutes of seconds", got)
		}
	})
}

func TestAStoppedProcessMissesStarts(t *testing.T) {
	log := &starts{at: map[string][]time.Time{}, missed: map[string]uint32{}}
	s := newScheduler(log.start, log.miss)
	s.set("x", mustSchedule(t, "x", Check{Every: units.Duration(10 * time.Second)}), false)
	due := s.entries["x"].due
	list, wait := s.takeDue(due.Add(35*time.Second), nil)
	if len(list) != 1 || list[0].missed != 3 {
		t.Errorf("after 35 s asleep: %+v, want one start and three missed", list)
	}
	if wait <= 0 || wait > 10*time.Second {
		t.Errorf("the next start is in %s", wait)
	}
}

func BenchmarkScheduler(b *testing.B) {
	s := newScheduler(func(string, time.Time) {}, func(string, time.Time, uint32) {})
	for i := range 5000 {
		id := fmt.Sprintf("check-%d", i)
		sched, err := newSchedule(id, &Check{Every: units.Duration(10 * time.Second)})
		if err != nil {
			b.Fatal(err)
		}
		s.set(id, sched, false)
	}
	b.ReportAllocs()
	now := time.Now()
	var due []dueCheck
	for b.Loop() {
		now = now.Add(2 * time.Millisecond)
		due, _ = s.takeDue(now, due[:0])
	}
}

func TestAfterSleepTheWallClockCounts(t *testing.T) {
	log := &starts{at: map[string][]time.Time{}, missed: map[string]uint32{}}
	s := newScheduler(log.start, log.miss)
	s.set("nightly", mustSchedule(t, "nightly", Check{Cron: "0 9 * * *"}), false)
	s.set("often", mustSchedule(t, "often", Check{Every: units.Duration(30 * time.Second)}), false)
	woken := time.Date(2030, 1, 1, 8, 59, 0, 0, time.Local) // the monotonic clock knows nothing of the years between
	s.replan(woken)
	if due := s.entries["nightly"].due; due.Sub(woken) != time.Minute {
		t.Errorf("the nightly check is due in %s", due.Sub(woken))
	}
	if due := s.entries["often"].due; due.Sub(woken) > 30*time.Second {
		t.Errorf("the frequent check is due in %s", due.Sub(woken))
	}
	now := time.Now()
	if d := drift(now, now.Add(time.Hour)); d != 0 {
		t.Errorf("both clocks went an hour, but the drift is %s", d)
	}
}

func TestRetriesFitBetweenRuns(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check Check
		path  string
	}{
		{"delays longer than the interval", Check{Every: units.Duration(time.Second), Retries: Retries{Max: 3, Delay: units.Duration(time.Second)}}, "retries"},
		{"a delay that would overflow", Check{Every: units.Duration(time.Hour), Retries: Retries{Max: 10, Delay: units.Duration(10000 * time.Hour), Backoff: "exponential"}}, "retries.delay"},
		{"delays that fit", Check{Every: units.Duration(time.Minute), Retries: Retries{Max: 2, Delay: units.Duration(2 * time.Second), Backoff: "exponential"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.check.Name, tt.check.URL = "x", "http://x/"
			problems := tt.check.Validate("")
			if tt.path == "" && len(problems) == 0 {
				return
			}
			if len(problems) != 1 || problems[0].Path != tt.path {
				t.Errorf("got %v", problems)
			}
		})
	}
}
