package otlp

import (
	"cmp"
	"encoding/hex"
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type family = dto.MetricFamily

// maxBuckets of an exponential histogram on each side of zero. One with more is
// sent at half its resolution, as often as it takes.
const maxBuckets = 320

// translation writes families as OTLP.
type translation struct {
	resource   func(pmetric.ResourceMetrics)
	start, now pcommon.Timestamp

	md      pmetric.Metrics
	metrics pmetric.MetricSlice
	points  int
	dropped int // points that OTLP has no form for
}

func newTranslation(resource func(pmetric.ResourceMetrics), start, now time.Time) *translation {
	t := &translation{resource: resource, start: pcommon.NewTimestampFromTime(start), now: pcommon.NewTimestampFromTime(now)}
	t.reset()
	return t
}

func (t *translation) reset() {
	t.md, t.points = pmetric.NewMetrics(), 0
	r := t.md.ResourceMetrics().AppendEmpty()
	t.resource(r)
	scope := r.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("lapwing.dev/lapwing")
	t.metrics = scope.Metrics()
}

// take returns what was added since the last take.
func (t *translation) take() pmetric.Metrics {
	md := t.md
	t.reset()
	return md
}

// add translates a family.
func (t *translation) add(f *family) {
	if len(f.GetMetric()) == 0 {
		return
	}
	m := t.metrics.AppendEmpty()
	m.SetName(f.GetName())
	m.SetDescription(f.GetHelp())
	m.SetUnit(f.GetUnit())
	before := t.points
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		t.counter(m.SetEmptySum(), f)
	case dto.MetricType_GAUGE, dto.MetricType_UNTYPED:
		t.gauge(m.SetEmptyGauge(), f)
	case dto.MetricType_SUMMARY:
		t.summary(m.SetEmptySummary(), f)
	case dto.MetricType_HISTOGRAM:
		if slices.ContainsFunc(f.GetMetric(), func(m *dto.Metric) bool { return isNative(m.GetHistogram()) }) {
			t.native(m.SetEmptyExponentialHistogram(), f)
		} else {
			t.classic(m.SetEmptyHistogram(), f)
		}
	default: // gauge histograms count what goes down too
		t.dropped += len(f.GetMetric())
	}
	if t.points == before {
		t.metrics.RemoveIf(func(other pmetric.Metric) bool { return other == m })
	}
}

// isNative reports whether a histogram has buckets of the exponential kind.
func isNative(h *dto.Histogram) bool {
	return h != nil && h.Schema != nil && (len(h.GetPositiveSpan()) > 0 || len(h.GetNegativeSpan()) > 0 || h.GetZeroThreshold() > 0)
}

// point is what all kinds of data points have in common.
type point interface {
	Attributes() pcommon.Map
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
}

func (t *translation) fill(p point, m *dto.Metric, created *timestamppb.Timestamp) {
	p.Attributes().EnsureCapacity(len(m.GetLabel()))
	for _, label := range m.GetLabel() {
		p.Attributes().PutStr(label.GetName(), label.GetValue())
	}
	p.SetTimestamp(t.now)
	p.SetStartTimestamp(t.start)
	if created != nil {
		p.SetStartTimestamp(min(t.now, pcommon.NewTimestampFromTime(created.AsTime())))
	}
	t.points++
}

func (t *translation) counter(to pmetric.Sum, f *family) {
	to.SetIsMonotonic(true)
	to.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, m := range f.GetMetric() {
		c := m.GetCounter()
		if c == nil || math.IsNaN(c.GetValue()) {
			t.dropped++
			continue
		}
		p := to.DataPoints().AppendEmpty()
		t.fill(p, m, c.GetCreatedTimestamp())
		p.SetDoubleValue(c.GetValue())
		exemplar(p.Exemplars(), c.GetExemplar())
	}
}

func (t *translation) gauge(to pmetric.Gauge, f *family) {
	for _, m := range f.GetMetric() {
		value := m.GetGauge().GetValue()
		if f.GetType() == dto.MetricType_UNTYPED {
			value = m.GetUntyped().GetValue()
		}
		p := to.DataPoints().AppendEmpty()
		t.fill(p, m, nil)
		p.SetStartTimestamp(0) // gauges have none
		p.SetDoubleValue(value)
	}
}

func (t *translation) summary(to pmetric.Summary, f *family) {
	for _, m := range f.GetMetric() {
		s := m.GetSummary()
		p := to.DataPoints().AppendEmpty()
		t.fill(p, m, s.GetCreatedTimestamp())
		p.SetCount(s.GetSampleCount())
		p.SetSum(s.GetSampleSum())
		for _, q := range s.GetQuantile() {
			at := p.QuantileValues().AppendEmpty()
			at.SetQuantile(q.GetQuantile())
			at.SetValue(q.GetValue())
		}
	}
}

