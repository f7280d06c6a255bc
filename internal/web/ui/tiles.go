package ui

import (
	"fmt"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// tile is one figure.
type tile struct {
	Name, Value, Of, Text string
	Tone                  string // is-down, is-degraded or ""
	Link                  string // where the figure is explained
	Meter                 string // "0.9987" draws a line of that length; "" none
	MeterTone             string // class of the line: "up" when ""
	Live                  string // the rate of the last second, which changes every second; "" none
}

// tiles makes the figures. unread says that some of the history could not be
// read, so that nothing of it does not mean that nothing was.
// Where requests are seen, they take the place of what checks tell of the same.
func (u *UI) tiles(views []checks.View, counts map[checks.Status]int, uptime map[string]checks.Uptime, last24 dayCount, unread bool, s *signals, now time.Time) []tile {
	up := tile{Name: "Checks up", Value: count(counts[checks.Up]), Of: count(len(views)), Link: "/checks"}
	switch {
	case counts[checks.Down] > 0:
		up.Tone, up.Link = "is-down", "/checks?state=down"
		up.Text = count(counts[checks.Down]) + " down"
		if counts[checks.Degraded] > 0 {
			up.Text += " · " + count(counts[checks.Degraded]) + " degraded"
		}
	case counts[checks.Degraded] > 0:
		up.Tone, up.Link = "is-degraded", "/checks?state=degraded"
		up.Text = count(counts[checks.Degraded]) + " degraded"
	default:
		up.Text = "none down"
	}
	ratio, flaky := uptimeTile(uptime), flakyTile(last24)
	if unread && len(uptime) == 0 {
		ratio.Text = "not readable"
	}
	if unread && last24.Runs == 0 {
		flaky.Value, flaky.Text = "–", "not readable"
	}
	tiles := []tile{up, ratio, u.latencyTile(now), flaky, certTile(views, now)}
	if s.judged() {
		if ratio.Value != "–" {
			tiles[0].Text += " · uptime " + ratio.Value
		}
		tiles[1] = errorRateTile(s.apis, s.operations)
		if s.recent != nil {
			if served, ok := servedTile(s.recent); ok {
				tiles[2] = served
			}
			tiles[3] = requestsTile(s.recent, s.hour)
		}
	}
	if u.Alerts != nil {
		tiles[4] = alertsTile(s.alerts, s.alertsRead)
	}
	return tiles
}

// uptimeLow is the uptime over all checks below which the tile stands out.
const uptimeLow = 0.99

func uptimeTile(uptime map[string]checks.Uptime) tile {
	var sum checks.Share
	for _, w := range uptime {
		sum.Good += w.Day.Good
		sum.Total += w.Day.Total
	}
	t := tile{Name: "Uptime, 24 h", Value: "–", Link: "/checks?sort=uptime", Text: "no runs yet"}
	if ratio, ok := sum.Ratio(); ok {
		t.Value = percent(ratio)
		if ratio < uptimeLow {
			t.Tone = "is-degraded"
		}
		t.Meter = fmt.Sprintf("%.4f", ratio)
		t.Text = fmt.Sprintf("%s of %s runs failed", count(sum.Total-sum.Good), count(sum.Total))
	}
	return t
}

func (u *UI) latencyTile(now time.Time) tile {
	t := tile{Name: "Latency p95, 5 min", Value: "–", Text: "no runs in the last 5 min", Link: "/checks?sort=latency"}
	if u.Latency == nil {
		return t
	}
	if p50, p95 := u.Latency.Last(now, 5); p95 > 0 {
		t.Value, t.Text = latency(p95), "p50 "+latency(p50)
	}
	return t
}

func flakyTile(last24 dayCount) tile {
	t := tile{Name: "Flaky runs, 24 h", Value: count(last24.Flaky), Text: "passed after a retry", Link: "/checks"}
	if last24.Flaky == 0 {
		t.Text = "none needed a retry"
	}
	if last24.Missed > 0 {
		t.Text = count(last24.Missed) + " runs missed"
		t.Tone = "is-degraded"
	}
	return t
}

func certTile(views []checks.View, now time.Time) tile {
	t := tile{Name: "Next certificate", Value: "–", Text: "no TLS seen yet"}
	var next *checks.View
	for i := range views {
		v := &views[i]
		if !v.CertExpires.IsZero() && (next == nil || v.CertExpires.Before(next.CertExpires)) {
			next = v
		}
	}
	if next == nil {
		return t
	}
	left := next.CertExpires.Sub(now)
	t.Link, t.Text = checkPath(next.ID), next.Name
	switch {
	case left <= 0:
		t.Value, t.Tone = "expired", "is-down"
	case left < certSoon:
		t.Value, t.Tone = span(left), "is-degraded"
	default:
		t.Value = span(left)
	}
	return t
}
