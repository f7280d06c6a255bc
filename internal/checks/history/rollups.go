package history

import (
	"encoding/binary"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// A roll-up page holds the roll-ups of one check in one period: the hours of a
// UTC day, or 32 UTC days, oldest first. Reading 90 days of 500 checks is then
// 2,000 small rows instead of 45,000. For each roll-up:
//
//	uvarint steps after the one before, then its counts and its latencies in µs

const daysPerPage = 32

func pageSteps(step checks.Step) int64 {
	if step == checks.Hourly {
		return 24
	}
	return daysPerPage
}

// Page returns the number of the page that t is in.
func Page(step checks.Step, t time.Time) int64 {
	return floorDiv(stepNumber(step, t), pageSteps(step))
}

// PageStart returns when a page begins.
func PageStart(step checks.Step, page int64) time.Time {
	return stepTime(step, page*pageSteps(step))
}

// stepNumber counts steps since 1970.
func stepNumber(step checks.Step, t time.Time) int64 {
	return floorDiv(t.Unix(), int64(step.Length()/time.Second))
}

func stepTime(step checks.Step, number int64) time.Time {
	return time.Unix(number*int64(step.Length()/time.Second), 0).UTC()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// AppendPage appends a page to dst. The roll-ups belong to it, oldest first, one per step.
func AppendPage(dst []byte, step checks.Step, page int64, rollups []checks.Rollup) []byte {
	start := len(dst)
	dst = startBlob(dst)
	before := page * pageSteps(step)
	for i := range rollups {
		r := &rollups[i]
		number := stepNumber(step, r.Start)
		dst = binary.AppendUvarint(dst, uint64(number-before)) // #nosec G115 -- ascending within the page
		before = number
		for _, n := range [...]uint32{r.Up, r.Degraded, r.Down, r.Flaky, r.Missed} {
			dst = binary.AppendUvarint(dst, uint64(n))
		}
		for _, d := range [...]time.Duration{r.LatencySum, r.LatencyMin, r.LatencyMax} {
			dst = binary.AppendUvarint(dst, toMicros(d))
		}
	}
	return finishBlob(dst, start)
}

// ReadPage appends the roll-ups of a page to list.
func ReadPage(list []checks.Rollup, step checks.Step, page int64, data []byte) ([]checks.Rollup, error) {
	in, err := openBlob(data)
	if err != nil {
		return list, err
	}
	before := len(list)
	number := page * pageSteps(step)
	end := number + pageSteps(step)
	for len(in.data) > 0 {
		number += int64(in.count(int(end - number - 1)))
		r := checks.Rollup{Start: stepTime(step, number)}
		for _, n := range [...]*uint32{&r.Up, &r.Degraded, &r.Down, &r.Flaky, &r.Missed} {
			*n = in.uint32()
		}
		for _, d := range [...]*time.Duration{&r.LatencySum, &r.LatencyMin, &r.LatencyMax} {
			*d = in.micros()
		}
		if len(list)-before == int(pageSteps(step)) {
			in.fail()
		}
		if in.failed {
			return list[:before], ErrDamaged
		}
		list = append(list, r)
	}
	return list, nil
}

// Find returns the roll-up of the step that begins at start, adding an empty
// one in its place when there is none. The list is oldest first.
func Find(list []checks.Rollup, start time.Time) ([]checks.Rollup, *checks.Rollup) {
	if last := len(list) - 1; last >= 0 && list[last].Start.Equal(start) { // nearly always
		return list, &list[last]
	}
	i, found := slices.BinarySearchFunc(list, start, func(r checks.Rollup, start time.Time) int {
		return r.Start.Compare(start)
	})
	if !found {
		list = slices.Insert(list, i, checks.Rollup{Start: start})
	}
	return list, &list[i]
}

// Merge adds roll-ups of the same or of shorter steps to a list of step's.
func Merge(list []checks.Rollup, step checks.Step, more []checks.Rollup) []checks.Rollup {
	for i := range more {
		var r *checks.Rollup
		list, r = Find(list, step.Start(more[i].Start))
		r.Merge(&more[i])
	}
	return list
}
