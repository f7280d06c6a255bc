package promapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// federated is how old a sample may be that another server gets.
	federated = 5 * time.Minute
	// maxFederated is how many series one answer has.
	maxFederated = 200_000
)

// latest is the last sample of a series.
type latest struct {
	labels labels.Labels
	at     int64 // milliseconds
	value  float64
	hist   *histogram.FloatHistogram // nil for a number
}

// federate answers /federate: the last sample of each series that is asked for.
// Native histograms go to clients that speak protobuf only, as there is no text
// for them.
func (a *api) federate(w http.ResponseWriter, r *http.Request) {
	sets, err := a.parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	format := expfmt.NegotiateAccept(r.Header,
		expfmt.NewFormat(expfmt.TypeProtoDelim), expfmt.NewFormat(expfmt.TypeProtoText), expfmt.NewFormat(expfmt.TypeProtoCompact), expfmt.NewFormat(expfmt.TypeTextPlain))
	samples, err := a.latest(r, sets)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", string(format))
	encoder, protobuf := expfmt.NewEncoder(w, format), format.FormatType() != expfmt.TypeTextPlain
	var family *dto.MetricFamily
	for i := range samples {
		s := &samples[i]
		if s.hist != nil && (!protobuf || s.hist.UsesCustomBuckets()) {
			continue
		}
		name, kind := s.labels.Get(model.MetricNameLabel), s.kind()
		if family == nil || family.GetName() != name || family.GetType() != kind {
			if family != nil && encoder.Encode(family) != nil {
				return // the client went away
			}
			family = &dto.MetricFamily{Name: &name, Type: &kind}
		}
		family.Metric = append(family.Metric, s.metric())
	}
	if family != nil {
		_ = encoder.Encode(family) //nolint:errcheck // the client went away
	}
}

// latest reads the last samples, by the name of their metric.
func (a *api) latest(r *http.Request, sets [][]*labels.Matcher) ([]latest, error) {
	now := time.Now()
	from, to := timestamp.FromTime(now.Add(-federated)), timestamp.FromTime(now)
	querier, err := a.DB.SampleAndChunkQueryable().Querier(from, to)
	if err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	defer func() { _ = querier.Close() }() //nolint:errcheck // it was read only
	var all []storage.SeriesSet
	for _, matchers := range sets {
		all = append(all, querier.Select(r.Context(), true, &storage.SelectHints{Start: from, End: to}, matchers...))
	}
	var (
		found  []latest
		cursor chunkenc.Iterator
	)
	set := storage.NewMergeSeriesSet(all, 0, storage.ChainedSeriesMerge)
	for set.Next() {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		if len(found) >= maxFederated {
			return nil, errors.New("too many series; ask for fewer by match[]")
		}
		one := latest{labels: set.At().Labels()}
		if !one.labels.Has(model.MetricNameLabel) {
			continue
		}
		cursor = set.At().Iterator(cursor)
		if one.last(cursor) {
			found = append(found, one)
		}
	}
	if err := set.Err(); err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	slices.SortStableFunc(found, func(a, b latest) int {
		return strings.Compare(a.labels.Get(model.MetricNameLabel), b.labels.Get(model.MetricNameLabel))
	})
	return found, nil
}

// last goes to the end of a series and reports whether it has not ended.
func (s *latest) last(samples chunkenc.Iterator) bool {
	ended := true
	for kind := samples.Next(); kind != chunkenc.ValNone; kind = samples.Next() {
		switch kind {
		case chunkenc.ValHistogram, chunkenc.ValFloatHistogram:
			s.at, s.hist = samples.AtFloatHistogram(nil)
			ended = value.IsStaleNaN(s.hist.Sum)
		default:
			s.at, s.value = samples.At()
			s.hist, ended = nil, value.IsStaleNaN(s.value)
		}
	}
	return !ended
}

func (s *latest) kind() dto.MetricType {
	switch {
	case s.hist == nil:
		return dto.MetricType_UNTYPED
	case s.hist.CounterResetHint == histogram.GaugeType:
		return dto.MetricType_GAUGE_HISTOGRAM
	default:
		return dto.MetricType_HISTOGRAM
	}
}

func (s *latest) metric() *dto.Metric {
	m := &dto.Metric{TimestampMs: &s.at}
	instance := false
	s.labels.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			return
		}
		instance = instance || l.Name == "instance"
		m.Label = append(m.Label, &dto.LabelPair{Name: &l.Name, Value: &l.Value})
	})
	if !instance { // or the server that asks would write its own there
		name, none := "instance", ""
		m.Label = append(m.Label, &dto.LabelPair{Name: &name, Value: &none})
	}
	if s.hist == nil {
		m.Untyped = &dto.Untyped{Value: &s.value}
		return m
	}
	m.Histogram = native(s.hist)
	return m
}

// native is a histogram as it goes over the wire.
func native(h *histogram.FloatHistogram) *dto.Histogram {
	spans := func(all []histogram.Span) []*dto.BucketSpan {
		out := make([]*dto.BucketSpan, len(all))
		for i := range all {
			out[i] = &dto.BucketSpan{Offset: &all[i].Offset, Length: &all[i].Length}
		}
		return out
	}
	return &dto.Histogram{
		Schema: &h.Schema, ZeroThreshold: &h.ZeroThreshold, ZeroCountFloat: &h.ZeroCount, SampleCountFloat: &h.Count, SampleSum: &h.Sum,
		PositiveSpan: spans(h.PositiveSpans), PositiveCount: h.PositiveBuckets,
		NegativeSpan: spans(h.NegativeSpans), NegativeCount: h.NegativeBuckets,
	}
}
