package state

import (
	"context"
	"database/sql"
	"time"

	"lapwing.dev/lapwing/internal/heartbeats"
)

// HeartbeatStore keeps the last signs of life: it implements heartbeats.Store.
type HeartbeatStore struct{ db *DB }

// Heartbeats returns the store of heartbeats.
func (db *DB) Heartbeats() *HeartbeatStore { return &HeartbeatStore{db: db} }

// PutBeats implements heartbeats.Store.
func (s *HeartbeatStore) PutBeats(ctx context.Context, beats []heartbeats.Beat) error {
	const put = `INSERT OR REPLACE INTO heartbeat (name, known_ms, at_ms, ok, message, told_by, since_ms, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`
	if len(beats) == 0 {
		return nil
	}
	return s.db.update(ctx, "store heartbeats", func(ctx context.Context, tx *sql.Tx) error {
		for i := range beats {
			b := &beats[i]
			if _, err := tx.ExecContext(ctx, put, b.Name, b.Known.UnixMilli(), millis(b.At), b.OK, b.Message, b.By, millis(b.Since), int64(b.Count)); err != nil { //nolint:gosec // nobody beats so often
				return err
			}
		}
		return nil
	})
}

// DropBeats implements heartbeats.Store.
func (s *HeartbeatStore) DropBeats(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return s.db.update(ctx, "forget heartbeats", func(ctx context.Context, tx *sql.Tx) error {
		for _, name := range names {
			if _, err := tx.ExecContext(ctx, `DELETE FROM heartbeat WHERE name = ?1`, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// Beats implements heartbeats.Store.
func (s *HeartbeatStore) Beats(ctx context.Context) ([]heartbeats.Beat, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT name, known_ms, at_ms, ok, message, told_by, since_ms, count FROM heartbeat`)
	if err != nil {
		return nil, s.db.explain("read heartbeats", err)
	}
	defer rows.Close() // rows.Err tells
	var list []heartbeats.Beat
	for rows.Next() {
		var (
			b         heartbeats.Beat
			known     int64
			at, since sql.NullInt64
		)
		if err := rows.Scan(&b.Name, &known, &at, &b.OK, &b.Message, &b.By, &since, &b.Count); err != nil {
			return nil, s.db.explain("read heartbeats", err)
		}
		b.Known, b.At, b.Since = time.UnixMilli(known).UTC(), fromMillis(at), fromMillis(since)
		list = append(list, b)
	}
	return list, s.db.explain("read heartbeats", rows.Err())
}
