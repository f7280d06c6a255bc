package limits

import (
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/middleware/limit"
)

// Collectors are the metrics of limits. Their labels are names of the
// configuration, never of clients.
func (m *Manager) Collectors() []prometheus.Collector {
	return []prometheus.Collector{newCollector(m), storeCollector{m}}
}

// collector reads the limiter at each scrape.
type collector struct {
	manager *Manager

	requests, tests, degraded, cancelled *prometheus.Desc
	waiting, inUse, bound                *prometheus.Desc
	keys, capacity, evicted, lost, bytes *prometheus.Desc
	queued, mostQueued                   *prometheus.Desc
}

func newCollector(m *Manager) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &collector{
		manager:    m,
		requests:   desc("lapwing_limit_requests_total", "Requests by limit and result: allow, delay, exempt, shadow (would have been held back), or reject and the reason.", "policy", "result", "reason"),
		tests:      desc("lapwing_limit_tests_total", "Requests by what the test rate of a limit would have done: allow or reject.", "policy", "result"),
		degraded:   desc("lapwing_limit_degraded_total", "Requests that a limit decided without the shared store.", "policy"),
		cancelled:  desc("lapwing_limit_cancelled_total", "Delayed requests whose client went away.", "policy"),
		waiting:    desc("lapwing_limit_waiting", "Requests that a limit holds back now.", "policy"),
		inUse:      desc("lapwing_limit_in_use", "Requests in work now, of limits of concurrency.", "policy"),
		bound:      desc("lapwing_limit_adaptive_bound", "Requests that an adaptive limit lets in at the same time now.", "policy"),
		keys:       desc("lapwing_limit_keys", "Clients that are being counted, by kind of count: rate or quota.", "kind"),
		capacity:   desc("lapwing_limit_keys_capacity", "Clients that can be counted at the same time, by kind of count.", "kind"),
		evicted:    desc("lapwing_limit_evictions_total", "Clients that were forgotten while they still counted, as the table was full.", "kind"),
		lost:       desc("lapwing_limit_quota_lost_total", "Counts of quotas that could not be stored."),
		bytes:      desc("lapwing_limit_table_bytes", "Memory of the tables of limits."),
		queued:     desc("lapwing_limit_queued", "Requests that wait in queues, all limits together."),
		mostQueued: desc("lapwing_limit_queued_max", "Requests that may wait in queues, all limits together."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.requests, c.tests, c.degraded, c.cancelled, c.waiting, c.inUse, c.bound,
		c.keys, c.capacity, c.evicted, c.lost, c.bytes, c.queued, c.mostQueued,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	set := c.manager.Current()
	if set == nil || len(set.policies) == 0 {
		return
	}
	for _, s := range set.limiter.Snapshot() {
		c.policy(to, &s)
	}
	count := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	s := set.limiter.Stats()
	gauge(c.keys, float64(s.Keys), "rate")
	gauge(c.capacity, float64(s.Capacity), "rate")
	count(c.evicted, float64(s.Evicted), "rate")
	if s.QuotaCapacity > 0 {
		gauge(c.keys, float64(s.QuotaKeys), "quota")
		gauge(c.capacity, float64(s.QuotaCapacity), "quota")
		count(c.evicted, float64(s.QuotaEvicted), "quota")
		count(c.lost, float64(s.QuotaLost))
	}
	gauge(c.bytes, float64(s.Bytes))
	gauge(c.queued, float64(s.Waiting))
	gauge(c.mostQueued, float64(s.MaxWaiting))
}

func (c *collector) policy(to chan<- prometheus.Metric, s *limit.PolicyStats) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{s.Name}, labels...)...)
	}
	gauge := func(d *prometheus.Desc, n int64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), s.Name)
	}
	count(c.requests, s.Allowed, "allow", "")
	count(c.requests, s.Delayed, "delay", "")
	count(c.requests, s.Exempt, "exempt", "")
	count(c.requests, s.Shadowed, "shadow", "")
	for _, reason := range limit.Reasons() {
		if n := s.Rejected[reason]; n > 0 || reason == limit.ReasonRate {
			count(c.requests, n, "reject", reason.String())
		}
	}
	if s.Tested != [2]uint64{} {
		count(c.tests, s.Tested[0], "allow")
		count(c.tests, s.Tested[1], "reject")
	}
	count(c.degraded, s.Degraded)
	count(c.cancelled, s.Cancelled)
	gauge(c.waiting, s.Waiting)
	gauge(c.inUse, s.InUse)
	if s.Bound > 0 {
		gauge(c.bound, s.Bound)
	}
}

// storeCollector has the metrics of the shared store, once there is one.
type storeCollector struct{ manager *Manager }

// Describe implements prometheus.Collector: by sending nothing it is unchecked,
// as the store is only known when the configuration is.
func (storeCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c storeCollector) Collect(to chan<- prometheus.Metric) {
	if store := c.manager.Shared(); store != nil {
		for _, metric := range store.Collectors() {
			metric.Collect(to)
		}
	}
}
