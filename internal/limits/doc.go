// Package limits is the part of the product that limits requests: it reads the
// sections `limits:`, `tiers:` and `redis:`, compiles them for the limiter of
// package middleware/limit, and keeps what must outlive a process.
//
//	lapwing.yaml ── Config ── Validate ── Prepare ─┬─ Set.Rules(names) ── gateway
//	                                               └─ commit
//	limit.Limiter ─┬─ rates, queues, concurrency: in memory, or shared (package redis)
//	               └─ quotas: in memory, and in a Store in steps
//
// One limiter lives as long as the process. A reload compiles new rules over it,
// so buckets, queues and quotas survive.
package limits