func (t *translation) classic(to pmetric.Histogram, f *family) {
	to.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, m := range f.GetMetric() {
		h := m.GetHistogram()
		p := to.DataPoints().AppendEmpty()
		t.fill(p, m, h.GetCreatedTimestamp())
		count := total(h)
		p.SetCount(count)
		p.SetSum(h.GetSampleSum())
		buckets := slices.Clone(h.GetBucket())
		slices.SortFunc(buckets, func(a, b *dto.Bucket) int { return cmp.Compare(a.GetUpperBound(), b.GetUpperBound()) })
		below := uint64(0)
		for _, b := range buckets {
			exemplar(p.Exemplars(), b.GetExemplar())
			if math.IsInf(b.GetUpperBound(), 1) {
				continue
			}
			upTo := b.GetCumulativeCount()
			if upTo == 0 {
				upTo = uint64(b.GetCumulativeCountFloat())
			}
			upTo = max(upTo, below)
			p.ExplicitBounds().Append(b.GetUpperBound())
			p.BucketCounts().Append(upTo - below)
			below = upTo
		}
		p.BucketCounts().Append(max(count, below) - below)
	}
}

// native writes exponential histograms. OpenTelemetry's bucket i has values above
// base^i, Prometheus' bucket i those up to base^i: one less. The widths are the
// same (scale and schema).
func (t *translation) native(to pmetric.ExponentialHistogram, f *family) {
	to.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, m := range f.GetMetric() {
		h := m.GetHistogram()
		if h.GetSchema() < -4 || h.GetSchema() > 8 { // buckets of another kind
			t.dropped++
			continue
		}
		positive := sparse(h.GetPositiveSpan(), h.GetPositiveDelta(), h.GetPositiveCount())
		negative := sparse(h.GetNegativeSpan(), h.GetNegativeDelta(), h.GetNegativeCount())
		scale := h.GetSchema()
		for width(positive) > maxBuckets || width(negative) > maxBuckets {
			positive, negative = halved(positive), halved(negative)
			scale--
		}
		p := to.DataPoints().AppendEmpty()
		t.fill(p, m, h.GetCreatedTimestamp())
		p.SetScale(scale)
		p.SetCount(total(h))
		p.SetSum(h.GetSampleSum())
		p.SetZeroThreshold(h.GetZeroThreshold())
		p.SetZeroCount(cmp.Or(h.GetZeroCount(), uint64(h.GetZeroCountFloat())))
		dense(p.Positive(), positive)
		dense(p.Negative(), negative)
		for _, e := range h.GetExemplars() {
			exemplar(p.Exemplars(), e)
		}
		if len(h.GetExemplars()) > 0 {
			continue
		}
		for _, b := range h.GetBucket() { // the same ones, where they stand only here
			exemplar(p.Exemplars(), b.GetExemplar())
		}
	}
}

func total(h *dto.Histogram) uint64 {
	return cmp.Or(h.GetSampleCount(), uint64(h.GetSampleCountFloat()))
}

// bucket is one that is not empty, by OpenTelemetry's index.
type bucket struct {
	index int64
	count uint64
}

// sparse reads buckets, which Prometheus writes as spans and differences (or
// counts, where they are not whole).
func sparse(spans []*dto.BucketSpan, deltas []int64, counts []float64) (list []bucket) {
	index, count, n := int64(-1), int64(0), 0
	for _, span := range spans {
		index += int64(span.GetOffset())
		for range span.GetLength() {
			switch {
			case n < len(deltas):
				count += deltas[n]
			case n < len(counts):
				count = int64(math.Round(counts[n]))
			default:
				return list
			}
			if count > 0 {
				list = append(list, bucket{index, uint64(count)})
			}
			index, n = index+1, n+1
		}
	}
	return list
}

// width is how many buckets there are from the first to the last.
func width(list []bucket) int64 {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1].index - list[0].index + 1
}

// halved joins each two neighbours: the same at half the resolution.
func halved(list []bucket) (joined []bucket) {
	for _, b := range list {
		b.index >>= 1
		if n := len(joined); n > 0 && joined[n-1].index == b.index {
			joined[n-1].count += b.count
			continue
		}
		joined = append(joined, b)
	}
	return joined
}

func dense(to pmetric.ExponentialHistogramDataPointBuckets, list []bucket) {
	if len(list) == 0 {
		return
	}
	to.SetOffset(int32(list[0].index)) // #nosec G115 -- it was one
	counts := make([]uint64, width(list))
	for _, b := range list {
		counts[b.index-list[0].index] = b.count
	}
	to.BucketCounts().FromRaw(counts)
}

// exemplar writes an example; its trace is told in OpenTelemetry's own fields.
func exemplar(to pmetric.ExemplarSlice, from *dto.Exemplar) {
	if from == nil {
		return
	}
	e := to.AppendEmpty()
	e.SetDoubleValue(from.GetValue())
	e.SetTimestamp(pcommon.NewTimestampFromTime(from.GetTimestamp().AsTime()))
	for _, label := range from.GetLabel() {
		id, err := hex.DecodeString(label.GetValue())
		switch {
		case label.GetName() == "trace_id" && err == nil && len(id) == 16:
			e.SetTraceID(pcommon.TraceID(id))
		case label.GetName() == "span_id" && err == nil && len(id) == 8:
			e.SetSpanID(pcommon.SpanID(id))
		default:
			e.FilteredAttributes().PutStr(label.GetName(), label.GetValue())
		}
	}
}
