package gateway

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Why a connection was refused: label values.
const (
	refusedFull      = "full"
	refusedPerClient = "per_client"
)

// metrics are the gateway's own counters. What it observes of requests is the
// sink's business.
type metrics struct {
	accepted, evicted        atomic.Uint64
	refusedFull, refusedMany atomic.Uint64
	inFlight, draining       atomic.Int64
	mu                       sync.Mutex
	http2                    map[string]uint64 // by net/http's word for the error
}

func (m *metrics) refuse(reason string) {
	if reason == refusedFull {
		m.refusedFull.Add(1)
	} else {
		m.refusedMany.Add(1)
	}
}

// maxHTTP2Errors bounds the words that net/http has; it has a few dozen.
const maxHTTP2Errors = 100

// countHTTP2 counts an error of an HTTP/2 connection.
func (m *metrics) countHTTP2(kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.http2 == nil {
		m.http2 = map[string]uint64{}
	}
	if _, known := m.http2[kind]; !known && len(m.http2) >= maxHTTP2Errors {
		kind = "other"
	}
	m.http2[kind]++
}

// collector writes the counters for Prometheus.
type collector struct {
	gateway *Gateway
	http2   *prometheus.Desc
	simple  []simple
}

type simple struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func() float64
}

// Collectors returns the gateway's own counters, to be registered.
func (g *Gateway) Collectors() []prometheus.Collector {
	m := g.metrics
	c := &collector{gateway: g, http2: prometheus.NewDesc("lapwing_gateway_http2_errors_total", "Errors of HTTP/2 connections, which clients cause, by net/http's name for them.", []string{"type"}, nil)}
	add := func(name, help string, kind prometheus.ValueType, labels prometheus.Labels, value func() float64) {
		c.simple = append(c.simple, simple{prometheus.NewDesc(name, help, nil, labels), kind, value})
	}
	counter := func(v *atomic.Uint64) func() float64 { return func() float64 { return float64(v.Load()) } }
	gauge := func(v *atomic.Int64) func() float64 { return func() float64 { return float64(v.Load()) } }
	add("lapwing_gateway_connections", "Connections of clients that are open.", prometheus.GaugeValue, nil, func() float64 {
		connections, _ := g.guard.counts()
		return float64(connections)
	})
	add("lapwing_gateway_connections_accepted_total", "Connections that were let in.", prometheus.CounterValue, nil, counter(&m.accepted))
	const refusedHelp = "Connections that were closed at once: there were too many in all (full) or of the client (per_client)."
	add("lapwing_gateway_connections_refused_total", refusedHelp, prometheus.CounterValue, prometheus.Labels{"reason": refusedFull}, counter(&m.refusedFull))
	add("lapwing_gateway_connections_refused_total", refusedHelp, prometheus.CounterValue, prometheus.Labels{"reason": refusedPerClient}, counter(&m.refusedMany))
	add("lapwing_gateway_connections_evicted_total", "Silent connections that were closed to make room for others.", prometheus.CounterValue, nil, counter(&m.evicted))
	add("lapwing_gateway_requests_in_flight", "Requests in work, those that a throttle holds back included.", prometheus.GaugeValue, nil, gauge(&m.inFlight))
	add("lapwing_gateway_draining", "Servers that let their last requests finish, after a change of address or bounds.", prometheus.GaugeValue, nil, gauge(&m.draining))
	return append(g.auth.Collectors(), c)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, s := range c.simple {
		to <- s.desc
	}
	to <- c.http2
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.simple {
		to <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value())
	}
	m := c.gateway.metrics
	m.mu.Lock()
	defer m.mu.Unlock()
	for kind, n := range m.http2 {
		to <- prometheus.MustNewConstMetric(c.http2, prometheus.CounterValue, float64(n), kind)
	}
}
