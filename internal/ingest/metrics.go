package ingest

import "github.com/prometheus/client_golang/prometheus"

// Collectors returns the receiver's counters, to be registered.
func (c *Receiver) Collectors() []prometheus.Collector {
	counter := func(name, help string, labels prometheus.Labels, value func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(value()) })
	}
	const (
		exchanges = "Exchanges that middlewares sent, and those that they dropped before."
		batches   = "Batches of middlewares that were not taken: as a whole refused, or taken before."
	)
	return []prometheus.Collector{
		counter("lapwing_ingest_exchanges_total", exchanges, prometheus.Labels{"result": "accepted"}, c.accepted.Load),
		counter("lapwing_ingest_exchanges_total", exchanges, prometheus.Labels{"result": "rejected"}, c.rejected.Load),
		counter("lapwing_ingest_exchanges_total", exchanges, prometheus.Labels{"result": "dropped"}, c.dropped.Load),
		counter("lapwing_ingest_batches_left_total", batches, prometheus.Labels{"reason": "refused"}, c.refused.Load),
		counter("lapwing_ingest_batches_left_total", batches, prometheus.Labels{"reason": "repeated"}, c.repeated.Load),
	}
}
