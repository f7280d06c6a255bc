package ui

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/statuspage"
)

// bars is ninety days as an SVG picture with one path for each status. A path
// has one dash-patterned line for each run of equal days (the pattern is in the
// style sheet), so a row needs four elements instead of ninety.
//
// It is made here and not in a template because a page has hundreds of them, and
// there is nothing in it to escape: it is all numbers and words of ours.
type bars = template.HTML

// Geometry in the units of the view box, which is 90 × 6 − 2 wide and 18 high.
const (
	barStep = 6
	barGap  = 2
)

// barMiddle is the vertical middle of a bar that stands on the ground line: up
// bars are 11 high, degraded 14, down 18, and days without runs 3.
var barMiddle = [...]string{
	checks.Unknown:  "16.5",
	checks.Up:       "12.5",
	checks.Degraded: "11",
	checks.Down:     "9",
}

var barClass = [...]string{checks.Unknown: "n", checks.Up: "u", checks.Degraded: "g", checks.Down: "d"}

// uptimeBars draws daily roll-ups, oldest first, days without runs absent. What
// the tip of a bar says beyond its status is in data-c, for the days on which
// something was wrong: day:down:degraded:runs.
func uptimeBars(rollups []checks.Rollup, now time.Time) bars {
	first := checks.Daily.Start(now).AddDate(0, 0, 1-statuspage.Days)
	var days [statuspage.Days]checks.Status
	var tips barTips
	for i := range rollups {
		r := &rollups[i]
		at := int(r.Start.Sub(first) / (24 * time.Hour))
		if r.Start.Before(first) || at < 0 || at >= len(days) {
			continue
		}
		days[at] = statuspage.DayStatus(r)
		tips.add(at, r.Down, r.Degraded, r.Runs())
	}
	return drawBars(days[:], tips.String())
}

// publicBars draws the days of a component of the status page.
func publicBars(list []statuspage.Day) bars {
	days := make([]checks.Status, len(list))
	var tips barTips
	for i := range list {
		d := &list[i]
		days[i] = d.Status
		tips.add(i, d.Failed, d.Degraded, d.Runs)
	}
	return drawBars(days, tips.String())
}

// barTips collects what the tips say, in the form of data-c.
type barTips struct{ strings.Builder }

func (t *barTips) add(day int, down, degraded, runs uint32) {
	if down == 0 && degraded == 0 {
		return
	}
	if t.Len() > 0 {
		t.WriteByte(' ')
	}
	fmt.Fprintf(t, "%d:%d:%d:%d", day, down, degraded, runs)
}

func drawBars(days []checks.Status, tips string) bars {
	var paths [4]strings.Builder
	var counts [4]int
	for start := 0; start < len(days); {
		end := start + 1
		for end < len(days) && days[end] == days[start] {
			end++
		}
		status := days[start]
		if int(status) >= len(paths) {
			status = checks.Unknown
		}
		p := &paths[status]
		p.WriteByte('M')
		p.WriteString(strconv.Itoa(start * barStep))
		p.WriteByte(' ')
		p.WriteString(barMiddle[status])
		p.WriteByte('h')
		p.WriteString(strconv.Itoa((end-start)*barStep - barGap))
		counts[status] += end - start
		start = end
	}
	var svg strings.Builder
	svg.WriteString(`<svg class="bars" viewBox="0 0 538 18" preserveAspectRatio="none" role="img" aria-label="`)
	svg.WriteString(barsText(counts))
	if tips != "" {
		svg.WriteString(`" data-c="` + tips)
	}
	svg.WriteString(`">`)
	for status, class := range barClass {
		if paths[status].Len() > 0 {
			svg.WriteString(`<path class="` + class + `" d="`)
			svg.WriteString(paths[status].String())
			svg.WriteString(`"/>`)
		}
	}
	svg.WriteString(`</svg>`)
	return bars(svg.String()) // #nosec G203 -- numbers and words of ours, see bars
}

func barsText(counts [4]int) string {
	if counts[checks.Up]+counts[checks.Degraded]+counts[checks.Down] == 0 {
		return "no runs in 90 days"
	}
	text := fmt.Sprintf("90 days: %d up", counts[checks.Up])
	if n := counts[checks.Degraded]; n > 0 {
		text += fmt.Sprintf(", %d degraded", n)
	}
	if n := counts[checks.Down]; n > 0 {
		text += fmt.Sprintf(", %d down", n)
	}
	return text
}
