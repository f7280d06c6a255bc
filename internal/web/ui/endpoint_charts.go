package ui

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/slo"
)

// percentText writes a target as it was written: "99.9 %".
func percentText(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.6g", share*100), ".") + nbsp + "%"
}

// endpointCharts draws requests, error rate and latency of an operation, with
// what was alerted meanwhile.
func (u *UI) endpointCharts(r *http.Request, page *endpointPage, e *endpoint, now time.Time) {
	if e.Unused {
		return
	}
	chosen := page.Range
	points, err := u.Endpoints.Series(e.API, e.Operation, chosen.From, chosen.To, endpointPoints)
	if err != nil {
		page.Failed = "The history could not be read, so there are no charts. What is shown as the present state is right."
		u.log.ErrorContext(r.Context(), "history not readable", "page", "endpoint", "error", err)
		return
	}
	marks := u.alertMarks(r, page, e, now)
	step := stepOf(points)
	var stack []stackPoint
	failed := lineSeries{Class: "errors", Name: "error rate"}
	p50, p95, p99 := lineSeries{Class: "p50", Name: "p50"}, lineSeries{Class: "p95", Name: "p95"}, lineSeries{Class: "p99", Name: "p99"}
	var times []time.Time
	var ratios, requests []string
	for i := range points {
		p := &points[i]
		counts := make([]uint64, len(statusOrder))
		for n, class := range statusOrder {
			counts[n] = p.Status[class]
		}
		end := p.At.Add(step)
		if end.After(chosen.To) {
			end = chosen.To
		}
		stack = append(stack, stackPoint{At: p.At, Covered: end.Sub(p.At), Counts: counts, Note: plural(p.Requests, "request")})
		times = append(times, p.At)
		share := math.NaN()
		if p.Requests > 0 {
			share = float64(p.Errors) / float64(p.Requests) * 100
		}
		failed.Values = append(failed.Values, share)
		for _, l := range []struct {
			s *lineSeries
			d time.Duration
		}{{&p50, p.P50}, {&p95, p.P95}, {&p99, p.P99}} {
			l.s.Values = append(l.s.Values, orNaN(l.d))
		}
		ratios = append(ratios, count(p.Errors)+" of "+count(p.Requests)+" failed")
		requests = append(requests, plural(p.Requests, "request"))
	}
	page.Chart = stackChart("Requests", statusBands, stack, step, chosen)
	if page.Chart != nil {
		page.Chart.Shapes = append(markShapes(marks, chosen), page.Chart.Shapes...)
		if len(marks) > 0 {
			page.Chart.Legend = append(page.Chart.Legend, legend{"alert", "an alert fired"})
		}
	}
	var levels []threshold
	high := 1.
	for _, t := range []threshold{{"warning", "warning", e.Warning * 100}, {"critical", "critical", e.Critical * 100}} {
		if t.Value <= 0 {
			continue
		}
		t.Name += " from " + percentText(t.Value/100)
		levels = append(levels, t)
		if t.Class == "warning" {
			high = t.Value * 1.2 // the first threshold is always in sight
		}
	}
	page.Errors = (&lines{
		Title: "Error rate", Label: "Error rate, " + chosen.Name(), Unit: "%", Range: chosen, Times: times, Notes: ratios, Step: step,
		Series: []lineSeries{failed}, Thresholds: levels, Marks: marks, High: high,
	}).chart()
	page.Latency = (&lines{
		Title: "Latency", Label: "Latency, " + chosen.Name(), Unit: "ms", Range: chosen, Times: times, Notes: requests, Step: step,
		Series: []lineSeries{p50, p95, p99}, Marks: marks,
	}).chart()
}

// orNaN is a duration in milliseconds, or no value.
func orNaN(d time.Duration) float64 {
	if d <= 0 {
		return math.NaN()
	}
	return float64(d) / float64(time.Millisecond)
}

// stepOf is the length of the points of a series: the shortest distance of two.
func stepOf(points []slo.Point) time.Duration {
	step := time.Duration(math.MaxInt64)
	for i := 1; i < len(points); i++ {
		if d := points[i].At.Sub(points[i-1].At); d > 0 {
			step = min(step, d)
		}
	}
	if step == math.MaxInt64 {
		return time.Minute
	}
	return step
}

