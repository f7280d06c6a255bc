package state

import (
	"context"
	"database/sql"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/checks/history"
	"lapwing.dev/lapwing/internal/units"
)

const (
	pruneStep  = 256                 // rows removed in one transaction
	pruneChunk = 64                  // chunks removed in one transaction: they are larger
	sparePages = 3072                // free pages that stay for the next journal: 12 MiB
	staleAfter = 40 * 24 * time.Hour // beyond `daily`: no page of roll-ups is left then
)

// Prune implements checks.Store. A part of the retention that is zero keeps
// everything. Results go by whole chunks and roll-ups by whole pages, so some
// stay a little longer: a day, and 32 days for daily roll-ups.
func (s *CheckStore) Prune(ctx context.Context, now time.Time, r checks.Retention) error {
	if before, ok := cutoff(now, r.Results); ok {
		const remove = `DELETE FROM result_chunks WHERE id IN (SELECT id FROM result_chunks WHERE last_ms < ?1 ORDER BY last_ms LIMIT ?2)`
		if err := s.prune(ctx, pruneChunk, remove, before.UnixMilli(), pruneChunk); err != nil {
			return err
		}
	}
	if err := s.pruneEvidence(ctx, now, r); err != nil {
		return err
	}
	for step, keep := range map[checks.Step]units.Duration{checks.Hourly: r.Hourly, checks.Daily: r.Daily} {
		before, ok := cutoff(now, keep)
		if !ok {
			continue
		}
		const remove = `DELETE FROM rollups WHERE (step, page, check_key) IN
			(SELECT step, page, check_key FROM rollups WHERE step = ?1 AND page < ?2 LIMIT ?3)`
		if err := s.prune(ctx, pruneStep, remove, step, history.Page(step, before), pruneStep); err != nil {
			return err
		}
	}
	if before, ok := cutoff(now, r.Daily); ok {
		const remove = `DELETE FROM transitions WHERE id IN (SELECT id FROM transitions WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)`
		if err := s.prune(ctx, pruneStep, remove, before.UnixMilli(), pruneStep); err != nil {
			return err
		}
		if err := s.forget(ctx, before.Add(-staleAfter)); err != nil {
			return err
		}
	}
	return s.db.vacuum(ctx, sparePages, -1)
}

// cutoff is the time before which nothing is kept; ok is false to keep all.
func cutoff(now time.Time, keep units.Duration) (before time.Time, ok bool) {
	return now.Add(-keep.Std()), keep > 0
}

// prune repeats a statement, each time in a transaction of its own, until it
// removes fewer rows than step.
func (s *CheckStore) prune(ctx context.Context, step int64, remove string, args ...any) error {
	for {
		var n int64
		err := s.db.update(ctx, "remove old history", func(ctx context.Context, tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, remove, args...)
			if err != nil {
				return err
			}
			n, err = result.RowsAffected()
			return err
		})
		if err != nil || n < step {
			return err
		}
	}
}

// pruneEvidence keeps the newest of each check, and what the present outage
// began with. Evidence without its result would be unreachable, so it goes with it.
func (s *CheckStore) pruneEvidence(ctx context.Context, now time.Time, r checks.Retention) error {
	oldest := int64(-1 << 63)
	if before, ok := cutoff(now, r.Results); ok {
		oldest = before.UnixMilli()
	}
	most := int64(1<<63 - 1)
	if r.Evidence > 0 {
		most = int64(r.Evidence)
	}
	keys, err := s.evidenceOver(ctx, oldest, most)
	if err != nil {
		return err
	}
	for _, key := range keys {
		const first = `SELECT COALESCE(MIN(run), 0) FROM evidence WHERE check_key = ?1 AND run >= ?2`
		var keep int64
		if since, out := s.outage(key); out {
			if err := s.db.read.QueryRowContext(ctx, first, key, since).Scan(&keep); err != nil {
				return s.db.explain("remove old evidence", err)
			}
		}
		const remove = `DELETE FROM evidence WHERE id IN (
			SELECT id FROM evidence WHERE check_key = ?1 AND run <> ?2 AND (run < ?3 OR run NOT IN
				(SELECT run FROM evidence WHERE check_key = ?1 ORDER BY run = ?2 DESC, run DESC LIMIT ?4)) LIMIT ?5)`
		if err := s.prune(ctx, pruneStep, remove, key, keep, oldest, most, pruneStep); err != nil {
			return err
		}
	}
	return nil
}

// evidenceOver returns the checks that have too much or too old evidence.
func (s *CheckStore) evidenceOver(ctx context.Context, oldest, most int64) ([]int64, error) {
	const query = `SELECT check_key FROM evidence GROUP BY check_key HAVING COUNT(*) > ?1 OR MIN(run) < ?2`
	rows, err := s.db.read.QueryContext(ctx, query, most, oldest)
	if err != nil {
		return nil, s.db.explain("remove old evidence", err)
	}
	defer rows.Close()
	var keys []int64
	for rows.Next() {
		var key int64
		if err := rows.Scan(&key); err != nil {
			return nil, s.db.explain("remove old evidence", err)
		}
		keys = append(keys, key)
	}
	return keys, s.db.explain("remove old evidence", rows.Err())
}

// outage returns since when a check is down or degraded, in milliseconds.
func (s *CheckStore) outage(key int64) (since int64, out bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.known[s.names[key]]
	if k == nil || k.life.State != checks.Down && k.life.State != checks.Degraded {
		return 0, false
	}
	return k.life.Since.UnixMilli(), true
}

// forget removes the rows of checks that did not run since before, so that
// checks which come and go do not add up. By then their history is gone.
func (s *CheckStore) forget(ctx context.Context, before time.Time) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.writing.Unlock()
	stale := []*known{}
	for _, k := range s.known {
		if k.life.LastRun != 0 && k.life.LastRun.Time().Before(before) && k.life.Since.Before(before) && !k.life.Paused && !k.unsealed() && len(stale) < pruneStep {
			stale = append(stale, k)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	var gone []*known
	remove := func(ctx context.Context, tx *sql.Tx) error {
		for _, k := range stale {
			// What its last outage began with was kept as long as the check was known.
			if _, err := tx.ExecContext(ctx, `DELETE FROM evidence WHERE check_key = ?1`, k.key); err != nil {
				return err
			}
			const query = `DELETE FROM checks WHERE key = ?1
				AND NOT EXISTS (SELECT 1 FROM result_chunks WHERE check_key = ?1)
				AND NOT EXISTS (SELECT 1 FROM transitions WHERE check_key = ?1)`
			result, err := tx.ExecContext(ctx, query, k.key)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				gone = append(gone, k)
			}
		}
		return nil
	}
	return s.db.updateThen(ctx, "forget removed checks", remove, func(tx *sql.Tx) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := tx.Commit(); err != nil {
			return err
		}
		for _, k := range gone {
			delete(s.known, k.id)
			delete(s.names, k.key)
		}
		return nil
	})
}
