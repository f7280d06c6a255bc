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
		tags := tagsOfPairs(m.GetLabel())
		// What is remembered does not depend on how it is sent.
		s := series{writer: w, name: name, key: f.GetName() + "|" + tags, tags: w.tags + tags}
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			s.count("", m.GetCounter().GetValue())
		case dto.MetricType_GAUGE:
			s.gauge("", m.GetGauge().GetValue())
		case dto.MetricType_UNTYPED:
			s.gauge("", m.GetUntyped().GetValue())
		case dto.MetricType_HISTOGRAM:
			s.histogram(m.GetHistogram())
		case dto.MetricType_SUMMARY:
			s.summary(m.GetSummary())
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

// series writes one series. Its methods append a suffix to the name.
type series struct {
	*writer
	name, key, tags string
}

// count writes what a counter grew by; nothing when it did not grow.
func (s *series) count(suffix string, value float64) {
	key := s.key + suffix
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		s.none()
		return
	case s.noting:
		s.memory.set(key, value)
		return
	}
	grown := s.memory.grown(key, value)
	if grown == 0 {
		s.memory.set(key, value)
		return
	}
	s.write(suffix, grown, "c", growth{key, value})
}

func (s *series) gauge(suffix string, value float64) {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0): // DogStatsD has neither
		s.none()
	case s.noting:
	default:
		s.write(suffix, value, "g", growth{})
	}
}

func (s *series) histogram(h *dto.Histogram) {
	s.count(".count", cmp.Or(h.GetSampleCountFloat(), float64(h.GetSampleCount())))
	s.count(".sum", h.GetSampleSum())
	fresh := s.memory.since(s.key, bucketsOf(h))
	if s.noting {
		return
	}
	for _, p := range percentiles {
		if value, ok := quantile(p.q, fresh); ok {
			s.gauge(p.suffix, value)
		}
	}
}

func (s *series) summary(from *dto.Summary) {
	s.count(".count", float64(from.GetSampleCount()))
	s.count(".sum", from.GetSampleSum())
	for _, q := range from.GetQuantile() {
		percent := strconv.FormatFloat(q.GetQuantile()*100, 'f', -1, 64)
		s.gauge(".p"+strings.ReplaceAll(percent, ".", "_"), q.GetValue())
	}
}

func (s *series) write(suffix string, value float64, kind string, g growth) {
	line := append(append(append(s.line[:0], s.name...), suffix...), ':')
	line = strconv.AppendFloat(line, value, 'g', -1, 64)
	line = append(append(line, '|'), kind...)
	if s.tags != "" {
		line = append(append(line, "|#"...), strings.TrimSuffix(s.tags, ",")...)
	}
	s.line = line
	s.add(line, g)
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
