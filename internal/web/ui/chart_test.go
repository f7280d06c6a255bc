package ui

import (
	"strings"
	"testing"
	"time"
)

func TestLatencyChartDrawsLonePointsAsDots(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) LatencyPoint {
		return LatencyPoint{At: now.Add(-time.Duration(minutes) * time.Minute), P50: time.Millisecond, P95: 2 * time.Millisecond, Runs: 1}
	}
	for _, test := range []struct {
		name         string
		points       []LatencyPoint
		drawn        bool
		lines, moves int
		dots         int
	}{
		{"nothing", nil, false, 0, 0, 0},
		{"one point is no chart", []LatencyPoint{at(1)}, false, 0, 0, 0},
		{"two in a row are a line", []LatencyPoint{at(2), at(1)}, true, 1, 1, 0},
		{"two far apart are dots", []LatencyPoint{at(30), at(1)}, true, 0, 2, 2},
		{"a dot beside a line", []LatencyPoint{at(30), at(3), at(2), at(1)}, true, 2, 2, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := latencyChart(test.points, now)
			if (c != nil) != test.drawn {
				t.Fatalf("drawn: %v, want %v", c != nil, test.drawn)
			}
			if c == nil {
				return
			}
			lines, moves, dots := 0, 0, 0
			for _, s := range c.Shapes {
				switch s.Class {
				case "line p50":
					lines, moves = strings.Count(s.D, "L"), strings.Count(s.D, "M")
				case "line dot p50":
					dots = strings.Count(s.D, "h.01")
				}
			}
			if lines != test.lines || moves != test.moves || dots != test.dots {
				t.Errorf("%d lines, %d beginnings and %d dots; want %d, %d and %d", lines, moves, dots, test.lines, test.moves, test.dots)
			}
			if !strings.Contains(c.Legend[0].Text, "over 5 min") {
				t.Errorf("the legend says %q, and not over which time", c.Legend[0].Text)
			}
		})
	}
}
