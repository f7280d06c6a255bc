// Package metrics keeps measured series: an embedded Prometheus TSDB with its
// query language, what takes Lapwing's own series into it, and /metrics.
//
//	sources, registry ─ Collector ─┐
//	remote write, OTLP, scrapes ───┼─ Appendable ─ guard ─ TSDB (WAL, blocks) ─ Engine ─ pages, rules, /prometheus
//	recording rules ───────────────┘                 │
//	                                                 └─ refused, counted by reason
//
// The [DB] is the only thing that writes below <data>/metrics. What it has
// acknowledged is there after a kill; a write-ahead log that ends in the middle
// of a record is cut there, and a health notice says so. A full disk stops
// metrics until there is room again, and nothing else.
package metrics
