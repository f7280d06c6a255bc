package remote

import (
	"context"
	"log/slog"
	"time"
)

// pause waits; its error is ctx's.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// level is how loudly the nth failure in a row is told: the first, and then one
// in a while.
func level(attempt int) slog.Level {
	if attempt%60 == 0 {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
