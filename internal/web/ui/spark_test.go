package ui

import (
	"slices"
	"testing"
	"time"
)

func TestSparkline(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name         string
		recent       []time.Duration
		path, values string
	}{
		{"no runs", nil, "", ""},
		{"all down", []time.Duration{0, 0}, "", "0,0"},
		{"one run", []time.Duration{5 * ms}, "M69 2h.01", "5"},
		{"the slowest is at the top", []time.Duration{5 * ms, 10 * ms}, "M66 8 69 2", "5,10"},
		{"a fast one is not a gap", []time.Duration{1234 * ms, 3700 * time.Microsecond, 2 * time.Microsecond}, "M63 2 66 13 69 13", "1234,3.7,0.1"},
		{"alone between gaps", []time.Duration{10 * ms, 0, 10 * ms, 0, 10 * ms, 10 * ms}, "M54 2h.01M60 2h.01M66 2 69 2", "10,0,10,0,10,10"},
		{"only the last 24", append([]time.Duration{time.Hour}, slices.Repeat([]time.Duration{0}, 24)...), "", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := sparkline(test.recent); got != test.path {
				t.Errorf("path %q, want %q", got, test.path)
			}
			if got := sparkValues(test.recent); got != test.values {
				t.Errorf("values %q, want %q", got, test.values)
			}
		})
	}
}
