package rules

import (
	"github.com/prometheus/client_golang/prometheus"
	promrules "github.com/prometheus/prometheus/rules"
)

// collector reads the manager for Prometheus. What Prometheus' own manager
// counts stands beside it.
type collector struct {
	manager                *Manager
	rules, failing, alerts *prometheus.Desc
}

func newCollector(m *Manager) *collector {
	return &collector{
		manager: m,
		rules:   prometheus.NewDesc("lapwing_rules", "Rules that are evaluated, by kind.", []string{"kind"}, nil),
		failing: prometheus.NewDesc("lapwing_rules_failing", "Rules whose last evaluation failed.", nil, nil),
		alerts:  prometheus.NewDesc("lapwing_rule_alerts", "Alerts of rules, by state.", []string{"state"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	to <- c.rules
	to <- c.failing
	to <- c.alerts
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	kinds := map[string]int{promrules.KindAlerting: 0, promrules.KindRecording: 0}
	states := map[string]int{promrules.StatePending.String(): 0, promrules.StateFiring.String(): 0}
	for _, group := range c.manager.Groups() {
		for _, rule := range group.Rules() {
			alerting, ok := rule.(*promrules.AlertingRule)
			if !ok {
				kinds[promrules.KindRecording]++
				continue
			}
			kinds[promrules.KindAlerting]++
			for _, a := range alerting.ActiveAlerts() {
				states[a.State.String()]++
			}
		}
	}
	for kind, n := range kinds {
		to <- prometheus.MustNewConstMetric(c.rules, prometheus.GaugeValue, float64(n), kind)
	}
	for state, n := range states {
		to <- prometheus.MustNewConstMetric(c.alerts, prometheus.GaugeValue, float64(n), state)
	}
	to <- prometheus.MustNewConstMetric(c.failing, prometheus.GaugeValue, float64(c.manager.troubles.failing()))
}