// budgetCard is an objective with its chart.
type budgetCard struct {
	Title   string
	Whole   bool // of the whole API
	Left    string
	Tone    string
	Facts   []field
	Burns   []burnRow
	Chart   *chart
	Failed  bool
	History string // how far back it goes, when that is less than the period
}

type burnRow struct {
	Windows, Severity string
	Long, Short       string // times the rate that spends the budget exactly
	Threshold         string
	State, Word       string
}

// budgetCards are the objectives of an operation, and of its API.
func (u *UI) budgetCards(r *http.Request, e *endpoint, now time.Time) []budgetCard {
	budgets := e.Budgets
	for _, whole := range u.wholeAPIs(e.API) {
		budgets = append(slices.Clip(budgets), whole.Budgets...)
	}
	var cards []budgetCard
	for i := range budgets[:min(len(budgets), endpointBudgets)] {
		b := &budgets[i]
		card := budgetCard{Title: b.Objective, Whole: b.Operation == "", Left: budgetText(b.Left), Tone: budgetTone(b.Left)}
		promise := percentText(b.Target) + " of requests do not fail"
		if b.Latency > 0 {
			promise = percentText(b.Target) + " of requests take no longer than " + latency(b.Latency)
		}
		card.Facts = []field{
			{Name: "Promise", Value: promise + ", over " + span(b.Over)},
			{Name: "Kept", Value: percent(b.Achieved) + " of " + plural(b.Requests, "request")},
			{Name: "Bad", Value: count(b.Bad)},
		}
		if start := now.Add(-b.Over); b.Since.After(start.Add(time.Hour)) {
			card.History = "counted for " + span(now.Sub(b.Since))
		}
		for _, burn := range b.Burns {
			card.Burns = append(card.Burns, burnRowOf(&burn))
		}
		points, err := u.Endpoints.BurnDown(b.API, b.Objective, endpointPoints)
		if err != nil {
			u.log.ErrorContext(r.Context(), "history not readable", "page", "endpoint", "error", err)
			card.Failed = true
		}
		card.Chart = burnDown(b, points, now)
		cards = append(cards, card)
	}
	return cards
}

func burnRowOf(b *slo.Burn) burnRow {
	row := burnRow{
		Windows: span(b.Long) + " and " + span(b.Short), Severity: b.Severity,
		Long: times(b.LongRate), Short: times(b.ShortRate), Threshold: times(b.Threshold), State: "up", Word: "slow enough",
	}
	switch {
	case !b.Ready:
		row.State, row.Word = "unknown", "not enough history or traffic"
	case b.Firing:
		row.State, row.Word = "degraded", "too fast"
		if b.Severity == "critical" {
			row.State = "down"
		}
	}
	return row
}

func times(rate float64) string {
	if math.IsNaN(rate) || math.IsInf(rate, 0) {
		return "–"
	}
	return fmt.Sprintf("%.3g×", rate)
}

// burnDown draws what was left of a budget over its period.
func burnDown(b *slo.Budget, points []slo.BudgetPoint, now time.Time) *chart {
	if len(points) < 2 || b.Over <= 0 {
		return nil
	}
	r := timeRange{From: now.Add(-b.Over), To: now, Key: span(b.Over)}
	left := lineSeries{Class: "budget", Name: "left"}
	l := &lines{Title: "Budget", Label: "Budget left, " + r.Name() + ": now " + budgetText(b.Left), Unit: "%", Range: r, High: 100, Thresholds: []threshold{{"critical", "spent", 0}}}
	l.Step = points[1].At.Sub(points[0].At)
	for _, p := range points {
		if p.At.Before(r.From) {
			continue
		}
		l.Times = append(l.Times, p.At)
		// A budget that is overdrawn many times would flatten everything else.
		left.Values = append(left.Values, max(p.Left, -2)*100)
	}
	l.Series = []lineSeries{left}
	return l.chart()
}
