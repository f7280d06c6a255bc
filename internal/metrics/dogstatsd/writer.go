package dogstatsd

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	dto "github.com/prometheus/client_model/go"
)

// writer writes families as lines of DogStatsD.
type writer struct {
	*packer
	memory *memory
	prefix string
	tags   string // of everything: "region:eu,"
	noForm *atomic.Uint64
	noting bool // only the memory is filled, nothing is written

	line []byte
}

// percentiles are those of histograms. Datadog's own are these.
var percentiles = []struct {
	suffix string
	q      float64
}{{".p50", 0.5}, {".p95", 0.95}, {".p99", 0.99}}

func (w *writer) family(f *dto.MetricFamily) {
	name := clean(w.prefix+f.GetName(), nameByte)
	for _, m := range f.GetMetric() {
		tags := w.tags + tagsOfPairs(m.GetLabel())
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			w.count(name, tags, m.GetCounter().GetValue())
		case dto.MetricType_GAUGE:
			w.gauge(name, tags, m.GetGauge().GetValue())
		case dto.MetricType_UNTYPED:
			w.gauge(name, tags, m.GetUntyped().GetValue())
		case dto.MetricType_HISTOGRAM:
			w.histogram(name, tags, m.GetHistogram())
		case dto.MetricType_SUMMARY:
			w.summary(name, tags, m.GetSummary())
		default:
			w.none()
		}
	}
}

func (w *writer) none() {
	if !w.noting {
		w.noForm.Add(1)
	}
}

// count writes what a counter grew by; nothing when it did not grow.
func (w *writer) count(name, tags string, value float64) {
	key := name + "|" + tags
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		w.none()
		return
	case w.noting:
		w.memory.set(key, value)
		return
	}
	grown := w.memory.grown(key, value)
	if grown == 0 {
		w.memory.set(key, value)
		return
	}
	w.write(name, grown, "c", tags, growth{key, value})
}

func (w *writer) gauge(name, tags string, value float64) {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0): // DogStatsD has neither
		w.none()
	case w.noting:
	default:
		w.write(name, value, "g", tags, growth{})
	}
}

func (w *writer) histogram(name, tags string, h *dto.Histogram) {
	w.count(name+".count", tags, cmp.Or(h.GetSampleCountFloat(), float64(h.GetSampleCount())))
	w.count(name+".sum", tags, h.GetSampleSum())
	fresh := w.memory.since(name+"|"+tags, bucketsOf(h))
	if w.noting {
		return
	}
	for _, p := range percentiles {
		if value, ok := quantile(p.q, fresh); ok {
			w.gauge(name+p.suffix, tags, value)
		}
	}
}

func (w *writer) summary(name, tags string, s *dto.Summary) {
	w.count(name+".count", tags, float64(s.GetSampleCount()))
	w.count(name+".sum", tags, s.GetSampleSum())
	for _, q := range s.GetQuantile() {
		percent := strconv.FormatFloat(q.GetQuantile()*100, 'f', -1, 64)
		w.gauge(name+".p"+strings.ReplaceAll(percent, ".", "_"), tags, q.GetValue())
	}
}

func (w *writer) write(name string, value float64, kind, tags string, g growth) {
	w.line = append(append(w.line[:0], name...), ':')
	w.line = strconv.AppendFloat(w.line, value, 'g', -1, 64)
	w.line = append(append(w.line, '|'), kind...)
	if tags != "" {
		w.line = append(append(w.line, "|#"...), strings.TrimSuffix(tags, ",")...)
	}
	w.add(w.line, g)
}

// tagsOf are labels as tags, each with a comma behind.
func tagsOf(set map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		writeTag(&b, name, set[name])
	}
	return b.String()
}

func tagsOfPairs(pairs []*dto.LabelPair) string {
	var b strings.Builder
	for _, pair := range pairs {
		writeTag(&b, pair.GetName(), pair.GetValue())
	}
	return b.String()
}

func writeTag(b *strings.Builder, name, value string) {
	if value == "" { // the same as no label
		return
	}
	b.WriteString(clean(name, nameByte))
	b.WriteByte(':')
	b.WriteString(clean(value, tagByte))
	b.WriteByte(',')
}

// clean replaces what would end a name or a tag early. What a client chose must
// not become a metric of its own.
func clean(text string, allowed func(rune) bool) string {
	return strings.Map(func(c rune) rune {
		if allowed(c) {
			return c
		}
		return '_'
	}, text)
}

func nameByte(c rune) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func tagByte(c rune) bool {
	return c >= ' ' && c != ',' && c != '|' && c != '#' && c != 0x7f && c != '\uFFFD'
}
