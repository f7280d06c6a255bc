package otlp

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// each calls do with every metric.
func each(md pmetric.Metrics, do func(pmetric.Metric)) {
	for _, resource := range md.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				do(metric)
			}
		}
	}
}

// hasDelta reports whether some metric counts from one point to the next.
func hasDelta(md pmetric.Metrics) (has bool) {
	const delta = pmetric.AggregationTemporalityDelta
	each(md, func(m pmetric.Metric) {
		switch m.Type() {
		case pmetric.MetricTypeSum:
			has = has || m.Sum().AggregationTemporality() == delta
		case pmetric.MetricTypeHistogram:
			has = has || m.Histogram().AggregationTemporality() == delta
		case pmetric.MetricTypeExponentialHistogram:
			has = has || m.ExponentialHistogram().AggregationTemporality() == delta
		}
	})
	return has
}

// untimely takes out the points that are not of a time between first and last.
// Prometheus' translator fills the whole time between a resource's points with
// samples of target_info, so that one point of 1970 would cost hours.
func untimely(md pmetric.Metrics, first, last time.Time, o *outcome) {
	from, to := pcommon.NewTimestampFromTime(first), pcommon.NewTimestampFromTime(last)
	before := o.rejected
	outside := func(t pcommon.Timestamp) bool {
		if t < from || t > to {
			o.rejected++
			return true
		}
		return false
	}
	each(md, func(m pmetric.Metric) {
		switch m.Type() {
		case pmetric.MetricTypeGauge:
			m.Gauge().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { return outside(p.Timestamp()) })
		case pmetric.MetricTypeSum:
			m.Sum().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { return outside(p.Timestamp()) })
		case pmetric.MetricTypeHistogram:
			m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool { return outside(p.Timestamp()) })
		case pmetric.MetricTypeExponentialHistogram:
			m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
				return outside(p.Timestamp())
			})
		case pmetric.MetricTypeSummary:
			m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool { return outside(p.Timestamp()) })
		}
	})
	if o.rejected > before {
		o.first = append(o.first, "points are more than an hour old, or more than 10 minutes in the future")
	}
}
