package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// band is one layer of a stacked chart of rates.
type band struct {
	Class string // of the style sheet
	Name  string
}

// stackPoint is one column: how many of each band there were.
type stackPoint struct {
	At      time.Time
	Covered time.Duration // what the counts are of: less than a column at the ends
	Counts  []uint64      // by band, from the bottom to the top
	Note    string
}

// rates are the counts per second of a column of length step. Of the first moments
// of a column no rate can be told: one request would be a peak above all others.
func (p *stackPoint) rates(step time.Duration) (each []float64, sum float64) {
	for _, n := range p.Counts {
		rate := float64(n) / max(p.Covered, step/6, time.Second).Seconds()
		each, sum = append(each, rate), sum+rate
	}
	return each, sum
}

// stackChart draws how many there were in each column of length step, as rates
// per second; nil without columns.
func stackChart(title string, bands []band, points []stackPoint, step time.Duration, r timeRange) *chart {
	if len(points) == 0 || !r.To.After(r.From) {
		return nil
	}
	var highest float64
	var total uint64
	for i := range points {
		for _, n := range points[i].Counts {
			total += n
		}
		_, sum := points[i].rates(step)
		highest = max(highest, sum)
	}
	top, ticks := rateScale(highest)
	data := plotted{From: r.From.Unix(), To: r.To.Unix(), Width: int64(step / time.Second), Unit: "/s", Values: make([][]*float64, len(bands))}
	paths := make([]strings.Builder, len(bands))
	for i := range points {
		p := &points[i]
		left, right := max(plotX(p.At, r.From, r.To), 0), min(plotX(p.At.Add(step), r.From, r.To), plotWidth)
		if right <= left {
			continue
		}
		gap := (right - left) * .06
		x, w := number(left+gap), number(right-left-2*gap)
		base := 0.
		rates, _ := p.rates(step)
		for i, value := range rates {
			var shown *float64
			if value > 0 {
				rounded := math.Round(value*1e3) / 1e3
				shown = &rounded
				y := func(v float64) string { return number(plotHeight * (1 - v/top)) }
				fmt.Fprintf(&paths[i], "M%s %sh%sV%sh-%sz", x, y(base), w, y(base+value), w)
				base += value
			}
			data.Values[i] = append(data.Values[i], shown)
		}
		data.Times = append(data.Times, p.At.Unix())
		data.Notes = append(data.Notes, p.Note)
	}
	ch := &chart{
		Title: title, Y: ticks, X: timeTicks(r.From, r.To), Stacked: true, Height: plotHeight, Grain: span(step),
		Label: fmt.Sprintf("%s, %s: %s", title, r.Name(), plural(total, "request")),
	}
	for i, b := range bands {
		data.Names = append(data.Names, b.Name)
		if paths[i].Len() > 0 {
			ch.Shapes = append(ch.Shapes, shape{"band " + b.Class, paths[i].String()})
			ch.Legend = append(ch.Legend, legend{b.Class, b.Name})
		}
	}
	ch.Points = data.json()
	return ch
}

// rateScale is niceScale for rates per second.
func rateScale(highest float64) (top float64, ticks []tick) {
	if highest <= 0 {
		highest = 1
	}
	step, steps := niceSteps(highest)
	for i := 0; i <= steps; i++ {
		text := "0"
		if i > 0 {
			text = strconv.FormatFloat(float64(i)*step, 'g', 4, 64)
			if v := float64(i) * step; v >= 1000 {
				text = count(int64(v))
			}
			text += "/s"
		}
		ticks = append(ticks, tick{At: percentage(1 - float64(i)/float64(steps)), Text: text})
	}
	return step * float64(steps), ticks
}

// rate writes requests per second with three digits or so.
func rate(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "0"
	case perSecond >= 99.5:
		return count(int64(math.Round(perSecond)))
	case perSecond >= 9.95:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	case perSecond < .005:
		return "<" + nbsp + "0.01"
	}
	return strconv.FormatFloat(perSecond, 'f', 2, 64)
}

// portion writes a part of a whole, rounded up so that only none reads 0 %.
func portion(part, whole uint64) string {
	switch {
	case part == 0 || whole == 0:
		return "0" + nbsp + "%"
	case part >= whole:
		return "100" + nbsp + "%"
	}
	share := float64(part) / float64(whole) * 100
	switch {
	case share >= 9.95:
		return strconv.FormatFloat(min(share, 99.9), 'f', 1, 64) + nbsp + "%"
	case share < .01:
		return "<" + nbsp + "0.01" + nbsp + "%"
	}
	return strconv.FormatFloat(share, 'f', 2, 64) + nbsp + "%"
}
