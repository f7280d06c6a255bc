package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// lineSeries is one line of a chart; NaN is where it has no value.
type lineSeries struct {
	Class, Name string
	Values      []float64 // by point
}

// threshold is a level that a chart shows across.
type threshold struct {
	Class, Name string
	Value       float64
}

// mark is a time that a chart sets off, such as that of an alert.
type mark struct {
	Class    string // down or degraded
	From, To time.Time
}

// lines is a chart of lines over time in one unit.
type lines struct {
	Title, Label string
	Unit         string // "%" or "ms"
	Range        timeRange
	Times        []time.Time
	Notes        []string // one for each time
	Step         time.Duration
	Series       []lineSeries
	Thresholds   []threshold
	Marks        []mark
	Low, High    float64 // that the axis holds at least
}

// chart draws it; nil without any value.
func (l *lines) chart() *chart {
	low, high, some := l.Low, l.High, false
	for _, s := range l.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, high, some = min(low, v), max(high, v), true
			}
		}
	}
	if !some || !l.Range.To.After(l.Range.From) {
		return nil
	}
	axis := newAxis(low, high, l.Unit)
	ch := &chart{Title: l.Title, Label: l.Label, Y: axis.ticks, X: timeTicks(l.Range.From, l.Range.To), Height: plotHeight, Grain: span(l.Step)}
	data := plotted{From: l.Range.From.Unix(), To: l.Range.To.Unix(), Unit: l.Unit, Values: make([][]*float64, len(l.Series)), Notes: l.Notes}
	ch.Shapes = markShapes(l.Marks, l.Range)
	for _, t := range l.Thresholds {
		ch.Legend = append(ch.Legend, legend{t.Class, t.Name})
		if t.Value >= axis.low && t.Value <= axis.high {
			ch.Shapes = append(ch.Shapes, shape{"level " + t.Class, fmt.Sprintf("M0 %sH%d", number(axis.y(t.Value)), plotWidth)})
		}
	}
	var xs []string
	for _, at := range l.Times {
		at = at.Add(l.Step / 2)
		if at.Before(l.Range.From) {
			at = l.Range.From
		}
		if at.After(l.Range.To) {
			at = l.Range.To
		}
		data.Times = append(data.Times, at.Unix())
		xs = append(xs, number(plotX(at, l.Range.From, l.Range.To)))
	}
	// The first series is the one to read: it is drawn last, above the others.
	for n := len(l.Series) - 1; n >= 0; n-- {
		s := &l.Series[n]
		path, dots := l.path(s, xs, axis)
		if path != "" {
			ch.Shapes = append(ch.Shapes, shape{"line " + s.Class, path})
		}
		if dots != "" {
			ch.Shapes = append(ch.Shapes, shape{"line dot " + s.Class, dots})
		}
	}
	for n, s := range l.Series {
		data.Names = append(data.Names, s.Name)
		ch.Legend = append(ch.Legend, legend{s.Class, s.Name})
		for _, v := range s.Values {
			data.Values[n] = append(data.Values[n], rounded(v))
		}
	}
	if len(l.Marks) > 0 {
		ch.Legend = append(ch.Legend, legend{"alert", "an alert fired"})
	}
	ch.Points = data.json()
	return ch
}

// path is a line where values follow each other, and dots where one is alone.
func (l *lines) path(s *lineSeries, xs []string, a axis) (path, dots string) {
	var line, dot strings.Builder
	joined := func(i, j int) bool { // is there a line between two neighbours
		return i >= 0 && j < len(s.Values) && !math.IsNaN(s.Values[i]) && !math.IsNaN(s.Values[j]) && l.Times[j].Sub(l.Times[i]) <= 2*l.Step
	}
	for i, v := range s.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		y := number(a.y(v))
		switch {
		case joined(i-1, i):
			fmt.Fprintf(&line, "L%s %s", xs[i], y)
		case joined(i, i+1):
			fmt.Fprintf(&line, "M%s %s", xs[i], y)
		default:
			fmt.Fprintf(&dot, "M%s %sh.01", xs[i], y)
		}
	}
	return line.String(), dot.String()
}

// markShapes are bands behind the lines of a chart, each with an edge at its
// beginning.
func markShapes(marks []mark, r timeRange) []shape {
	bands := map[string]*[2]strings.Builder{"down": {}, "degraded": {}}
	for _, m := range marks {
		b := bands[m.Class]
		from, to := max(plotX(m.From, r.From, r.To), 0), min(plotX(m.To, r.From, r.To), plotWidth)
		if b == nil || to <= from {
			continue
		}
		fmt.Fprintf(&b[0], "M%s 0H%sV%dH%sz", number(from), number(to), plotHeight, number(from))
		if !m.From.Before(r.From) {
			fmt.Fprintf(&b[1], "M%s 0V%d", number(from), plotHeight)
		}
	}
	var shapes []shape
	for _, class := range []string{"degraded", "down"} {
		for i, kind := range []string{"mark ", "mark-edge "} {
			if b := &bands[class][i]; b.Len() > 0 {
				shapes = append(shapes, shape{kind + class, b.String()})
			}
		}
	}
	return shapes
}

// rounded is a value for plotted, with three digits after the point; nil for none.
func rounded(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = math.Round(v*1e3) / 1e3
	return &v
}

// axis is a vertical axis with round ticks.
type axis struct {
	low, high float64
	ticks     []tick
}

func newAxis(low, high float64, unit string) axis {
	if !(high-low > 0) {
		high = low + 1
	}
	step, _ := niceSteps(high - low)
	// The sum of rounding errors must not make a tick more.
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	a := axis{low: first * step, high: last * step}
	for i := last; i >= first && len(a.ticks) < 20; i-- {
		text := ""
		switch v := i * step; unit {
		case "%":
			text = strings.Replace(strconv.FormatFloat(v, 'g', 4, 64), "-", "−", 1) + nbsp + "%"
		default:
			text = axisText(v)
		}
		a.ticks = append(a.ticks, tick{At: percentage((last - i) / (last - first)), Text: text})
	}
	return a
}

// y is the vertical place of a value.
func (a axis) y(v float64) float64 { return plotHeight * (1 - (v-a.low)/(a.high-a.low)) }
