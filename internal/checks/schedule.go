package checks

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"

	"lapwing.dev/lapwing/internal/units"
)

// schedule says when a check is due. Exactly one of every and cron is set.
type schedule struct {
	every  time.Duration
	offset time.Duration // place in the interval, 0 ≤ offset < every
	cron   cron.Schedule
	active *activeHours // nil: always
	// morning is the check's place after the active hours open.
	morning time.Duration
	text    string
}

// A cron schedule with active hours is searched this far ahead for a start; the
// two may never meet ("0 3 * * *" in the morning hours).
const (
	maxSearchTime  = 400 * units.Day
	maxSearchSteps = 1000
)

// newSchedule builds the schedule of a check whose defaults are filled in.
func newSchedule(id string, c *Check) (schedule, error) {
	var s schedule
	if c.Cron != "" {
		parsed, err := cron.ParseStandard(c.Cron)
		if err != nil {
			return s, fmt.Errorf("%q is not a cron schedule: %w", c.Cron, err)
		}
		s.cron = parsed
		s.text = "cron " + c.Cron
	} else {
		s.every = c.Every.Std()
		s.offset = place(id, s.every)
		s.text = "every " + c.Every.String()
	}
	if c.Active != "" {
		hours, err := parseActiveHours(c.Active)
		if err != nil {
			return s, err
		}
		s.active = hours
		s.morning = place(id, min(hours.length(), max(s.every, time.Minute)))
		s.text += ", " + c.Active
	}
	return s, nil
}

// next returns the first planned start after now. The result is now plus a
// duration, so it carries now's monotonic clock: a jump of the wall clock
// neither delays nor repeats a start that is already planned.
// ok is false when the schedule has no start in the foreseeable future.
func (s *schedule) next(now time.Time) (at time.Time, ok bool) {
	if s.cron != nil {
		return s.nextCron(now)
	}
	at = now.Add(s.untilNext(now))
	if s.active == nil || s.active.contains(at) {
		return at, true
	}
	// Outside the hours the start moves to the check's place after they open, so
	// that an interval longer than the hours has a start in each of them too.
	return now.Add(s.active.opens(at).Sub(now.Round(0)) + s.morning), true
}

// nextCron returns the first point of the cron schedule that is inside the
// active hours; points outside are left out, because somebody chose them.
func (s *schedule) nextCron(now time.Time) (at time.Time, ok bool) {
	wall := now.Round(0)
	for range maxSearchSteps {
		point := s.cron.Next(wall)
		if point.IsZero() || point.Sub(now.Round(0)) > maxSearchTime {
			return time.Time{}, false
		}
		if s.active == nil || s.active.contains(point) {
			return now.Add(point.Sub(now.Round(0))), true
		}
		// A point exactly at the opening counts: go on from just before it.
		wall = s.active.opens(point).Add(-1)
	}
	return time.Time{}, false
}

// untilNext is how long after t the next point of the grid is; the grid is
// anchored at the Unix epoch plus the check's offset.
func (s *schedule) untilNext(t time.Time) time.Duration {
	since := time.Duration(t.UnixNano()) - s.offset
	into := since % s.every
	if into < 0 {
		into += s.every
	}
	return s.every - into
}

// missedBetween counts planned starts after due and up to now, on the monotonic
// clock: what was missed while the process could not run. Cron schedules count
// one at most, because a wall clock that jumped would count wrongly.
func (s *schedule) missedBetween(due, now time.Time) uint32 {
	late := now.Sub(due)
	if s.every == 0 {
		if late > time.Minute {
			return 1
		}
		return 0
	}
	return uint32(min(late/s.every, 1<<20)) //nolint:gosec // bounded on this line
}

// firstRun returns when a check that never ran is first due: at its place in
// the interval, but within settle, so that nobody waits five minutes for a first result.
func (s *schedule) firstRun(id string, now time.Time, settle time.Duration) (time.Time, bool) {
	at, ok := s.next(now)
	if !ok || at.Sub(now) <= settle || s.active != nil || s.cron != nil {
		return at, ok
	}
	return now.Add(place(id, settle)), true
}

// place is where in a span of time a check has its place: phase/2^64 of it,
// without losing the low bits.
func place(id string, span time.Duration) time.Duration {
	hi, _ := bits.Mul64(phase(id), uint64(span)) // #nosec G115 -- spans are not negative
	return time.Duration(hi)                     // #nosec G115 -- less than span
}
