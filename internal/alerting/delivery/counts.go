package delivery

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are the outbox's own counters. Receivers and kinds come from the
// configuration, so their number is bounded.
type counts struct {
	ended   *prometheus.CounterVec
	tries   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newCounts() *counts {
	return &counts{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lapwing_notifications_total",
			Help: "Notifications by how they ended: delivered, failed (given up), superseded by newer news.",
		}, []string{"receiver", "kind", "state"}),
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lapwing_notification_tries_total",
			Help: "Tries to tell a receiver, by whether it took the notification.",
		}, []string{"receiver", "kind", "taken"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lapwing_notification_try_seconds",
			Help:    "How long tries took.",
			Buckets: []float64{.005, .025, .1, .5, 1, 2.5, 5, 10, 30},
		}, []string{"kind"}),
	}
}

func (c *counts) collectors() []prometheus.Collector {
	return []prometheus.Collector{c.ended, c.tries, c.seconds}
}

func (c *counts) try(key channelKey, taken bool, took time.Duration) {
	text := "no"
	if taken {
		text = "yes"
	}
	c.tries.WithLabelValues(key.receiver, key.kind, text).Inc()
	c.seconds.WithLabelValues(key.kind).Observe(took.Seconds())
}

func (c *counts) end(receiver, kind, state string) {
	c.ended.WithLabelValues(receiver, kind, state).Inc()
}

// waitingGauge tells how many notifications wait.
type waitingGauge struct{ outbox *Outbox }

func waitingDesc() *prometheus.Desc {
	return prometheus.NewDesc("lapwing_notifications_waiting", "Notifications that wait for their next try.", []string{"receiver"}, nil)
}

// Describe implements prometheus.Collector.
func (g waitingGauge) Describe(ch chan<- *prometheus.Desc) { ch <- waitingDesc() }

// Collect implements prometheus.Collector.
func (g waitingGauge) Collect(ch chan<- prometheus.Metric) {
	desc := waitingDesc()
	for receiver, n := range g.outbox.Waiting() {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), receiver)
	}
}
