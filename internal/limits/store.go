package limits

import "lapwing.dev/lapwing/middleware/limit"

// Store keeps what quotas have counted over a restart. Implementations are in
// package state; limitstest.Run holds each of them to this contract, which adds
// to that of limit.QuotaStore:
//
//   - What Add did MUST be durable and visible when it returns nil; a call that
//     failed has changed nothing and MAY be repeated.
//   - A count is identified by policy, key, period and start. It MAY become
//     negative in between, and Load MUST NOT give one that is below 1.
//   - Counts of windows that have ended MAY be forgotten by any call, and MUST be
//     in the end, so that a store does not grow with time.
//   - All methods MAY be called concurrently.
type Store interface {
	limit.QuotaStore
}
