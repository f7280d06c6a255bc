package auth

import "github.com/prometheus/client_golang/prometheus"

// Collectors returns what is counted of keys, to be registered.
func (m *Manager) Collectors() []prometheus.Collector {
	labels := []string{"source"}
	return []prometheus.Collector{&collector{
		manager: m,
		keys:    prometheus.NewDesc("lapwing_gateway_token_keys", "Keys of an issuer that tokens are verified with.", labels, nil),
		loaded:  prometheus.NewDesc("lapwing_gateway_token_keys_loaded_timestamp_seconds", "When the keys were last read.", labels, nil),
		failing: prometheus.NewDesc("lapwing_gateway_token_keys_failing", "1 while the keys cannot be read; those that were read before are used on.", labels, nil),
	}}
}

type collector struct {
	manager               *Manager
	keys, loaded, failing *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	to <- c.keys
	to <- c.loaded
	to <- c.failing
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	last := ""
	for _, s := range c.manager.Sources() {
		if s.Source == last { // two sections read the same place
			continue
		}
		last = s.Source
		gauge := func(desc *prometheus.Desc, value float64) {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Source)
		}
		gauge(c.keys, float64(s.Keys))
		if !s.LoadedAt.IsZero() {
			gauge(c.loaded, float64(s.LoadedAt.Unix()))
		}
		failing := 0.0
		if s.Err != nil {
			failing = 1
		}
		gauge(c.failing, failing)
	}
}
