// Package limittest says what limits mean, as stories that every place where
// they are decided has to pass: counters in memory, counters in a shared store,
// and gateways and proxies that are asked over HTTP.
//
// [Run] drives a [limit.Limiter]. [Cases] and [Drive] are for everything else: a
// driver makes requests of named clients by whatever way it tests.
package limittest
