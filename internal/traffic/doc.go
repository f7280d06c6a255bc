// Package traffic is what becomes of observed requests: every
// [observe.Exchange] that the gateway, the decision endpoint or a middleware
// made ends up in the [Manager], which is an observe.Sink and never blocks.
//
//	exchange ─ Observe ─┬─ counters of its operation ─┬─ series on /metrics
//	                    │   (atomics, no lock)        └─ every 10 s: minutes, for pages
//	                    ├─ counters of the policy that decided
//	                    ├─ top clients (Space-Saving, bounded)
//	                    ├─ recent requests (a sample, bounded)
//	                    └─ JSON access log (bounded buffer, one writer)
//
// Everything is bounded: operations, policies, clients, bytes of history, bytes
// that wait for the disk. What does not fit is counted, as `other` or as
// dropped, and never slows a request. Nothing here survives a restart except the
// access log.
package traffic
