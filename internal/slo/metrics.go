package slo

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metrics are the Manager's own counters.
type metrics struct {
	future, old atomic.Uint64 // exchanges that were refused
	failures    atomic.Uint64 // readings of series that failed
}

func newMetrics() *metrics { return &metrics{} }

// Collectors returns the Manager's own counters, to be registered.
func (m *Manager) Collectors() []prometheus.Collector { return []prometheus.Collector{&collector{m}} }

// collector reads the manager for Prometheus.
type collector struct{ m *Manager }

var (
	refusedDesc = prometheus.NewDesc("lapwing_slo_exchanges_refused_total",
		"Exchanges that error rates and objectives do not count: more than ten minutes in the future, older than what is kept, or late while too many were.", []string{"reason"}, nil)
	foldedDesc = prometheus.NewDesc("lapwing_slo_operations_folded_total",
		"Times that an operation found no room and was counted as other.", []string{"api"}, nil)
	lostDesc = prometheus.NewDesc("lapwing_slo_steps_lost_total",
		"Steps of five minutes that the store refused for so long that they were given up.", nil, nil)
	readDesc = prometheus.NewDesc("lapwing_slo_series_failures_total",
		"Readings of series that failed, for APIs that only tell metrics.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{refusedDesc, foldedDesc, lostDesc, readDesc} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	counter(refusedDesc, c.m.metrics.future.Load(), "future")
	counter(refusedDesc, c.m.metrics.old.Load(), "old")
	counter(refusedDesc, c.m.late.losses(), "late")
	for _, a := range c.m.operations.sorted() {
		counter(foldedDesc, a.folded.Load(), a.name)
	}
	counter(lostDesc, c.m.keeper.losses(), []string{}...)
	counter(readDesc, c.m.metrics.failures.Load())
}

func (k *keeper) losses() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lost
}

// gauges is one family of gauges that is being written.
type gauges struct{ *dto.MetricFamily }

func newGauges(name, help string) gauges {
	kind := dto.MetricType_GAUGE
	return gauges{&dto.MetricFamily{Name: &name, Help: &help, Type: &kind}}
}

// add adds a series; labels are names and values in turn, in the order of names.
func (g gauges) add(value float64, labels ...string) {
	metric := &dto.Metric{Gauge: &dto.Gauge{Value: &value}}
	for i := 0; i < len(labels); i += 2 {
		metric.Label = append(metric.Label, &dto.LabelPair{Name: &labels[i], Value: &labels[i+1]})
	}
	g.Metric = append(g.Metric, metric)
}

// WriteMetrics emits error rates, budgets and burn rates, one family at a time.
// The operation is "" for a whole API.
func (m *Manager) WriteMetrics(emit func(*dto.MetricFamily) error) error {
	for _, family := range m.families() {
		if len(family.Metric) == 0 {
			continue
		}
		if err := emit(family.MetricFamily); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) families() []gauges {
	ratio := newGauges("lapwing_slo_error_ratio", "Share of failed requests of an operation over its window; nothing without requests. operation is empty for a whole API.")
	target := newGauges("lapwing_slo_objective_target_ratio", "Share of good requests that an objective promises.")
	left := newGauges("lapwing_slo_budget_remaining_ratio", "Share of the error budget that is left: 1 untouched, 0 spent, below 0 overdrawn.")
	burn := newGauges("lapwing_slo_burn_rate", "How fast the error budget was spent over a window: 1 spends it exactly over the period.")
	conditions := newGauges("lapwing_slo_conditions", "Conditions that hold, by alert, severity and state.")
	m.mu.RLock()
	defer m.mu.RUnlock()
	share := func(s *subject) {
		if s.sum.requests > 0 {
			ratio.add(s.sum.share(), "api", s.api, "operation", s.name)
		}
	}
	for _, a := range m.operations.sorted() {
		share(a.whole)
		for _, o := range a.objectives {
			labels := []string{"api", o.api, "objective", o.Name, "operation", o.Operation}
			target.add(float64(o.Target), labels...)
			left.add(o.left(o.over(o.whole)), labels...)
			seen := map[span]bool{}
			for i := range o.pairs {
				for _, s := range [...]span{o.pairs[i].short, o.pairs[i].long} {
					if key := (span{length: s.length}); !seen[key] {
						seen[key] = true
						burn.add(o.burn(s), append(labels[:len(labels):len(labels)], "window", windowName(s.length))...)
					}
				}
			}
		}
	}
	for op := range m.each() {
		share(&op.subject)
	}
	counts := map[[3]string]int{}
	var order [][3]string
	for i := range m.conditions {
		c := &m.conditions[i]
		key := [3]string{c.Alert, c.Severity, string(c.State)}
		if counts[key]++; counts[key] == 1 {
			order = append(order, key)
		}
	}
	for _, key := range order {
		conditions.add(float64(counts[key]), "alert", key[0], "severity", key[1], "state", key[2])
	}
	return []gauges{ratio, target, left, burn, conditions}
}
