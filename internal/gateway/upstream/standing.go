package upstream

import (
	"sync/atomic"
)

// standing is what a pool has learned and counted. It outlives the pool.
type standing struct {
	budget  budget
	breaker breaker

	requests atomic.Uint64
	refused  atomic.Uint64 // by the open breaker
	retries  atomic.Uint64
	denied   atomic.Uint64 // retries that the budget did not allow
	stale    atomic.Uint64 // requests repeated because a kept connection had been closed
}
