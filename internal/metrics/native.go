package metrics

import (
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"
)

// isNative reports whether a histogram has exponential buckets, or room for them.
func isNative(h *dto.Histogram) bool {
	return h.GetSchema() != 0 || h.GetZeroThreshold() > 0 || h.GetZeroCount() > 0 || h.GetZeroCountFloat() > 0 || len(h.GetPositiveSpan()) > 0 || len(h.GetNegativeSpan()) > 0
}

// nativeOf is a native histogram as the TSDB keeps it: with whole numbers, or
// with fractions. What does not fit together is refused here, before it can
// confuse a query.
func nativeOf(h *dto.Histogram) (*histogram.Histogram, *histogram.FloatHistogram, error) {
	if h.GetSampleCountFloat() > 0 || h.GetZeroCountFloat() > 0 {
		float := &histogram.FloatHistogram{
			Schema: h.GetSchema(), ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCountFloat(),
			Count: h.GetSampleCountFloat(), Sum: h.GetSampleSum(),
			PositiveSpans: spans(h.GetPositiveSpan()), PositiveBuckets: h.GetPositiveCount(),
			NegativeSpans: spans(h.GetNegativeSpan()), NegativeBuckets: h.GetNegativeCount(),
		}
		return nil, float, float.Validate()
	}
	integer := &histogram.Histogram{
		Schema: h.GetSchema(), ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCount(),
		Count: h.GetSampleCount(), Sum: h.GetSampleSum(),
		PositiveSpans: spans(h.GetPositiveSpan()), PositiveBuckets: h.GetPositiveDelta(),
		NegativeSpans: spans(h.GetNegativeSpan()), NegativeBuckets: h.GetNegativeDelta(),
	}
	return integer, nil, integer.Validate()
}

func spans(in []*dto.BucketSpan) []histogram.Span {
	if len(in) == 0 {
		return nil
	}
	out := make([]histogram.Span, len(in))
	for i, s := range in {
		out[i] = histogram.Span{Offset: s.GetOffset(), Length: s.GetLength()}
	}
	return out
}
