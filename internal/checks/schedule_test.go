package checks

import (
	"fmt"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/units"
)

func mustSchedule(t *testing.T, id string, c Check) schedule {
	t.Helper()
	s, err := newSchedule(id, &c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestChecksSpreadOverTheirInterval(t *testing.T) {
	const n, buckets = 5000, 10
	var count [buckets]int
	for i := range n {
		s := mustSchedule(t, ID(fmt.Sprintf("orders %d", i)), Check{Every: units.Duration(10 * time.Second)})
		if s.offset < 0 || s.offset >= s.every {
			t.Fatalf("offset %s is not in the interval", s.offset)
		}
		count[s.offset/time.Second]++
	}
	for second, got := range count {
		if got < n/buckets*8/10 || got > n/buckets*12/10 {
			t.Errorf("second %d has %d of %d checks: not spread evenly", second, got, n)
		}
	}
}

func TestAScheduleKeepsItsGrid(t *testing.T) {
	s := mustSchedule(t, "orders", Check{Every: units.Duration(30 * time.Second)})
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	first, ok := s.next(now)
	if !ok || first.Sub(now) > 30*time.Second || !first.After(now) {
		t.Fatalf("the first start is %s after now", first.Sub(now))
	}
	at := first
	for range 2880 {
		// A start that comes late by up to half an interval does not move the next.
		next, _ := s.next(at.Add(14 * time.Second))
		if next.Sub(at) != 30*time.Second {
			t.Fatalf("after %s comes %s: %s later", at, next, next.Sub(at))
		}
		at = next
	}
	restarted := mustSchedule(t, "orders", Check{Every: units.Duration(30 * time.Second)})
	again, _ := restarted.next(now)
	if !again.Equal(first) {
		t.Errorf("the same check starts at %s, then at %s", first, again)
	}
}

func TestMissedStartsAreCounted(t *testing.T) {
	s := mustSchedule(t, "x", Check{Every: units.Duration(10 * time.Second)})
	due := time.Now()
	for _, tt := range []struct {
		late time.Duration
		want uint32
	}{{0, 0}, {9 * time.Second, 0}, {10 * time.Second, 1}, {35 * time.Second, 3}, {1e6 * time.Hour, 1 << 20}} {
		if got := s.missedBetween(due, due.Add(tt.late)); got != tt.want {
			t.Errorf("%s late: %d missed, want %d", tt.late, got, tt.want)
		}
	}
}

func TestActiveHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone data on this machine")
	}
	s := mustSchedule(t, "x", Check{Every: units.Duration(10 * time.Minute), Active: "Mon-Fri 08:00-20:00 Europe/Berlin"})
	for _, tt := range []struct {
		name string
		now  time.Time
		want func(time.Time) bool
	}{
		{"during the day it runs on its grid", time.Date(2026, 11, 23, 12, 0, 0, 0, berlin), func(at time.Time) bool {
			return at.Before(time.Date(2026, 11, 23, 12, 10, 1, 0, berlin))
		}},
		{"in the evening it waits for the morning", time.Date(2026, 11, 23, 20, 0, 0, 0, berlin), func(at time.Time) bool {
			return !at.Before(time.Date(2026, 11, 24, 8, 0, 0, 0, berlin)) && at.Before(time.Date(2026, 11, 24, 8, 10, 1, 0, berlin))
		}},
		{"on Friday night it waits for Monday", time.Date(2026, 11, 27, 23, 0, 0, 0, berlin), func(at time.Time) bool {
			return at.In(berlin).Weekday() == time.Monday && at.In(berlin).Hour() == 8
		}},
		{"over the change of the clocks it opens at eight by the wall", time.Date(2026, 10, 23, 22, 0, 0, 0, berlin), func(at time.Time) bool {
			return at.In(berlin).Weekday() == time.Monday && at.In(berlin).Hour() == 8
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, ok := s.next(tt.now)
			if !ok || !tt.want(at) {
				t.Errorf("after %s comes %s (%v)", tt.now, at.In(berlin), ok)
			}
		})
	}
}

func TestActiveHoursSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                        `active hours are empty; write days, hours and a time zone, such as "Mon-Fri 08:00-20:00 Europe/Berlin"`,
		"Mon-Fri":                 `"Mon-Fri" has no hours; write days, hours and a time zone, such as "Mon-Fri 08:00-20:00 Europe/Berlin"`,
		"Mun 08:00-09:00":         `"Mun" is not a weekday; use Mon Tue Wed Thu Fri Sat Sun`,
		"20:00-08:00":             `"20:00-08:00" ends before it begins; for a night, use two checks or turn it around`,
		"08:00-25:00":             `"25:00" is not a time of day; write HH:MM`,
		"08:00-20:00 Europe/Bern": `"Europe/Bern" is not a time zone; use an IANA name such as Europe/Berlin`,
	} {
		if _, err := parseActiveHours(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}

func TestCronSchedules(t *testing.T) {
	s := mustSchedule(t, "x", Check{Cron: "*/5 * * * *"})
	now := time.Date(2026, 11, 23, 12, 1, 0, 0, time.UTC)
	if at, ok := s.next(now); !ok || !at.Equal(now.Add(4*time.Minute)) {
		t.Errorf("next is %s", at)
	}
	never := mustSchedule(t, "x", Check{Cron: "0 0 31 2 *"})
	if at, ok := never.next(now); ok {
		t.Errorf("the 31st of February comes at %s", at)
	}
}

func TestAFreshCheckRunsSoon(t *testing.T) {
	now := time.Now()
	s := mustSchedule(t, "slow", Check{Every: units.Duration(5 * time.Minute)})
	at, ok := s.firstRun("slow", now, settleTime)
	if !ok || at.Sub(now) > settleTime {
		t.Errorf("a new check with a long interval first runs after %s", at.Sub(now))
	}
}

// Hours that the interval's grid never meets once made next look for ever.
func TestEveryIntervalHasAStartInEveryHours(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, every := range []time.Duration{time.Second, time.Minute, 7 * time.Minute, time.Hour, 6 * time.Hour, units.Day, 3 * units.Day, units.Week} {
		for _, active := range []string{"Mon-Sun 08:00-08:30", "Mon 08:00-08:01", "Sat,Sun 00:00-24:00 Europe/Berlin", "10:00-14:00"} {
			for i := range 50 {
				s := mustSchedule(t, fmt.Sprintf("check-%d", i), Check{Every: units.Duration(every), Active: active})
				at := now
				for range 20 {
					next, ok := s.next(at)
					if !ok || !next.After(at) || !s.active.contains(next) {
						t.Fatalf("every %s, %s: after %s comes %s (%v)", every, active, at, next, ok)
					}
					if wait := next.Sub(at); wait > every+8*units.Day {
						t.Fatalf("every %s, %s: %s until the next start", every, active, wait)
					}
					at = next
				}
			}
		}
	}
}

func TestACronThatNeverMeetsItsHoursIsRefused(t *testing.T) {
	for _, c := range []Check{
		{Name: "x", URL: "http://x/", Cron: "0 3 * * *", Active: "Mon-Sun 08:00-08:30"},
		{Name: "x", URL: "http://x/", Cron: "0 0 30 2 *"},
	} {
		problems := c.Validate("")
		if len(problems) != 1 || problems[0].Path != "cron" || problems[0].Message != "the schedule has no start within a year" {
			t.Errorf("%s %s: %v", c.Cron, c.Active, problems)
		}
	}
	good := Check{Name: "x", URL: "http://x/", Cron: "* * * * *", Active: "Mon 08:00-08:01"}
	if problems := good.Validate(""); len(problems) != 0 {
		t.Error(problems)
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("*/5 * * * *", "Mon-Fri 08:00-20:00", int64(60), int64(1_795_000_000))
	f.Add("", "Sun 23:59-24:00", int64(86400), int64(0))
	f.Add("0 0 29 2 *", "Tue 00:00-00:01", int64(0), int64(-5))
	f.Fuzz(func(t *testing.T, cron, active string, seconds, unix int64) {
		c := Check{Cron: cron, Active: active, Every: units.Duration(time.Duration(seconds%(400*86400)) * time.Second)}
		if cron == "" && c.Every < minEvery {
			return
		}
		s, err := newSchedule("fuzz", &c)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<33), 0)
		at, ok := s.next(now)
		if ok && (!at.After(now) || s.active != nil && !s.active.contains(at)) {
			t.Fatalf("after %s comes %s", now, at)
		}
	})
}
