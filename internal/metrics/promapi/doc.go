// Package promapi serves Prometheus' own HTTP API, so that Grafana's Prometheus
// data source, promtool and other Prometheus servers work unchanged.
//
//	/prometheus/api/v1/… ─ known route? ─ form, size ─ cost ─ a place? ─ time limit ─► Prometheus' own handlers ─► DB, rules, targets
//
// The handlers are Prometheus' own. This package decides which of them there
// are (never those that delete or copy data, or show what scrapes send), and
// holds a query to what the server can bear: text, time, samples, how many at
// once. A query that fails or panics is an answer in Prometheus' form.
package promapi
