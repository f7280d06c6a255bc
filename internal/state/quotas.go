package state

import (
	"context"
	"database/sql"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
)

// QuotaStore keeps what quotas have counted: it implements limits.Store.
type QuotaStore struct {
	db *DB
}

// Quotas returns the store of quotas.
func (db *DB) Quotas() *QuotaStore { return &QuotaStore{db: db} }

// quotasRemoved is the most rows of ended windows that one Add removes: it is
// called all the time, so they go as fast as they come.
const quotasRemoved = 1000

// Load implements limits.Store.
func (s *QuotaStore) Load(ctx context.Context, now time.Time, each func(limit.QuotaCount)) error {
	const query = `SELECT policy, key, period, start_s, end_s, used FROM limit_quota WHERE end_s > ?1 AND used > 0`
	rows, err := s.db.read.QueryContext(ctx, query, now.Unix())
	if err != nil {
		return s.db.explain("read the quotas", err)
	}
	defer rows.Close() // rows.Err tells
	for rows.Next() {
		var (
			q               limit.QuotaCount
			key, start, end int64
			period          string
		)
		if err := rows.Scan(&q.Policy, &key, &period, &start, &end, &q.Count); err != nil {
			return s.db.explain("read the quotas", err)
		}
		if err := q.Period.UnmarshalText([]byte(period)); err != nil {
			s.db.log.Warn("a quota of an unknown period is left out", "policy", q.Policy, "period", period)
			continue
		}
		q.Key = uint64(key) //nolint:gosec // the same 64 bits
		q.Start, q.End = time.Unix(start, 0).UTC(), time.Unix(end, 0).UTC()
		each(q)
	}
	return s.db.explain("read the quotas", rows.Err())
}

// Add implements limits.Store.
func (s *QuotaStore) Add(ctx context.Context, deltas []limit.QuotaCount) error {
	if len(deltas) == 0 {
		return nil
	}
	const add = `INSERT INTO limit_quota (policy, key, period, start_s, end_s, used) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT DO UPDATE SET used = used + excluded.used`
	const remove = `DELETE FROM limit_quota WHERE (policy, key, period, start_s) IN
		(SELECT policy, key, period, start_s FROM limit_quota WHERE end_s <= ?1 LIMIT ?2)`
	return s.db.update(ctx, "store the quotas", func(ctx context.Context, tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, add)
		if err != nil {
			return err
		}
		defer insert.Close()
		for i := range deltas {
			q := &deltas[i]
			key := int64(q.Key) //nolint:gosec // the same 64 bits
			if _, err := insert.ExecContext(ctx, q.Policy, key, q.Period.String(), q.Start.Unix(), q.End.Unix(), q.Count); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, remove, time.Now().Unix(), quotasRemoved)
		return err
	})
}
