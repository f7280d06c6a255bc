package slo

import (
	"sync/atomic"
	"time"

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
func (m *Manager) Collectors() []prometheus.Collector {
	return []prometheus.Collector{&collector{
		m: m,
		refused: prometheus.NewDesc("lapwing_slo_exchanges_refused_total",
			"Exchanges that error rates and objectives do not count: more than ten minutes in the future, older than what is kept, or late while too many were.", []string{"reason"}, nil),
		folded: prometheus.NewDesc("lapwing_slo_operations_folded_total",
			"Times that an operation found no room and was counted as other.", []string{"api"}, nil),
		lost: prometheus.NewDesc("lapwing_slo_steps_lost_total",
			"Steps of five minutes that the store refused for so long that they were given up.", nil, nil),
		read: prometheus.NewDesc("lapwing_slo_series_failures_total",
			"Readings of series that failed, for APIs that only tell metrics.", nil, nil),
	}}
}

// collector reads the manager for Prometheus.
type collector struct {
	m                           *Manager
	refused, folded, lost, read *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.refused, c.folded, c.lost, c.read} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	counter(c.refused, c.m.metrics.future.Load(), "future")
	counter(c.refused, c.m.metrics.old.Load(), "old")
	counter(c.refused, c.m.late.losses(), "late")
	for _, a := range c.m.operations.sorted() {
		counter(c.folded, a.folded.Load(), a.name)
	}
	counter(c.lost, c.m.keeper.losses())
	counter(c.read, c.m.metrics.failures.Load())
}

func (k *keeper) losses() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lost
}

// gauges is one family of gauges that is being written.
type gauges struct {
	*dto.MetricFamily
	labels []string
}

func newGauges(name, help string, labels ...string) gauges {
	kind := dto.MetricType_GAUGE
	return gauges{&dto.MetricFamily{Name: &name, Help: &help, Type: &kind}, labels}
}

// add adds a series with a value for each label.
func (g gauges) add(value float64, values ...string) {
	metric := &dto.Metric{Gauge: &dto.Gauge{Value: &value}}
	for i := range values {
		metric.Label = append(metric.Label, &dto.LabelPair{Name: &g.labels[i], Value: &values[i]})
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
	ratio := newGauges("lapwing_slo_error_ratio",
		"Share of failed requests of an operation over its window; nothing without requests. operation is empty for a whole API.", "api", "operation")
	target := newGauges("lapwing_slo_objective_target_ratio",
		"Share of good requests that an objective promises.", "api", "objective", "operation")
	left := newGauges("lapwing_slo_budget_remaining_ratio",
		"Share of the error budget that is left: 1 untouched, 0 spent, below 0 overdrawn.", "api", "objective", "operation")
	burn := newGauges("lapwing_slo_burn_rate",
		"How fast the error budget was spent over a window: 1 spends it exactly over the period.", "api", "objective", "operation", "window")
	conditions := newGauges("lapwing_slo_conditions",
		"Conditions that hold, by alert, severity and state.", "alert", "severity", "state")
	m.mu.RLock()
	defer m.mu.RUnlock()
	share := func(s *subject) {
		if s.sum.requests > 0 {
			ratio.add(s.sum.share(), s.api, s.name)
		}
	}
	for _, a := range m.operations.sorted() {
		share(a.whole)
		for _, o := range a.objectives {
			target.add(float64(o.Target), o.api, o.Name, o.Operation)
			left.add(o.left(o.over(o.whole)), o.api, o.Name, o.Operation)
			seen := map[time.Duration]bool{}
			for i := range o.pairs {
				for _, s := range [...]span{o.pairs[i].short, o.pairs[i].long} {
					if !seen[s.length] {
						seen[s.length] = true
						burn.add(o.burn(s), o.api, o.Name, o.Operation, windowName(s.length))
					}
				}
			}
		}
	}
	for op := range m.each() {
		share(&op.subject)
	}
	type kind struct {
		alert, severity string
		state           State
	}
	counts := map[kind]int{}
	var order []kind
	for i := range m.conditions {
		c := &m.conditions[i]
		k := kind{c.Alert, c.Severity, c.State}
		if counts[k]++; counts[k] == 1 {
			order = append(order, k)
		}
	}
	for _, k := range order {
		conditions.add(float64(counts[k]), k.alert, k.severity, string(k.state))
	}
	return []gauges{ratio, target, left, burn, conditions}
}
