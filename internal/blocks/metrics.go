package blocks

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collectors are the metrics of blocks.
func (m *Manager) Collectors() []prometheus.Collector {
	return []prometheus.Collector{&collector{
		manager: m,
		blocks: prometheus.NewDesc("lapwing_blocks", "Blocks in force, by who set them (person or rule) and whether they refuse or only count (enforced or shadow).",
			[]string{"origin", "mode"}, nil),
		matches:   prometheus.NewDesc("lapwing_block_matches_total", "Requests that a block hit.", []string{"mode"}, nil),
		proposals: prometheus.NewDesc("lapwing_block_proposals", "Blocks that rules propose and nobody has decided about.", nil, nil),
		suspects:  prometheus.NewDesc("lapwing_block_suspects", "Clients that rules are counting.", nil, nil),
		evicted:   prometheus.NewDesc("lapwing_block_suspects_evicted_total", "Clients that were forgotten because too many misbehaved at once.", nil, nil),
		lost:      prometheus.NewDesc("lapwing_block_notices_lost_total", "Clients that rules noticed and nothing was done about, because too many were at once.", nil, nil),
	}}
}

// collector reads the manager for Prometheus.
type collector struct {
	manager                                             *Manager
	blocks, matches, proposals, suspects, evicted, lost *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.blocks, c.matches, c.proposals, c.suspects, c.evicted, c.lost} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	m, now := c.manager, time.Now()
	counts := map[[2]string]int{{"person", "enforced"}: 0, {"person", "shadow"}: 0, {"rule", "enforced"}: 0, {"rule", "shadow"}: 0}
	m.mu.Lock()
	for _, e := range m.entries {
		origin, mode := "person", "enforced"
		if e.Rule != "" {
			origin = "rule"
		}
		if e.Shadow {
			mode = "shadow"
		}
		if !e.Expired(now) {
			counts[[2]string{origin, mode}]++
		}
	}
	proposals := len(m.proposals)
	m.mu.Unlock()
	for labels, n := range counts {
		to <- prometheus.MustNewConstMetric(c.blocks, prometheus.GaugeValue, float64(n), labels[0], labels[1])
	}
	to <- prometheus.MustNewConstMetric(c.matches, prometheus.CounterValue, float64(m.enforced.Load()), "enforced")
	to <- prometheus.MustNewConstMetric(c.matches, prometheus.CounterValue, float64(m.shadowed.Load()), "shadow")
	to <- prometheus.MustNewConstMetric(c.proposals, prometheus.GaugeValue, float64(proposals))
	d := m.detector.Load()
	to <- prometheus.MustNewConstMetric(c.suspects, prometheus.GaugeValue, float64(d.held()))
	to <- prometheus.MustNewConstMetric(c.evicted, prometheus.CounterValue, float64(d.evicted.Load()))
	to <- prometheus.MustNewConstMetric(c.lost, prometheus.CounterValue, float64(m.lost.Load()))
}
