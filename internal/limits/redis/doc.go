// Package redis counts for several servers together in Redis, or in a store
// that speaks its protocol. [Store] is a limit.Counter with the same meaning as
// counters in memory; limittest holds it to that.
//
//	Take ─┬─ lease of the key has tokens ──────────── answered here
//	      ├─ store is up ── one script, within 20 ms ─ answered there
//	      └─ store is away ─ error: the limiter counts by itself (on_outage)
//
//	      ┌──── first time-out or broken connection ────┐
//	     up                                            away ── tries again, more and more rarely
//	      └─── what was counted meanwhile is told ──────┘
//
// A request is never held up for longer than the budget, whatever the store
// does, and an answer never fails because of it.
package redis
