package redis

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stats are the store's figures.
type stats struct {
	leased, asked, failed prometheus.Counter
	latency               prometheus.Histogram
}

func newStats() stats {
	takes := func(how string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lapwing_limit_store_takes_total", Help: "Decisions of shared limits: leased (answered here, from tokens taken ahead), asked (by the store), failed (by on_outage).",
			ConstLabels: prometheus.Labels{"how": how},
		})
	}
	return stats{
		leased: takes("leased"), asked: takes("asked"), failed: takes("failed"),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lapwing_limit_store_duration_seconds", Help: "How long the store of limits took to answer.",
			Buckets: []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05},
		}),
	}
}

// Collectors are the store's metrics.
func (s *Store) Collectors() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	return []prometheus.Collector{
		s.stats.leased, s.stats.asked, s.stats.failed, s.stats.latency,
		gauge("lapwing_limit_store_up", "Whether the store of limits answers in time.", func() float64 {
			if s.up.Load() {
				return 1
			}
			return 0
		}),
		gauge("lapwing_limit_store_servers", "Servers that shared the store of limits when it was last reached.", func() float64 {
			return float64(s.nodes.Load())
		}),
		gauge("lapwing_limit_store_leases", "Busy keys of which this server holds tokens.", func() float64 {
			n, _ := s.leases.figures()
			return float64(n)
		}),
		gauge("lapwing_limit_store_leased_tokens", "Tokens that this server holds of busy keys.", func() float64 {
			_, tokens := s.leases.figures()
			return float64(tokens)
		}),
		gauge("lapwing_limit_store_unsettled", "Counters of which the store is yet to be told.", func() float64 {
			n, _ := s.ledger.figures()
			return float64(n)
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "lapwing_limit_store_lost_total", Help: "Counts that the store will not be told of, as too many had gathered."}, func() float64 {
			_, lost := s.ledger.figures()
			return float64(lost)
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "lapwing_limit_store_outages_total", Help: "How often the store of limits went away."}, func() float64 {
			_, _, outages, _ := s.breaker.get()
			return float64(outages)
		}),
	}
}

// Report is how the store is doing, for pages and the API.
type Report struct {
	State   State     `json:"state"`
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason,omitempty"` // why it is away
	Servers int       `json:"servers"`
	Leases  int       `json:"leases"`
	Tokens  int64     `json:"tokens"` // in leases
	Outages int64     `json:"outages"`
}

// Report says how the store is doing.
func (s *Store) Report() Report {
	state, since, outages, reason := s.breaker.get()
	r := Report{State: state, Since: since, Servers: s.Limiters(), Outages: outages}
	if reason != nil {
		r.Reason = reason.Error()
	}
	r.Leases, r.Tokens = s.leases.figures()
	return r
}
