package statuspage

import (
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// Days is how many days the bars of a page show, today included.
const Days = 90

// Day is one day (UTC) of a component.
type Day struct {
	Date   string        `json:"date"` // 2026-11-23
	Status checks.Status `json:"status"`
	Uptime *float64      `json:"uptime"` // 0…1; null without runs
	// Runs is how many there were; so many of them failed or were degraded.
	Runs     uint32 `json:"runs,omitempty"`
	Failed   uint32 `json:"failed,omitempty"`
	Degraded uint32 `json:"degraded,omitempty"`
}

// DayStatus is the verdict over one day's runs: down when at least one run in a
// hundred failed (a quarter of an hour), degraded when any failed or at least
// one in a hundred was degraded, unknown without runs.
func DayStatus(r *checks.Rollup) checks.Status {
	runs := uint64(r.Runs())
	switch {
	case runs == 0:
		return checks.Unknown
	case uint64(r.Down)*100 >= runs:
		return checks.Down
	case r.Down > 0, uint64(r.Degraded)*100 >= runs:
		return checks.Degraded
	default:
		return checks.Up
	}
}

// days spreads daily roll-ups (oldest first, days without runs absent) over the
// Days that end with now.
func days(rollups []checks.Rollup, now time.Time) []Day {
	first := checks.Daily.Start(now).AddDate(0, 0, 1-Days)
	list := make([]Day, Days)
	for i := range list {
		list[i].Date = first.AddDate(0, 0, i).Format(time.DateOnly)
	}
	for i := range rollups {
		r := &rollups[i]
		at := int(r.Start.Sub(first) / (24 * time.Hour))
		if r.Start.Before(first) || at < 0 || at >= len(list) || r.Runs() == 0 {
			continue
		}
		uptime := float64(r.Up+r.Degraded) / float64(r.Runs())
		list[at].Status = DayStatus(r)
		list[at].Uptime = &uptime
		list[at].Runs, list[at].Failed, list[at].Degraded = r.Runs(), r.Down, r.Degraded
	}
	return list
}
