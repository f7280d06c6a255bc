package redis

import (
	"testing"

	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/limit/limittest"
)

// TestLimitsMeanTheSameAsInMemory runs the suite that counters in memory pass.
func TestLimitsMeanTheSameAsInMemory(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
	}{{"with leases", nil}, {"a round trip each", direct}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			limittest.Run(t, func(t *testing.T) *limit.Limiter {
				return limit.New(limit.Options{Counter: open(t, redistest.Start(t), c.change), Secret: [16]byte{1}})
			})
		})
	}
}
