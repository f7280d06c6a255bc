package metrics

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/health"
)

// The codes of the notices.
const (
	noticeDisk   = "metrics_disk"
	noticeRepair = "metrics_repaired"
	noticeLost   = "metrics_set_aside"
	noticeSeries = "metrics_series_limit"
	noticeClock  = "metrics_clock"
)

// boundQuiet is how long nothing must have been refused before the notice goes.
const boundQuiet = 5 * time.Minute

// bound is what Run remembers of refused series.
type bound struct {
	refused uint64 // when it last looked
	at      time.Time
	told    bool
}

// watchSeries tells that there are too many series, and which metric has the
// most of them: that is where somebody has to look. It is Run's alone.
func (db *DB) watchSeries() {
	refused, now := db.guard.refused[slices.Index(reasons[:], RefusedSeries)].Load(), db.now()
	b := &db.bound
	switch {
	case refused > b.refused:
		b.refused, b.at = refused, now
		if b.told {
			return
		}
		b.told = true
		most := db.section.Load().Series
		widest := db.widest(3)
		db.log.Warn("There are too many series: further ones are refused", "limit", most, "widest", widest)
		db.notices.Raise(health.Notice{
			Code: noticeSeries, Severity: health.Warning, Title: "Too many series",
			Text: fmt.Sprintf("There are %d series, as many as metrics.series allows; further ones are refused, those that exist go on. The metrics with the most are %s. Remove a label whose values have no end, or raise the bound.", most, widest),
		})
	case b.told && now.Sub(b.at) >= boundQuiet:
		b.told = false
		db.notices.Clear(noticeSeries)
	}
}

// widest names the metrics with the most series.
func (db *DB) widest(n int) string {
	stats := db.tsdb.Head().Stats(model.MetricNameLabel, n)
	if stats == nil || stats.IndexPostingStats == nil {
		return "not known"
	}
	var names []string
	for _, s := range stats.IndexPostingStats.CardinalityMetricsStats {
		names = append(names, fmt.Sprintf("%s (%d)", cut(s.Name), s.Count))
	}
	return strings.Join(names, ", ")
}
