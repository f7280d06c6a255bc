package state

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"lapwing.dev/lapwing/internal/slo"
)

// SLOStore keeps what was counted of operations: it implements slo.Store.
type SLOStore struct {
	db *DB
}

// SLO returns the store of error rates and objectives.
func (db *DB) SLO() *SLOStore { return &SLOStore{db: db} }

// sloOperation tells operations apart.
type sloOperation struct{ api, operation string }

// sloSeen is how exactly the time of an operation's last step is kept: a write
// for each of them in each step would be most of the work.
const sloSeen = 24 * 3600

// PutSteps implements slo.Store.
func (s *SLOStore) PutSteps(ctx context.Context, steps []slo.Step) error {
	if len(steps) == 0 {
		return nil
	}
	const put = `INSERT OR REPLACE INTO slo_step (length_s, start_s, covered_s, data) VALUES (?1, ?2, ?3, ?4)`
	return s.db.update(ctx, "store counts of operations", func(ctx context.Context, tx *sql.Tx) error {
		names, err := newSLONames(ctx, tx)
		if err != nil {
			return err
		}
		defer names.close()
		putting, err := tx.PrepareContext(ctx, put)
		if err != nil {
			return err
		}
		defer putting.Close()
		var data, one []byte
		for i := range steps {
			step := &steps[i]
			data = data[:0]
			for j := range step.Counts {
				c := &step.Counts[j]
				id, err := names.id(ctx, sloOperation{c.API, c.Operation}, step.Start.Unix())
				if err != nil {
					return err
				}
				if one, err = c.AppendBinary(one[:0]); err != nil {
					return err
				}
				data = binary.AppendUvarint(data, uint64(id)) // #nosec G115 -- a row's id, from 1
				data = binary.AppendUvarint(data, uint64(len(one)))
				data = append(data, one...)
			}
			if data == nil {
				data = []byte{}
			}
			_, err := putting.ExecContext(ctx, int64(step.Length/time.Second), step.Start.Unix(), int64(step.Covered/time.Second), data)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sloNames finds the ids of operations within one transaction, and gives new ones
// theirs.
type sloNames struct {
	known       map[sloOperation]sloName
	insert, see *sql.Stmt
}

type sloName struct{ id, last int64 }

func newSLONames(ctx context.Context, tx *sql.Tx) (*sloNames, error) {
	n := &sloNames{known: map[sloOperation]sloName{}}
	rows, err := tx.QueryContext(ctx, `SELECT id, api, operation, last_s FROM slo_operation`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // rows.Err tells
	for rows.Next() {
		var (
			name sloName
			op   sloOperation
		)
		if err := rows.Scan(&name.id, &op.api, &op.operation, &name.last); err != nil {
			return nil, err
		}
		n.known[op] = name
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if n.insert, err = tx.PrepareContext(ctx, `INSERT INTO slo_operation (api, operation, last_s) VALUES (?1, ?2, ?3) RETURNING id`); err != nil {
		return nil, err
	}
	if n.see, err = tx.PrepareContext(ctx, `UPDATE slo_operation SET last_s = ?2 WHERE id = ?1`); err != nil {
		return nil, errors.Join(err, n.insert.Close())
	}
	return n, nil
}

func (n *sloNames) id(ctx context.Context, op sloOperation, at int64) (int64, error) {
	name, found := n.known[op]
	switch {
	case !found:
		if err := n.insert.QueryRowContext(ctx, op.api, op.operation, at).Scan(&name.id); err != nil {
			return 0, err
		}
	case at-name.last < sloSeen:
		return name.id, nil
	default:
		if _, err := n.see.ExecContext(ctx, name.id, at); err != nil {
			return 0, err
		}
	}
	name.last = at
	n.known[op] = name
	return name.id, nil
}

func (n *sloNames) close() {
	_ = n.insert.Close() //nolint:errcheck // its transaction tells
	_ = n.see.Close()    //nolint:errcheck // its transaction tells
}

// Steps implements slo.Store.
func (s *SLOStore) Steps(ctx context.Context, q slo.Query, visit func(slo.Step) error) error {
	known, err := s.operations(ctx, q)
	if err != nil {
		return s.db.explain("read counts of operations", err)
	}
	return s.steps(ctx, q, known, visit)
}

// operations are the names of those that a query chooses, by their ids.
func (s *SLOStore) operations(ctx context.Context, q slo.Query) (map[int64]sloOperation, error) {
	const names = `SELECT id, api, operation FROM slo_operation WHERE (?1 = '' OR api = ?1) AND (?2 = '' OR operation = ?2)`
	rows, err := s.db.read.QueryContext(ctx, names, q.API, q.Operation)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // rows.Err tells
	known := map[int64]sloOperation{}
	for rows.Next() {
		var (
			id int64
			op sloOperation
		)
		if err := rows.Scan(&id, &op.api, &op.operation); err != nil {
			return nil, err
		}
		known[id] = op
	}
	return known, rows.Err()
}

// steps visits the steps, with the counts of the operations that are known.
func (s *SLOStore) steps(ctx context.Context, q slo.Query, known map[int64]sloOperation, visit func(slo.Step) error) error {
	const query = `SELECT start_s, covered_s, data FROM slo_step WHERE length_s = ?1 AND start_s >= ?2 AND start_s < ?3 ORDER BY start_s`
	rows, err := s.db.read.QueryContext(ctx, query, int64(q.Length/time.Second), ceilSeconds(q.From), ceilSeconds(q.To))
	if err != nil {
		return s.db.explain("read counts of operations", err)
	}
	defer rows.Close() // rows.Err tells
	for rows.Next() {
		var (
			start, covered int64
			data           sql.RawBytes
		)
		if err := rows.Scan(&start, &covered, &data); err != nil {
			return s.db.explain("read counts of operations", err)
		}
		step := slo.Step{Start: time.Unix(start, 0).UTC(), Length: q.Length, Covered: time.Duration(covered) * time.Second}
		if step.Counts, err = decodeSLOCounts(data, known); err != nil {
			// One bad row costs its five minutes, and not all the others.
			s.db.log.Warn("a step of counts cannot be read and is left out", "start", step.Start, "error", err)
			continue
		}
		if err := visit(step); err != nil {
			return err
		}
	}
	return s.db.explain("read counts of operations", rows.Err())
}

// ceilSeconds is the first whole second that is not before a time.
func ceilSeconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// decodeSLOCounts reads the counts of a step; those of operations that are not
// known are skipped.
func decodeSLOCounts(data []byte, known map[int64]sloOperation) ([]slo.Counts, error) {
	var list []slo.Counts
	for len(data) > 0 {
		id, n := binary.Uvarint(data)
		if n <= 0 || id > math.MaxInt64 {
			return nil, errors.New("the step's operations end too early")
		}
		data = data[n:]
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) { // #nosec G115 -- n bytes of data were read
			return nil, errors.New("the step's counts end too early")
		}
		one := data[n : n+int(size)] // #nosec G115 -- within data
		data = data[n+int(size):]    // #nosec G115 -- within data
		op, found := known[int64(id)]
		if !found {
			continue
		}
		c := slo.Counts{API: op.api, Operation: op.operation}
		if err := c.UnmarshalBinary(one); err != nil {
			return nil, fmt.Errorf("operation %q: %w", op.operation, err)
		}
		list = append(list, c)
	}
	return list, nil
}

// PruneSteps implements slo.Store.
func (s *SLOStore) PruneSteps(ctx context.Context, length time.Duration, before time.Time) error {
	const remove = `DELETE FROM slo_step WHERE length_s = ?1 AND start_s < ?2`
	const forget = `DELETE FROM slo_operation WHERE last_s + ?1 < (SELECT min(start_s) FROM slo_step)`
	return s.db.update(ctx, "remove old counts of operations", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, remove, int64(length/time.Second), ceilSeconds(before)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, forget, sloSeen)
		return err
	})
}

// PutConditions implements slo.Store.
func (s *SLOStore) PutConditions(ctx context.Context, conditions []slo.Condition) error {
	return putSLORows(ctx, s.db, "store what is wrong", "slo_condition", conditions)
}

// Conditions implements slo.Store.
func (s *SLOStore) Conditions(ctx context.Context) ([]slo.Condition, error) {
	return sloRows[slo.Condition](ctx, s.db, "read what was wrong", "slo_condition")
}

// PutTopErrors implements slo.Store.
func (s *SLOStore) PutTopErrors(ctx context.Context, kinds []slo.TopError) error {
	rows := make([]sloTopError, len(kinds))
	for i := range kinds {
		rows[i] = sloTopError{kinds[i], kinds[i].Example.Duration}
	}
	return putSLORows(ctx, s.db, "store kinds of failures", "slo_top_error", rows)
}

// TopErrors implements slo.Store.
func (s *SLOStore) TopErrors(ctx context.Context) ([]slo.TopError, error) {
	rows, err := sloRows[sloTopError](ctx, s.db, "read kinds of failures", "slo_top_error")
	if err != nil {
		return nil, err
	}
	var kinds []slo.TopError
	for i := range rows {
		rows[i].TopError.Example.Duration = rows[i].Took
		kinds = append(kinds, rows[i].TopError)
	}
	return kinds, nil
}

// sloTopError adds what the API's form of one leaves out.
type sloTopError struct {
	slo.TopError
	Took time.Duration `json:"took"`
}

// putSLORows replaces the rows of a table by a list.
func putSLORows[T any](ctx context.Context, db *DB, doing, table string, list []T) error {
	return db.update(ctx, doing, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table); err != nil { // #nosec G202 -- the name of a table of ours
			return err
		}
		if len(list) == 0 {
			return nil
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO `+table+` (seq, data) VALUES (?1, ?2)`) // #nosec G202 -- as above
		if err != nil {
			return err
		}
		defer insert.Close()
		for i := range list {
			data, err := json.Marshal(&list[i])
			if err != nil {
				return err
			}
			if _, err := insert.ExecContext(ctx, i+1, string(data)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sloRows reads such a list. A row that cannot be read is left out.
func sloRows[T any](ctx context.Context, db *DB, doing, table string) ([]T, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT seq, data FROM `+table+` ORDER BY seq`) // #nosec G202 -- the name of a table of ours
	if err != nil {
		return nil, db.explain(doing, err)
	}
	defer rows.Close() // rows.Err tells
	var list []T
	for rows.Next() {
		var (
			seq  int64
			data string
			one  T
		)
		if err := rows.Scan(&seq, &data); err != nil {
			return nil, db.explain(doing, err)
		}
		if err := json.Unmarshal([]byte(data), &one); err != nil {
			db.log.Warn("a row cannot be read and is left out", "table", table, "row", seq, "error", err)
			continue
		}
		list = append(list, one)
	}
	return list, db.explain(doing, rows.Err())
}
