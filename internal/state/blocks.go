package state

import (
	"context"
	"database/sql"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/middleware/block"
)

// BlockStore keeps blocks and what was done to them: it implements blocks.Store.
type BlockStore struct {
	db *DB
}

// Blocks returns the store of blocks.
func (db *DB) Blocks() *BlockStore { return &BlockStore{db: db} }

// Blocks implements blocks.Store.
func (s *BlockStore) Blocks(ctx context.Context) ([]block.Entry, error) {
	const query = `SELECT target, id, reason, author, rule, created_ms, expires_ms, shadow FROM block_entry`
	rows, err := s.db.read.QueryContext(ctx, query)
	if err != nil {
		return nil, s.db.explain("read the blocks", err)
	}
	defer rows.Close() // rows.Err tells
	var list []block.Entry
	for rows.Next() {
		var (
			e       block.Entry
			target  string
			created int64
			expires sql.NullInt64
		)
		if err := rows.Scan(&target, &e.ID, &e.Reason, &e.Author, &e.Rule, &created, &expires, &e.Shadow); err != nil {
			return nil, s.db.explain("read the blocks", err)
		}
		if e.Target, err = block.ParseTarget(target); err != nil {
			s.db.log.Warn("a block of an unknown target is left out", "id", e.ID, "error", err)
			continue
		}
		e.Created = time.UnixMilli(created).UTC()
		if expires.Valid {
			e.Expires = time.UnixMilli(expires.Int64).UTC()
		}
		list = append(list, e)
	}
	return list, s.db.explain("read the blocks", rows.Err())
}

// Write implements blocks.Store.
func (s *BlockStore) Write(ctx context.Context, edits []blocks.Edit) error {
	const (
		put = `INSERT OR REPLACE INTO block_entry (target, id, reason, author, rule, created_ms, expires_ms, shadow)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`
		remove = `DELETE FROM block_entry WHERE id = ?1`
		note   = `INSERT INTO block_change (at_ms, action, block, target, reason, rule, done_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`
	)
	return s.db.update(ctx, "store blocks", func(ctx context.Context, tx *sql.Tx) error {
		noting, err := tx.PrepareContext(ctx, note)
		if err != nil {
			return err
		}
		defer noting.Close()
		for i := range edits {
			c, e := &edits[i].Change, &edits[i].Entry
			switch c.Action {
			case blocks.Added, blocks.Changed:
				expires := sql.NullInt64{Int64: e.Expires.UnixMilli(), Valid: !e.Expires.IsZero()}
				_, err = tx.ExecContext(ctx, put, e.Target.String(), e.ID, e.Reason, e.Author, e.Rule, e.Created.UnixMilli(), expires, e.Shadow)
			case blocks.Removed, blocks.Expired:
				_, err = tx.ExecContext(ctx, remove, c.ID)
			}
			if err != nil {
				return err
			}
			if _, err := noting.ExecContext(ctx, c.At.UnixMilli(), string(c.Action), c.ID, c.Target.String(), c.Reason, c.Rule, c.By); err != nil {
				return err
			}
		}
		return nil
	})
}

// Changes implements blocks.Store.
func (s *BlockStore) Changes(ctx context.Context, most int) ([]blocks.Change, error) {
	const query = `SELECT at_ms, action, block, target, reason, rule, done_by FROM block_change ORDER BY at_ms DESC, seq DESC LIMIT ?1`
	rows, err := s.db.read.QueryContext(ctx, query, max(most, 0))
	if err != nil {
		return nil, s.db.explain("read what was done to blocks", err)
	}
	defer rows.Close() // rows.Err tells
	var list []blocks.Change
	for rows.Next() {
		var (
			c      blocks.Change
			at     int64
			target string
		)
		if err := rows.Scan(&at, &c.Action, &c.ID, &target, &c.Reason, &c.Rule, &c.By); err != nil {
			return nil, s.db.explain("read what was done to blocks", err)
		}
		if c.Target, err = block.ParseTarget(target); err != nil {
			s.db.log.Warn("a change of a block of an unknown target is left out", "id", c.ID, "error", err)
			continue
		}
		c.At = time.UnixMilli(at).UTC()
		list = append(list, c)
	}
	return list, s.db.explain("read what was done to blocks", rows.Err())
}

// Prune implements blocks.Store.
func (s *BlockStore) Prune(ctx context.Context, before time.Time, most int) error {
	const old = `DELETE FROM block_change WHERE at_ms < ?1`
	const many = `DELETE FROM block_change WHERE seq <= (SELECT seq FROM block_change ORDER BY seq DESC LIMIT 1 OFFSET ?1)`
	return s.db.update(ctx, "forget what was done to blocks", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, old, before.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, many, max(most, 0))
		return err
	})
}
