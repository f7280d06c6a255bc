package slo

import (
	"testing"
	"time"
)

func TestAClockThatJumpsCostsNoHistory(t *testing.T) {
	for _, test := range []struct {
		name         string
		wall, passed time.Duration
		want         bool
	}{
		{"an hour has passed", time.Hour, time.Hour, false},
		{"it is corrected by seconds", time.Hour + 3*time.Second, time.Hour, false},
		{"it is set a year ahead", 365 * 24 * time.Hour, time.Minute, true},
		{"it is set back", -24 * time.Hour, time.Minute, true},
	} {
		if got := jumped(test.wall, test.passed); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
