package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

func plain(text string) string {
	return strings.NewReplacer(nbsp, " ", "\u202f", " ").Replace(text)
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for got, wanted := range map[string]string{
		latency(0): "–", latency(42 * time.Microsecond): "0.04 ms", latency(9100 * time.Microsecond): "9.1 ms", latency(393 * time.Millisecond): "393 ms",
		latency(999600 * time.Microsecond): "1.00 s", latency(12340 * time.Millisecond): "12.3 s",
		percent(1): "100 %", percent(0.99999): "99.99 %", percent(0.5): "50.00 %", percent(0.9988): "99.88 %", percent(0): "0 %", percent(0.001): "0.10 %",
		span(45 * time.Second): "45 s", span(18*time.Minute + 30*time.Second): "18 min", span(125 * time.Minute): "2 h 5 min", span(30 * time.Hour): "30 h", span(72 * time.Hour): "3 d", span(-time.Hour): "0 s",
		count(28800): "28 800", count(999): "999", count(1234567): "1 234 567",
		plural(1, "check"): "1 check", plural(2, "check"): "2 checks", size(int64(812)): "812 B", size(int64(4096)): "4.0 KiB",
		ago(time.Unix(100, 0), time.Unix(97, 0)): "3 s ago", ago(time.Unix(9000, 0), time.Unix(0, 0)): "2 h ago", ago(time.Unix(0, 0), time.Unix(5, 0)): "now",
	} {
		if plain(got) != wanted {
			t.Errorf("%q, want %q", plain(got), wanted)
		}
	}
}

func TestAxisEndsAtARoundNumber(t *testing.T) {
	for highest, wanted := range map[time.Duration]string{
		0: "0 25 ms 50 ms 75 ms 100 ms", 580 * time.Millisecond: "0 200 ms 400 ms 600 ms", 1080 * time.Millisecond: "0 500 ms 1 s 1.5 s",
		81 * time.Millisecond: "0 25 ms 50 ms 75 ms 100 ms", 300 * time.Microsecond: "0 0.1 ms 0.2 ms 0.3 ms", 30 * time.Second: "0 10 s 20 s 30 s",
	} {
		top, ticks := niceScale(highest)
		var texts []string
		for _, tk := range ticks {
			texts = append(texts, plain(tk.Text))
		}
		if got := strings.Join(texts, " "); got != wanted {
			t.Errorf("%v: %s, want %s", highest, got, wanted)
		}
		if top < highest {
			t.Errorf("%v: the axis ends at %v", highest, top)
		}
	}
}

func TestBarsRunTogether(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	today := checks.Daily.Start(now)
	rollups := []checks.Rollup{
		{Start: today.AddDate(0, 0, -200), Up: 1}, // before the first bar
		{Start: today.AddDate(0, 0, -4), Up: 100},
		{Start: today.AddDate(0, 0, -3), Up: 99, Down: 1},
		{Start: today.AddDate(0, 0, -2), Up: 95, Degraded: 5},
		{Start: today.AddDate(0, 0, -1), Up: 100},
		{Start: today, Up: 50},
	}
	wanted := bars(`<svg class="bars" viewBox="0 0 538 18" preserveAspectRatio="none" role="img" aria-label="90 days: 3 up, 1 degraded, 1 down" data-c="86:1:0:100 87:0:5:100">` +
		`<path class="n" d="M0 16.5h508"/><path class="u" d="M510 12.5h4M528 12.5h10"/><path class="g" d="M522 11h4"/><path class="d" d="M516 9h4"/></svg>`)
	if diff := cmp.Diff(wanted, uptimeBars(rollups, now)); diff != "" {
		t.Error(diff)
	}
}

func TestLatencyPercentiles(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 30, 0, time.UTC)
	var window Latency
	observe := func(at time.Time, latency time.Duration, status checks.Status) {
		window.Observe(&checks.Result{Run: checks.RunID(at.UnixMilli()), Status: status, Attempts: []checks.Attempt{{Phases: probe.Phases{TTFB: latency}}}})
	}
	for i := range 100 {
		observe(now, time.Duration(i+1)*time.Millisecond, checks.Up)
	}
	observe(now, 10*time.Second, checks.Down)                          // a timeout is no latency
	observe(now.Add(-2*time.Hour), 9*time.Second, checks.Up)           // too old
	observe(now.Add(-30*time.Minute), 500*time.Millisecond, checks.Up) // not in the last five minutes
	p50, p95 := window.Last(now, 5)
	near := func(got, wanted time.Duration) bool {
		return absolute(float64(got)/float64(wanted)-1) < 0.03
	}
	if !near(p50, 50*time.Millisecond) || !near(p95, 95*time.Millisecond) {
		t.Errorf("p50 %v, p95 %v; want 50ms and 95ms to 3 %%", p50, p95)
	}
	points := window.Points(now.Add(time.Minute))
	// Each run is seen in the five minutes that it is looked back to from.
	if len(points) != 7 || points[5].Runs != 100 || !near(points[0].P50, 500*time.Millisecond) || !near(points[4].P95, 500*time.Millisecond) || !near(points[6].P95, 95*time.Millisecond) {
		t.Errorf("points: %+v", points)
	}
	if p50, p95 := (&Latency{}).Last(now, 5); p50 != 0 || p95 != 0 {
		t.Error("there is a latency without runs")
	}
}

func absolute(v float64) float64 { return max(v, -v) }
