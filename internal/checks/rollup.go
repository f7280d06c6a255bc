package checks

import "time"

// Step is the length of a roll-up.
type Step uint8

// The steps. The numbers are stored: never reorder them.
const (
	Hourly Step = 1
	Daily  Step = 2
)

// Start returns the beginning of the step that t is in, in UTC.
func (s Step) Start(t time.Time) time.Time {
	if s == Hourly {
		return t.UTC().Truncate(time.Hour)
	}
	return t.UTC().Truncate(24 * time.Hour)
}

// Length returns the step's duration.
func (s Step) Length() time.Duration {
	if s == Hourly {
		return time.Hour
	}
	return 24 * time.Hour
}

// Rollup counts the runs of one check in one step.
type Rollup struct {
	Start      time.Time     `json:"start"`
	Up         uint32        `json:"up"`
	Degraded   uint32        `json:"degraded"`
	Down       uint32        `json:"down"`
	Flaky      uint32        `json:"flaky"`       // of the up and degraded ones: passed after a retry
	Missed     uint32        `json:"missed"`      // due but not started
	LatencySum time.Duration `json:"latency_sum"` // over the runs that are not down
	LatencyMin time.Duration `json:"latency_min"`
	LatencyMax time.Duration `json:"latency_max"`
}

// Runs is the number of runs.
func (r *Rollup) Runs() uint32 { return r.Up + r.Degraded + r.Down }

// Mean is the mean latency of the runs that are not down; 0 when there are none.
func (r *Rollup) Mean() time.Duration {
	good := r.Up + r.Degraded
	if good == 0 {
		return 0
	}
	return r.LatencySum / time.Duration(good)
}

// Add counts one result.
func (r *Rollup) Add(res *Result) {
	switch res.Status {
	case Up:
		r.Up++
	case Degraded:
		r.Degraded++
	default:
		r.Down++
		return
	}
	if res.Flaky() {
		r.Flaky++
	}
	latency := res.Latency()
	if r.Up+r.Degraded == 1 || latency < r.LatencyMin {
		r.LatencyMin = latency
	}
	r.LatencyMax = max(r.LatencyMax, latency)
	r.LatencySum += latency
}

// Merge adds another roll-up's counts, of the same step or of a part of it.
func (r *Rollup) Merge(q *Rollup) {
	if q.Up+q.Degraded > 0 && (r.Up+r.Degraded == 0 || q.LatencyMin < r.LatencyMin) {
		r.LatencyMin = q.LatencyMin
	}
	r.LatencyMax = max(r.LatencyMax, q.LatencyMax)
	r.LatencySum += q.LatencySum
	r.Up += q.Up
	r.Degraded += q.Degraded
	r.Down += q.Down
	r.Flaky += q.Flaky
	r.Missed += q.Missed
}

// Share is a part of a whole in runs: uptime is Good ÷ Total.
type Share struct {
	Good  uint64 `json:"good"`
	Total uint64 `json:"total"`
}

// Ratio is Good ÷ Total in 0…1; ok is false when there were no runs.
func (s Share) Ratio() (ratio float64, ok bool) {
	if s.Total == 0 {
		return 0, false
	}
	return float64(s.Good) / float64(s.Total), true
}

// Uptime is the share of runs that were not down, over the usual windows that
// end now. A degraded run counts as good: the API answered.
type Uptime struct {
	Day     Share `json:"24h"`
	Week    Share `json:"7d"`
	Month   Share `json:"30d"`
	Quarter Share `json:"90d"`
	Year    Share `json:"365d"`
}
