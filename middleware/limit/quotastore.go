package limit

import (
	"context"
	"time"
)

// QuotaStore keeps what quotas have counted over a restart. Its keys are hashes
// that depend on [Options].Secret, which MUST therefore be kept, too.
type QuotaStore interface {
	// Load calls each for all counts whose window has not ended at now.
	Load(ctx context.Context, now time.Time, each func(QuotaCount)) error
	// Add adds the Count of each delta to what is kept, all or none of them. A
	// Count may be negative.
	Add(ctx context.Context, deltas []QuotaCount) error
}

// QuotaCount is what one key has used of one quota.
type QuotaCount struct {
	Policy string
	Key    uint64
	Period Period
	Start  time.Time // of the window
	End    time.Time
	Count  int64
}
