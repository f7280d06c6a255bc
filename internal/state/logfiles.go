package state

import (
	"context"
	"database/sql"
	"time"

	"lapwing.dev/lapwing/internal/ingest/tail"
)

// LogFileStore keeps how far log files were read: it implements tail.Store.
type LogFileStore struct {
	db *DB
}

var _ tail.Store = (*LogFileStore)(nil)

// LogFiles returns the store of positions in log files.
func (db *DB) LogFiles() *LogFileStore { return &LogFileStore{db: db} }

// Positions implements tail.Store.
func (s *LogFileStore) Positions(ctx context.Context, log string) ([]tail.Position, error) {
	const query = `SELECT id, path, device, inode, head, head_size, position, stop, done, at_ms FROM log_file WHERE log = ?1 ORDER BY id`
	rows, err := s.db.read.QueryContext(ctx, query, log)
	if err != nil {
		return nil, s.db.explain("read the positions of a log", err)
	}
	defer rows.Close() // rows.Err tells
	var list []tail.Position
	for rows.Next() {
		var (
			p             tail.Position
			device, inode int64
			head          []byte
			at            int64
		)
		if err := rows.Scan(&p.ID, &p.Path, &device, &inode, &head, &p.HeadSize, &p.Offset, &p.End, &p.Done, &at); err != nil {
			return nil, s.db.explain("read the positions of a log", err)
		}
		p.Device, p.Inode = uint64(device), uint64(inode) //nolint:gosec // the same 64 bits
		copy(p.Head[:], head)
		p.At = time.UnixMilli(at).UTC()
		list = append(list, p)
	}
	return list, s.db.explain("read the positions of a log", rows.Err())
}

// SavePositions implements tail.Store.
func (s *LogFileStore) SavePositions(ctx context.Context, log string, changed []tail.Position, gone []int64) error {
	if len(changed) == 0 && len(gone) == 0 {
		return nil
	}
	const put = `INSERT OR REPLACE INTO log_file (log, id, path, device, inode, head, head_size, position, stop, done, at_ms)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`
	const remove = `DELETE FROM log_file WHERE log = ?1 AND id = ?2`
	return s.db.update(ctx, "store the positions of a log", func(ctx context.Context, tx *sql.Tx) error {
		for _, id := range gone {
			if _, err := tx.ExecContext(ctx, remove, log, id); err != nil {
				return err
			}
		}
		putting, err := tx.PrepareContext(ctx, put)
		if err != nil {
			return err
		}
		defer putting.Close()
		for i := range changed {
			p := &changed[i]
			device, inode := int64(p.Device), int64(p.Inode) //nolint:gosec // the same 64 bits
			if _, err := putting.ExecContext(ctx, log, p.ID, p.Path, device, inode, p.Head[:], p.HeadSize, p.Offset, p.End, p.Done, p.At.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
}
