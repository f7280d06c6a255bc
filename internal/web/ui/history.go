package ui

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/statuspage"
)

// How long numbers are shown before they are read again. Closed days do not
// change, save for results that are stored around midnight; today does.
const (
	closedAge = 10 * time.Minute
	todayAge  = 5 * time.Second
	hourlyAge = time.Minute
)

// fewRuns is up to how many runs of all checks in 24 hours nothing is remembered
// of the present day: in the first minutes each run shows, and numbers that were
// read some seconds apart would contradict each other.
const fewRuns = 1000

// historyCache remembers the daily roll-ups behind the bars and the uptimes, so
// that a page with 500 checks reads one day instead of ninety. It holds about
// 6 KB a check. It is always asked for all checks, whatever a page shows of
// them. The maps that it returns are shared: they must not be changed, and it
// makes a new one instead of changing one that it gave away.
type historyCache struct {
	checks History

	mu       sync.Mutex
	closed   time.Time // when days was read in full
	today    time.Time // when the present day was read
	days     map[string][]checks.Rollup
	uptimeAt time.Time
	uptimes  map[string]checks.Uptime
	hourly   time.Time
	last24   dayCount
	many     bool // runs; see fewRuns
}

// dayCount is what all checks together did in the last 24 hours.
type dayCount struct {
	Runs, Flaky, Missed uint64
}

func newHistoryCache(history History) *historyCache {
	return &historyCache{checks: history}
}

// fresh reports whether something read at is not older than age; a clock that
// was set back makes everything stale.
func fresh(now, at time.Time, age time.Duration) bool {
	since := now.Sub(at)
	return since >= 0 && since < age
}

// daily returns the daily roll-ups of the last 90 days, oldest first.
func (h *historyCache) daily(ctx context.Context, ids []string, now time.Time) (map[string][]checks.Rollup, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	today := checks.Daily.Start(now)
	tomorrow := today.AddDate(0, 0, 1)
	if !fresh(now, h.closed, closedAge) || !checks.Daily.Start(h.closed).Equal(today) || !hasAll(h.days, ids) {
		read, err := h.checks.Rollups(ctx, ids, checks.Daily, today.AddDate(0, 0, 1-statuspage.Days), tomorrow)
		if err != nil {
			return nil, fmt.Errorf("read days: %w", err)
		}
		h.days = make(map[string][]checks.Rollup, len(ids))
		for _, id := range ids {
			h.days[id] = read[id] // nil too: known to have none
		}
		h.closed, h.today = now, now
		return h.days, nil
	}
	if !h.many || !fresh(now, h.today, todayAge) {
		read, err := h.checks.Rollups(ctx, ids, checks.Daily, today, tomorrow)
		if err != nil {
			return nil, fmt.Errorf("read today: %w", err)
		}
		h.days = maps.Clone(h.days)
		for id, rollups := range read {
			days := h.days[id]
			if n := len(days); n > 0 && !days[n-1].Start.Before(today) {
				days = days[:n-1]
			}
			h.days[id] = append(slices.Clip(days), rollups...)
		}
		h.today = now
	}
	return h.days, nil
}

// uptime returns the usual windows of all checks.
func (h *historyCache) uptime(ctx context.Context, ids []string, now time.Time) (map[string]checks.Uptime, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.many && fresh(now, h.uptimeAt, todayAge) && hasAll(h.uptimes, ids) {
		return h.uptimes, nil
	}
	read, err := h.checks.Uptime(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read uptime: %w", err)
	}
	runs := uint64(0)
	h.uptimes = make(map[string]checks.Uptime, len(ids))
	for _, id := range ids {
		h.uptimes[id] = read[id]
		runs += read[id].Day.Total
	}
	h.many = runs >= fewRuns
	h.uptimeAt = now
	return h.uptimes, nil
}

func hasAll[V any](m map[string]V, ids []string) bool {
	for _, id := range ids {
		if _, ok := m[id]; !ok {
			return false
		}
	}
	return true
}

// last24h sums the hourly roll-ups of the last 24 hours.
func (h *historyCache) last24h(ctx context.Context, ids []string, now time.Time) (dayCount, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.many && fresh(now, h.hourly, hourlyAge) {
		return h.last24, nil
	}
	hours, err := h.checks.Rollups(ctx, ids, checks.Hourly, checks.Hourly.Start(now).Add(-23*time.Hour), now.Add(time.Hour))
	if err != nil {
		return dayCount{}, fmt.Errorf("read hours: %w", err)
	}
	var sum dayCount
	for _, rollups := range hours {
		for i := range rollups {
			r := &rollups[i]
			sum.Runs += uint64(r.Runs())
			sum.Flaky += uint64(r.Flaky)
			sum.Missed += uint64(r.Missed)
		}
	}
	h.hourly, h.last24 = now, sum
	return sum, nil
}
