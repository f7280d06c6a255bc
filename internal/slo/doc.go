// Package slo judges observed requests: the error rate of each operation, the
// objectives of APIs with their budgets and burn rates, and what is unusual for
// the hour (a spike, a drop, a regression of latency).
//
//	exchanges ─ Observe ─► counters ─ tick, 5 s ─► windows, budgets ─► conditions ─► Deps.Changed
//	                                     │                                 │
//	                                     └── Store: steps of 5 min, 1 h ───┘ after a restart
//
// It counts in windows of its own that are kept up to date as requests come in:
// a look at them costs the same however long they are, and a small part of what
// the same objectives cost as PromQL rules (bench/objectives). Users' own rules stay
// PromQL, in package metrics.
package slo
