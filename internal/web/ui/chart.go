package ui

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The plot is drawn in this view box and stretched to its place; axis labels
// are outside of it, at percentages, so that they are not stretched.
const (
	plotWidth  = 1000
	plotHeight = 200
)

// chart is latency over time: lines or stacked columns.
type chart struct {
	Title   string
	Label   string // what it shows, in words
	Y       []tick // values, at percentages from the top
	X       []tick // times, at percentages from the left
	Shapes  []shape
	Legend  []legend
	Points  string // JSON for the tooltip: see plotted
	Grain   string // "one run", "the mean over 8 min": what a column is
	Note    string // what is not drawn, and why
	Height  int
	Stacked bool
}

type tick struct {
	At   string // "25.00%"
	Text string
	Unix int64  // seconds; the page shows the reader's own zone
	Edge string // class: keeps the first and the last label inside
}

// shape is one path of the plot; the style sheet knows its class.
type shape struct{ Class, D string }

type legend struct{ Class, Text string }

// plotted is what the tooltip needs: times in seconds, and the values of each
// series in milliseconds (null where there is none).
type plotted struct {
	From   int64        `json:"from"`
	To     int64        `json:"to"`
	Width  int64        `json:"width,omitempty"` // seconds of one column
	Names  []string     `json:"names"`
	Times  []int64      `json:"times"`
	Values [][]*float64 `json:"values"`
	Unit   string       `json:"unit,omitempty"`  // "/s" when values are rates, not milliseconds
	Notes  []string     `json:"notes,omitempty"` // one for each time
	Links  []string     `json:"links,omitempty"` // one for each time
}

func (p *plotted) json() string {
	text, err := json.Marshal(p)
	if err != nil {
		return "" // only numbers that are no numbers; the chart stays without tooltip
	}
	return string(text)
}

// millis is a value for plotted, rounded to microseconds.
func millis(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	ms := math.Round(float64(d)/1e3) / 1e3
	return &ms
}

// niceScale returns the top of an axis that holds highest, and its ticks: three
// to five steps of 1, 2, 2.5 or 5 times a power of ten milliseconds.
func niceScale(highest time.Duration) (top time.Duration, ticks []tick) {
	if highest <= 0 {
		highest = 100 * time.Millisecond
	}
	step, steps := niceSteps(float64(highest) / float64(time.Millisecond))
	for i := 0; i <= steps; i++ {
		ticks = append(ticks, tick{At: percentage(1 - float64(i)/float64(steps)), Text: axisText(float64(i) * step)})
	}
	return time.Duration(float64(steps) * step * float64(time.Millisecond)), ticks
}

// niceSteps divides an axis that holds highest, which is above zero.
func niceSteps(highest float64) (step float64, steps int) {
	raw := highest / 4
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step = 10 * power
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*power >= raw*0.999 {
			step = m * power
			break
		}
	}
	return step, max(int(math.Ceil(highest/step-1e-9)), 1)
}

func axisText(ms float64) string {
	switch {
	case ms == 0:
		return "0"
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'f', -1, 64) + nbsp + "s"
	default:
		return strconv.FormatFloat(ms, 'g', 4, 64) + nbsp + "ms"
	}
}

func percentage(ratio float64) string {
	return strconv.FormatFloat(ratio*100, 'f', 2, 64) + "%"
}

// timeSteps are the distances between time labels.
var timeSteps = []time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour, 90 * 24 * time.Hour,
}

// timeTicks labels the time axis at round times, six labels at most.
func timeTicks(from, to time.Time) []tick {
	length := to.Sub(from)
	if length <= 0 {
		return nil
	}
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if length/s <= 6 {
			step = s
			break
		}
	}
	layout := "15:04"
	if length > 36*time.Hour {
		layout = "2 Jan"
	}
	var ticks []tick
	for t := from.UTC().Truncate(step).Add(step); t.Before(to) && len(ticks) < 12; t = t.Add(step) {
		at := float64(t.Sub(from)) / float64(length)
		tk := tick{At: percentage(at), Text: t.Format(layout), Unix: t.Unix()}
		if at < 0.04 {
			tk.Edge = "first"
		} else if at > 0.96 {
			tk.Edge = "last"
		}
		ticks = append(ticks, tk)
	}
	return ticks
}

// plotX is the horizontal place of t.
func plotX(t, from, to time.Time) float64 {
	return plotWidth * float64(t.Sub(from)) / float64(to.Sub(from))
}

// plotY is the vertical place of d under an axis that ends at top.
func plotY(d, top time.Duration) float64 {
	return plotHeight * (1 - float64(d)/float64(top))
}

// number writes a coordinate with one decimal, without trailing zeros.
func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// lineHole is how far apart two points may be to be joined.
const lineHole = 3 * time.Minute

// latencyChart draws the two percentiles of the last hour: a line where points
// follow each other, a dot where one is alone. nil when there are not two points.
func latencyChart(points []LatencyPoint, now time.Time) *chart {
	if len(points) < 2 {
		return nil // a point is no line
	}
	from, to := now.Add(-time.Hour), now
	var highest time.Duration
	for _, p := range points {
		highest = max(highest, p.P95)
	}
	top, ticks := niceScale(highest)
	data := plotted{From: from.Unix(), To: to.Unix(), Names: []string{"p50", "p95"}, Values: make([][]*float64, 2)}
	var p50, p95, dots50, dots95 strings.Builder
	var last time.Time
	for i, p := range points {
		at := p.At.Add(30 * time.Second) // the middle of the minute
		if at.After(to) {
			at = to
		}
		if at.Before(from) {
			at = from
		}
		command := "L"
		if i == 0 || p.At.Sub(last) > lineHole {
			command = "M" // a hole in the data is a hole in the line
		}
		alone := command == "M" && (i+1 == len(points) || points[i+1].At.Sub(p.At) > lineHole)
		last = p.At
		x := number(plotX(at, from, to))
		fmt.Fprintf(&p50, "%s%s %s", command, x, number(plotY(p.P50, top)))
		fmt.Fprintf(&p95, "%s%s %s", command, x, number(plotY(p.P95, top)))
		if alone {
			fmt.Fprintf(&dots50, "M%s %sh.01", x, number(plotY(p.P50, top)))
			fmt.Fprintf(&dots95, "M%s %sh.01", x, number(plotY(p.P95, top)))
		}
		data.Times = append(data.Times, at.Unix())
		data.Values[0] = append(data.Values[0], millis(p.P50))
		data.Values[1] = append(data.Values[1], millis(p.P95))
		data.Notes = append(data.Notes, plural(p.Runs, "run"))
	}
	newest := points[len(points)-1]
	shapes := []shape{{"line p95", p95.String()}, {"line p50", p50.String()}}
	if dots50.Len() > 0 {
		shapes = append(shapes, shape{"line dot p95", dots95.String()}, shape{"line dot p50", dots50.String()})
	}
	return &chart{
		Title: "Latency, all checks",
		Label: fmt.Sprintf("Latency of all checks over the last hour: p50 now %s, p95 now %s", latency(newest.P50), latency(newest.P95)),
		Y:     ticks, X: timeTicks(from, to), Height: plotHeight,
		Shapes: shapes,
		Legend: []legend{{"p50", "p50 over 5 min"}, {"p95", "p95 over 5 min"}},
		Points: data.json(),
	}
}
