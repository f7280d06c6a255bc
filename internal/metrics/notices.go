package metrics

import (
	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/health"
)

// Notices are the product's own warnings as a metric: one series each, so that
// "lapwing_health_notice > 0" is an alert on Lapwing itself.
func Notices(registry *health.Registry) Source {
	return func(emit func(*dto.MetricFamily) error) error {
		name, help := "lapwing_health_notice", "A present warning about Lapwing itself, by its code."
		kind, one := dto.MetricType_GAUGE, 1.0
		family := &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
		code, severity := "code", "severity"
		for _, n := range registry.List() {
			level := string(n.Severity)
			family.Metric = append(family.Metric, &dto.Metric{
				Label: []*dto.LabelPair{{Name: &code, Value: &n.Code}, {Name: &severity, Value: &level}},
				Gauge: &dto.Gauge{Value: &one},
			})
		}
		if len(family.Metric) == 0 {
			return nil
		}
		return emit(family)
	}
}
