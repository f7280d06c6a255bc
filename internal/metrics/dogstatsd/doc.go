// Package dogstatsd sends our series to a Datadog Agent as DogStatsD datagrams,
// over UDP or a unix socket, with the values that /metrics shows:
//
//	counter      what it grew by        name:3|c|#route:/orders
//	gauge        its value              name:0.5|g
//	histogram    .count and .sum as counters, and of what came since the last
//	             time .p50, .p95 and .p99 as gauges
//	summary      .count and .sum as counters, its quantiles as gauges
//
// DogStatsD's own distributions would have to be sent sample by sample, which
// are not there any more.
package dogstatsd
