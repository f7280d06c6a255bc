package ui

import (
	"fmt"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// phase is one part of a request as charts show it.
type phase struct {
	Class string // of the style sheet
	Name  string
	Of    func(probe.Phases) time.Duration
}

// phaseList is in the order in which they happen, which is from the bottom of a
// column to its top.
var phaseList = [...]phase{
	{"dns", "DNS", func(p probe.Phases) time.Duration { return p.DNS }},
	{"connect", "Connect", func(p probe.Phases) time.Duration { return p.Connect }},
	{"tls", "TLS", func(p probe.Phases) time.Duration { return p.TLS }},
	{"ttfb", "Wait", func(p probe.Phases) time.Duration { return p.TTFB }},
	{"transfer", "Transfer", func(p probe.Phases) time.Duration { return p.Transfer }},
}

// maxColumns is how many columns a chart has at most.
const maxColumns = 120

// column is a slot of time in a phase chart: the mean over its good runs.
type column struct {
	start    time.Time
	phases   probe.Phases // sum over the good runs
	good     int
	down     int
	degraded int
	slowest  time.Duration
	run      checks.RunID // the last one of the slot
}

// phaseChart draws runs (newest first) as columns of stacked phases, one column
// for each run as long as there is room, else one for each slot of equal length.
func phaseChart(results []checks.Result, r timeRange, interval time.Duration, id string) *chart {
	length := r.To.Sub(r.From)
	slot := slotLength(length, interval)
	columns := make([]column, int((length+slot-1)/slot))
	for i := range results {
		res := &results[i]
		at := int(res.At().Sub(r.From) / slot)
		if res.At().Before(r.From) || at >= len(columns) || len(res.Attempts) == 0 {
			continue
		}
		c := &columns[at]
		c.run = max(c.run, res.Run)
		switch res.Status {
		case checks.Down:
			c.down++
			continue
		case checks.Degraded:
			c.degraded++
		}
		c.good++
		c.phases = c.phases.Add(res.Last().Phases)
		c.slowest = max(c.slowest, res.Latency())
	}
	for i := range columns {
		columns[i].start = r.From.Add(time.Duration(i) * slot)
	}
	return drawColumns(columns, r, slot, id)
}

// slotLength is at least the interval of the check, so that each run has its
// own column where that is possible.
func slotLength(length, interval time.Duration) time.Duration {
	slot := max(length/maxColumns, time.Second)
	if interval > slot && length/interval >= 12 {
		return interval
	}
	return slot
}

func drawColumns(columns []column, r timeRange, slot time.Duration, id string) *chart {
	var highest time.Duration
	runs, down := 0, 0
	one := true // run in each column, at most
	for i := range columns {
		c := &columns[i]
		one = one && c.good+c.down <= 1
		runs += c.good + c.down
		down += c.down
		if c.good > 0 {
			highest = max(highest, c.phases.Total()/time.Duration(c.good))
		}
	}
	if runs == 0 {
		return nil
	}
	top, ticks := niceScale(highest)
	data := plotted{From: r.From.Unix(), To: r.To.Unix(), Width: int64(slot / time.Second), Values: make([][]*float64, len(phaseList))}
	paths := make([]strings.Builder, len(phaseList))
	var failed strings.Builder
	var seen [len(phaseList)]bool
	width := plotWidth * float64(slot) / float64(r.To.Sub(r.From))
	gap := 0.1
	if len(columns) > maxColumns/2 {
		gap = 0.03 // on a phone a column is then two pixels wide: a gap would only blur it
	}
	for i := range columns {
		c := &columns[i]
		if c.good+c.down == 0 {
			continue
		}
		x := number(plotX(c.start, r.From, r.To) + width*gap)
		w := number(width * (1 - 2*gap))
		base := time.Duration(0)
		for p, ph := range phaseList {
			var mean time.Duration
			if c.good > 0 {
				mean = ph.Of(c.phases) / time.Duration(c.good)
			}
			data.Values[p] = append(data.Values[p], millis(mean))
			if mean <= 0 {
				continue
			}
			seen[p] = true
			lower, upper := plotY(base, top), plotY(base+mean, top)
			fmt.Fprintf(&paths[p], "M%s %sh%sV%sh-%sz", x, number(lower), w, number(upper), w)
			base += mean
		}
		if c.down > 0 {
			fmt.Fprintf(&failed, "M%s 0h%sV%dh-%sz", x, w, plotHeight, w)
		}
		data.Times = append(data.Times, c.start.Unix())
		data.Notes = append(data.Notes, columnNote(c))
		link := ""
		if c.good+c.down == 1 {
			link = runPath(id, c.run)
		}
		data.Links = append(data.Links, link)
	}
	ch := &chart{Title: "Latency by phase", Y: ticks, X: timeTicks(r.From, r.To), Stacked: true, Height: plotHeight}
	if failed.Len() > 0 {
		ch.Shapes = append(ch.Shapes, shape{"failed", failed.String()})
	}
	for p, ph := range phaseList {
		data.Names = append(data.Names, ph.Name)
		if seen[p] {
			ch.Shapes = append(ch.Shapes, shape{"phase " + ph.Class, paths[p].String()})
			ch.Legend = append(ch.Legend, legend{ph.Class, ph.Name})
		}
	}
	if failed.Len() > 0 {
		ch.Legend = append(ch.Legend, legend{"failed", "failed runs"})
	}
	ch.Grain = "the mean over " + span(slot)
	if one {
		ch.Grain = "one run"
	}
	ch.Note = failedNote(runs, down)
	ch.Label = fmt.Sprintf("Latency by phase, %s: %s, %d failed", r.Name(), plural(runs, "run"), down)
	ch.Points = data.json()
	return ch
}

// failedNote says what failed runs do to the picture: they are timeouts and
// refused connections, which say nothing of how fast the API answers.
func failedNote[N int | uint64](runs, down N) string {
	switch down {
	case 0:
		return ""
	case runs:
		return "every run failed, so there is no latency to draw"
	default:
		return "failed runs are left out of the latency"
	}
}

func columnNote(c *column) string {
	note := plural(c.good+c.down, "run")
	if c.down > 0 {
		note += fmt.Sprintf(", %d failed", c.down)
	}
	if c.degraded > 0 {
		note += fmt.Sprintf(", %d degraded", c.degraded)
	}
	if c.good > 1 {
		note += ", slowest " + latency(c.slowest)
	}
	return note
}

// rollupChart draws mean and slowest latency from roll-ups (oldest first), for
// ranges that are too long to read each run.
func rollupChart(rollups []checks.Rollup, step checks.Step, r timeRange) *chart {
	length := r.To.Sub(r.From)
	slot := step.Length()
	for length/slot > maxColumns {
		slot *= 2
	}
	sums := make([]checks.Rollup, int((length+slot-1)/slot)+1)
	for i := range rollups {
		at := int(rollups[i].Start.Sub(r.From.Truncate(step.Length())) / slot)
		if at >= 0 && at < len(sums) {
			sums[at].Merge(&rollups[i])
		}
	}
	start := r.From.Truncate(step.Length())
	var highest time.Duration
	runs, down := uint64(0), uint64(0)
	for i := range sums {
		highest = max(highest, sums[i].Mean()*5/4)
		runs += uint64(sums[i].Runs())
		down += uint64(sums[i].Down)
	}
	if runs == 0 {
		return nil
	}
	top, ticks := niceScale(highest)
	data := plotted{From: r.From.Unix(), To: r.To.Unix(), Width: int64(slot / time.Second), Names: []string{"Mean", "Fastest", "Slowest"}, Values: make([][]*float64, 3)}
	var mean, failed strings.Builder
	for i := range sums {
		s := &sums[i]
		if s.Runs() == 0 {
			continue
		}
		at := start.Add(time.Duration(i) * slot)
		left := max(plotX(at, r.From, r.To), 0)
		right := min(plotX(at.Add(slot), r.From, r.To), plotWidth)
		if right <= left {
			continue
		}
		gap := (right - left) * 0.1
		x, w := number(left+gap), number(right-left-2*gap)
		if s.Down > 0 {
			fmt.Fprintf(&failed, "M%s 0h%sV%dh-%sz", x, w, plotHeight, w)
		}
		if m := s.Mean(); m > 0 {
			fmt.Fprintf(&mean, "M%s %dh%sV%sh-%sz", x, plotHeight, w, number(plotY(m, top)), w)
		}
		data.Times = append(data.Times, at.Unix())
		data.Values[0] = append(data.Values[0], millis(s.Mean()))
		data.Values[1] = append(data.Values[1], millis(s.LatencyMin))
		data.Values[2] = append(data.Values[2], millis(s.LatencyMax))
		note := plural(s.Runs(), "run")
		if s.Down > 0 {
			note += ", " + count(s.Down) + " failed"
		}
		data.Notes = append(data.Notes, note)
	}
	ch := &chart{
		Title: "Mean latency",
		Label: fmt.Sprintf("Mean latency, %s: %s, %d failed", r.Name(), plural(runs, "run"), down),
		Y:     ticks, X: timeTicks(r.From, r.To), Stacked: true, Height: plotHeight,
		Grain: "the mean over " + span(slot), Points: data.json(),
	}
	if failed.Len() > 0 {
		ch.Shapes = append(ch.Shapes, shape{"failed", failed.String()})
	}
	ch.Note = failedNote(runs, down)
	ch.Shapes = append(ch.Shapes, shape{"phase ttfb", mean.String()})
	ch.Legend = []legend{{"ttfb", "mean latency"}}
	if failed.Len() > 0 {
		ch.Legend = append(ch.Legend, legend{"failed", "with failed runs"})
	}
	return ch
}
