package ui

import (
	"math"
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
// run that was down is a gap; one that was not never lies on the ground line. A
// run between two gaps is a dot.
func sparkline(recent []time.Duration) string {
	recent = lastRuns(recent)
	var slowest time.Duration
	for _, d := range recent {
		slowest = max(slowest, d)
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
		height := max(math.Round(float64(d)/float64(slowest)*(sparkBottom-sparkTop)), 1)
		p.WriteString(strconv.Itoa((sparkRuns - len(recent) + i) * sparkStep))
		p.WriteByte(' ')
		p.WriteString(strconv.Itoa(sparkBottom - int(height)))
		if !pen && (i+1 == len(recent) || recent[i+1] <= 0) {
			p.WriteString("h.01") // has no length, but round ends
		}
		pen = true
	}
	return p.String()
}

// sparkValues writes what sparkline drew, in milliseconds and 0 for down, so
// that the page can add runs to the picture as they come: the picture itself is
// too coarse to be read back.
func sparkValues(recent []time.Duration) string {
	var text strings.Builder
	for i, d := range lastRuns(recent) {
		if i > 0 {
			text.WriteByte(',')
		}
		if d <= 0 {
			text.WriteByte('0')
			continue
		}
		ms := float64(d) / float64(time.Millisecond)
		if ms < 100 {
			ms = max(math.Round(ms*10)/10, 0.1) // 0 would be down
		} else {
			ms = math.Round(ms) // a tenth is not to be seen
		}
		text.WriteString(strconv.FormatFloat(ms, 'f', -1, 64))
	}
	return text.String()
}

func lastRuns(recent []time.Duration) []time.Duration {
	return recent[max(len(recent)-sparkRuns, 0):]
}
