package limit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Load reads the quotas from the QuotaStore: once, before requests come.
func (l *Limiter) Load(ctx context.Context) error {
	if l.opts.Quotas == nil {
		return nil
	}
	var full error
	now := time.Unix(l.wall(l.now()), 0).UTC()
	err := l.opts.Quotas.Load(ctx, now, func(q QuotaCount) {
		if !q.End.After(now) {
			return
		}
		index, ok := l.names.add(q.Policy)
		if !ok {
			full = errors.New("more names of policies than can be kept")
			return
		}
		l.quotaTable().load(index, q)
	})
	if err != nil {
		return fmt.Errorf("load quotas: %w", err)
	}
	return full
}

// Run keeps the quotas in the QuotaStore until ctx ends, and then once more. It
// returns an error only when that last time fails; before, it tries again.
// Without a QuotaStore it only waits for ctx.
func (l *Limiter) Run(ctx context.Context) error {
	if l.opts.Quotas == nil {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-l.quotasMade: // a limiter without quotas needs no table of them
	}
	t := l.quotas.Load()
	pause := time.NewTimer(quotaFlushEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := t.flush(last, l.opts.Quotas, true); err != nil {
				return fmt.Errorf("store quotas: %w", err)
			}
			return nil
		case <-t.dirty:
		}
		wait := quotaFlushEvery
		if err := t.flush(ctx, l.opts.Quotas, false); err != nil {
			wait = quotaRetry
			select {
			case t.dirty <- struct{}{}:
			default:
			}
		}
		pause.Reset(wait)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

const (
	lastFlush  = 5 * time.Second // for the last write of quotas
	quotaRetry = time.Second     // after a write of quotas that failed
)
