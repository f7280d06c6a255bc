package ui

import (
	"strconv"
	"strings"
	"time"
)

// Geometry of a sparkline: 24 runs, three units apart, sixteen high.
const (
	sparkRuns   = 24
	sparkStep   = 3
	sparkTop    = 2
	sparkBottom = 14
)

// sparkline draws the latencies of the last runs (oldest first, 0 = down) as
// path data, the newest at the right edge, on a scale from 0 to the slowest. A
// run that was down is a gap. highest is the scale's top in milliseconds, with
// which the page adds runs to the picture as they come.
func sparkline(recent []time.Duration) (path string, highest int64) {
	if len(recent) > sparkRuns {
		recent = recent[len(recent)-sparkRuns:]
	}
	var slowest time.Duration
	for _, d := range recent {
		slowest = max(slowest, d)
	}
	if slowest == 0 {
		return "", 0
	}
	var p strings.Builder
	pen := false
	for i, d := range recent {
		if d <= 0 {
			pen = false
			continue
		}
		if pen {
			p.WriteByte(' ')
		} else {
			p.WriteByte('M')
		}
		pen = true
		p.WriteString(strconv.Itoa((sparkRuns - len(recent) + i) * sparkStep))
		p.WriteByte(' ')
		p.WriteString(strconv.Itoa(sparkBottom - int(int64(d)*(sparkBottom-sparkTop)/int64(slowest))))
	}
	return p.String(), max(slowest.Milliseconds(), 1)
}
