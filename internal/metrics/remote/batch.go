package remote

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"
)

// maxReasons is how many refusals an answer names.
const maxReasons = 5

// malformedError is of a body that is not what it says it is.
type malformedError struct{ err error }

func (e *malformedError) Error() string { return "the body cannot be read: " + e.err.Error() }

func (e *malformedError) Unwrap() error { return e.err }

// batch stores what holds of one request, and remembers what does not.
type batch struct {
	app     storage.Appender
	builder labels.ScratchBuilder

	samples, histograms, exemplars, refused int
	first                                   []string // reasons, each for one sample
	broken                                  error    // what kept everything out; the rest of the request is not looked at
}

// reasons says what was refused.
func (b *batch) reasons() error {
	text := fmt.Sprintf("%d of %d samples were not stored: %s", b.refused, b.refused+b.samples+b.histograms, strings.Join(b.first, "; "))
	if more := b.refused - len(b.first); more > 0 {
		text += "; …"
	}
	return errors.New(text)
}

func (b *batch) refuse(n int, reason string) {
	if n == 0 {
		return
	}
	b.refused += n
	if len(b.first) < maxReasons {
		b.first = append(b.first, strings.ToValidUTF8(reason, "�"))
	}
}

func (b *batch) readV1(body []byte) error {
	var q prompb.WriteRequest
	if err := q.Unmarshal(body); err != nil {
		return &malformedError{err}
	}
	for i := range q.Timeseries {
		ts := &q.Timeseries[i]
		ls := ts.ToLabels(&b.builder, nil)
		if reason := invalid(ls); reason != "" {
			b.refuse(len(ts.Samples)+len(ts.Histograms), reason)
			continue
		}
		s := series{batch: b, labels: ls}
		for _, sample := range ts.Samples {
			s.sample(sample.Timestamp, sample.Value)
		}
		for j := range ts.Histograms {
			if h := &ts.Histograms[j]; h.IsFloatHistogram() {
				s.histogram(h.Timestamp, nil, h.ToFloatHistogram())
			} else {
				s.histogram(h.Timestamp, h.ToIntHistogram(), nil)
			}
		}
		for j := range ts.Exemplars {
			s.exemplar(ts.Exemplars[j].ToExemplar(&b.builder, nil))
		}
		if b.broken != nil {
			return nil
		}
	}
	return nil
}

func (b *batch) readV2(body []byte) error {
	var q writev2.Request
	if err := q.Unmarshal(body); err != nil {
		return &malformedError{err}
	}
	if len(body) > 0 && len(q.Symbols) == 0 { // even of no series the first symbol is sent
		return &malformedError{errors.New("it is not of version 2.0")}
	}
	for i := range q.Timeseries {
		ts := &q.Timeseries[i]
		n := len(ts.Samples) + len(ts.Histograms)
		ls, err := ts.ToLabels(&b.builder, q.Symbols)
		if err != nil {
			b.refuse(n, "labels: "+err.Error())
			continue
		}
		if reason := invalid(ls); reason != "" {
			b.refuse(n, reason)
			continue
		}
		s := series{batch: b, labels: ls}
		for j := range ts.Samples {
			s.sample(ts.Samples[j].Timestamp, ts.Samples[j].Value)
		}
		for j := range ts.Histograms {
			if h := &ts.Histograms[j]; h.IsFloatHistogram() {
				s.histogram(h.Timestamp, nil, h.ToFloatHistogram())
			} else {
				s.histogram(h.Timestamp, h.ToIntHistogram(), nil)
			}
		}
		for j := range ts.Exemplars {
			if e, err := ts.Exemplars[j].ToExemplar(&b.builder, q.Symbols); err == nil {
				s.exemplar(e)
			}
		}
		if b.broken != nil {
			return nil
		}
	}
	return nil
}

// invalid says what is wrong with a series' labels, "" when nothing is.
func invalid(ls labels.Labels) string {
	if twice, has := ls.HasDuplicateLabelNames(); has {
		return fmt.Sprintf("label %.64q comes twice", twice)
	}
	switch name := ls.Get(model.MetricNameLabel); {
	case name == "":
		return "a series has no name: label __name__ is missing"
	case !ls.IsValid(model.UTF8Validation):
		return fmt.Sprintf("labels of %.64q are not valid", name)
	}
	return ""
}

// series stores the samples of one series.
type series struct {
	*batch
	labels labels.Labels
	ref    storage.SeriesRef
}

func (s *series) sample(t int64, v float64) {
	if s.broken != nil {
		return
	}
	ref, err := s.app.Append(s.ref, s.labels, t, v)
	if s.took(ref, t, err) {
		s.samples++
	}
}

func (s *series) histogram(t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) {
	if s.broken != nil {
		return
	}
	if err := coarser(h, fh); err != nil {
		s.refuse(1, fmt.Sprintf("%.200s at %d: %.200s", s.labels.String(), t, err))
		return
	}
	ref, err := s.app.AppendHistogram(s.ref, s.labels, t, h, fh)
	if s.took(ref, t, err) {
		s.histograms++
	}
}

// coarser brings a histogram down to the finest resolution that is stored.
func coarser(h *histogram.Histogram, fh *histogram.FloatHistogram) error {
	switch {
	case h != nil && histogram.IsExponentialSchemaReserved(h.Schema) && h.Schema > histogram.ExponentialSchemaMax:
		return h.ReduceResolution(histogram.ExponentialSchemaMax)
	case fh != nil && histogram.IsExponentialSchemaReserved(fh.Schema) && fh.Schema > histogram.ExponentialSchemaMax:
		return fh.ReduceResolution(histogram.ExponentialSchemaMax)
	}
	return nil
}

// took notes what became of a sample, and reports whether it will be stored.
func (s *series) took(ref storage.SeriesRef, t int64, err error) bool {
	switch {
	case err == nil:
		s.ref = ref
		return true
	case permanent(err):
		s.refuse(1, fmt.Sprintf("%.200s at %d: %.200s", s.labels.String(), t, err))
	default:
		s.broken = err
	}
	return false
}

// exemplar stores an exemplar if it can be: they are examples, and none is
// worth a sample.
func (s *series) exemplar(e exemplar.Exemplar) {
	if s.broken != nil || math.IsNaN(e.Value) {
		return
	}
	if ref, err := s.app.AppendExemplar(s.ref, s.labels, e); err == nil {
		s.ref = ref
		s.exemplars++
	}
}
