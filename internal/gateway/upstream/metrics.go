package upstream

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the registry's metrics: one series for each server, and a
// few for each pool.
func (g *Registry) Collector() prometheus.Collector {
	server := []string{"upstream"}
	pool := []string{"pool"}
	return &collector{
		registry: g,

		up:          prometheus.NewDesc("lapwing_upstream_up", "Whether the upstream gets requests: 0 while it is down or ejected.", server, nil),
		inWork:      prometheus.NewDesc("lapwing_upstream_active_requests", "Requests that the upstream has in work.", server, nil),
		waiting:     prometheus.NewDesc("lapwing_upstream_waiting_requests", "Requests that wait because the upstream is at its limit of connections.", server, nil),
		connections: prometheus.NewDesc("lapwing_upstream_connections", "Open connections of the fast path.", []string{"upstream", "state"}, nil),
		requests:    prometheus.NewDesc("lapwing_upstream_requests_total", "Attempts that were sent to the upstream.", server, nil),
		failed:      prometheus.NewDesc("lapwing_upstream_failures_total", "Attempts that ended with a 5xx answer or without one.", server, nil),
		ejections:   prometheus.NewDesc("lapwing_upstream_ejections_total", "How often the upstream was taken out because requests failed.", server, nil),

		retries: prometheus.NewDesc("lapwing_upstream_retries_total", "Retries on another server, by whether the budget allowed them.", []string{"pool", "allowed"}, nil),
		stale:   prometheus.NewDesc("lapwing_upstream_stale_connections_total", "Requests that were sent again because the server closed a kept connection just then.", pool, nil),
		refused: prometheus.NewDesc("lapwing_upstream_breaker_refused_total", "Requests that the open circuit breaker answered.", pool, nil),
		breaker: prometheus.NewDesc("lapwing_upstream_breaker_open", "1 while the circuit breaker is open, 0.5 while it lets a few requests try.", pool, nil),
	}
}

type collector struct {
	registry                                                      *Registry
	up, inWork, waiting, connections, requests, failed, ejections *prometheus.Desc
	retries, stale, refused, breaker                              *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.up, c.inWork, c.waiting, c.connections, c.requests, c.failed, c.ejections, c.retries, c.stale, c.refused, c.breaker,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	servers := map[string]ServerStatus{}
	pools := map[string]bool{}
	for _, p := range c.registry.Snapshot() {
		if !pools[p.Name] {
			pools[p.Name] = true
			count(c.retries, p.Retries, p.Name, "true")
			count(c.retries, p.RetriesDenied, p.Name, "false")
			count(c.stale, p.Stale, p.Name)
			count(c.refused, p.Refused, p.Name)
			switch p.Breaker {
			case breakerOpen.String():
				gauge(c.breaker, 1, p.Name)
			case breakerTrying.String():
				gauge(c.breaker, 0.5, p.Name)
			case breakerClosed.String():
				gauge(c.breaker, 0, p.Name)
			}
		}
		for _, s := range p.Servers {
			if before, seen := servers[s.Origin]; !seen || before.State == Up || before.State == Returning {
				servers[s.Origin] = s // of several pools, the one that knows the worst
			}
		}
	}
	for url, s := range servers {
		up := 0.0
		if s.State == Up || s.State == Returning {
			up = 1
		}
		gauge(c.up, up, url)
		gauge(c.inWork, float64(s.InWork), url)
		gauge(c.waiting, float64(s.Waiting), url)
		gauge(c.connections, float64(s.Idle), url, "idle")
		gauge(c.connections, float64(max(s.Connections-int64(s.Idle), 0)), url, "active")
		count(c.requests, s.Requests, url)
		count(c.failed, s.Failed, url)
		count(c.ejections, s.Ejections, url)
	}
}
