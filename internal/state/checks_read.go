package state

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/checks/history"
	"lapwing.dev/lapwing/internal/fault"
)

// chunkSpan is the most that lies between a chunk's first and last run.
const chunkSpan = int64(history.MaxChunkSpan / time.Millisecond)

// view reads memory and disk as they were at one moment: what a seal moves from
// one to the other is seen exactly once. fromMemory runs first and must only
// copy; fromDisk may take its time.
func (s *CheckStore) view(ctx context.Context, doing string, fromMemory func(), fromDisk func(tx *sql.Tx) error) error {
	// The connection comes before the lock, so that nobody waits for a free one
	// while holding up the writer.
	conn, err := s.db.read.Conn(ctx)
	if err != nil {
		return s.db.explain(doing, err)
	}
	defer conn.Close()
	tx, err := s.fix(ctx, conn, fromMemory)
	if err != nil {
		return s.db.explain(doing, err)
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	return s.db.explain(doing, fromDisk(tx))
}

func (s *CheckStore) fix(ctx context.Context, conn *sql.Conn, fromMemory func()) (*sql.Tx, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	// SQLite fixes what a transaction sees at its first read, not at BEGIN.
	var rows int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM meta LIMIT 1)`).Scan(&rows); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	fromMemory()
	return tx, nil
}

// Results implements checks.Store. It decodes only the chunks that may hold one
// of the newest limit runs.
func (s *CheckStore) Results(ctx context.Context, check string, from, to time.Time, limit int) ([]checks.Result, error) {
	first, end := ceilMilli(from), ceilMilli(to)
	var key int64
	var tail []byte
	fromMemory := func() {
		if k := s.known[check]; k != nil {
			key, tail = k.key, k.tail.Snapshot()
		}
	}
	var found newest
	err := s.view(ctx, "read results", fromMemory, func(tx *sql.Tx) error {
		if key == 0 || first >= end {
			return nil
		}
		found = newest{first: first, end: end, limit: limit}
		if err := found.addTail(check, tail); err != nil {
			return err
		}
		const query = `SELECT id, last_ms, data FROM result_chunks
			WHERE check_key = ?1 AND last_ms >= ?2 AND last_ms < ?4 AND first_ms < ?3 ORDER BY last_ms DESC`
		rows, err := tx.QueryContext(ctx, query, key, first, end, addMilli(end, chunkSpan))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, last int64
			var data sql.RawBytes
			if err := rows.Scan(&id, &last, &data); err != nil {
				return err
			}
			if found.complete(last) {
				return nil
			}
			if err := found.addChunk(check, data); err != nil {
				s.damaged(check, id, err)
			}
		}
		return rows.Err()
	})
	return found.results(), err
}

// newest collects the runs of a span of time, newest first. Where the clock
// jumped, chunks overlap, so it sorts what comes out of order.
type newest struct {
	first, end int64 // milliseconds; end is not in it
	limit      int   // ≤ 0: all
	list       []checks.Result
	unsorted   bool
}

func (n *newest) addTail(check string, tail []byte) error {
	runs := history.Runs{Check: check}
	err := runs.AppendTail(tail)
	n.add(runs.Results)
	return err
}

func (n *newest) addChunk(check string, data []byte) error {
	runs := history.Runs{Check: check}
	err := runs.AppendChunk(data)
	n.add(runs.Results)
	return err
}

// add takes runs, oldest first unless the clock jumped.
func (n *newest) add(runs []checks.Result) {
	for _, r := range slices.Backward(runs) {
		if run := int64(r.Run); run < n.first || run >= n.end {
			continue
		}
		if last := len(n.list) - 1; last >= 0 && r.Run > n.list[last].Run {
			n.unsorted = true
		}
		n.list = append(n.list, r)
	}
}

// complete reports whether no run up to the time last can be among the newest.
func (n *newest) complete(last int64) bool {
	if n.limit <= 0 || len(n.list) < n.limit {
		return false
	}
	return int64(n.results()[n.limit-1].Run) > last
}

func (n *newest) results() []checks.Result {
	if n.unsorted {
		slices.SortFunc(n.list, func(a, b checks.Result) int { return cmp.Compare(b.Run, a.Run) })
		n.unsorted = false
	}
	if n.limit > 0 && len(n.list) > n.limit {
		clear(n.list[n.limit:]) // older than all that is kept: nothing can bring them back
		n.list = n.list[:n.limit]
	}
	return n.list
}

// Result implements checks.Store.
func (s *CheckStore) Result(ctx context.Context, check string, run checks.RunID) (*checks.Result, error) {
	var key int64
	var tail []byte
	fromMemory := func() {
		if k := s.known[check]; k != nil {
			key, tail = k.key, k.tail.Snapshot()
		}
	}
	var found *checks.Result
	var damage error
	err := s.view(ctx, "read a result", fromMemory, func(tx *sql.Tx) error {
		runs := history.Runs{Check: check}
		if err := runs.AppendTail(tail); err != nil {
			return err
		}
		if found = find(runs.Results, run); found != nil || key == 0 {
			return nil
		}
		const query = `SELECT id, data FROM result_chunks WHERE check_key = ?1 AND last_ms >= ?2 AND last_ms <= ?3 AND first_ms <= ?2`
		rows, err := tx.QueryContext(ctx, query, key, int64(run), addMilli(int64(run), chunkSpan))
		if err != nil {
			return err
		}
		defer rows.Close()
		for found == nil && rows.Next() {
			var id int64
			var data sql.RawBytes
			if err := rows.Scan(&id, &data); err != nil {
				return err
			}
			runs := history.Runs{Check: check}
			if err := runs.AppendChunk(data); err != nil {
				s.damaged(check, id, err)
				damage = err
			}
			found = find(runs.Results, run)
		}
		return rows.Err()
	})
	switch {
	case err != nil:
		return nil, err
	case found != nil:
		return found, nil
	case damage != nil:
		return nil, s.db.explain("read run "+run.String(), damage)
	}
	return nil, fault.NotFound("check %q has no run %s, or it is older than `history.results`", check, run)
}

// find returns a copy, so that a whole chunk is not kept for one run.
func find(results []checks.Result, run checks.RunID) *checks.Result {
	for i := range results {
		if results[i].Run == run {
			one := results[i]
			one.Attempts = slices.Clone(one.Attempts)
			return &one
		}
	}
	return nil
}

// Rollups implements checks.Store.
func (s *CheckStore) Rollups(ctx context.Context, ids []string, step checks.Step, from, to time.Time) (map[string][]checks.Rollup, error) {
	found := make(map[string][]checks.Rollup, len(ids))
	names := make(map[int64]string, len(ids))
	unsealed := make(map[string][]checks.Rollup, len(ids))
	fromMemory := func() {
		for _, id := range ids {
			if k := s.known[id]; k != nil {
				names[k.key] = id
				unsealed[id] = slices.Clone(k.hours)
			}
		}
	}
	err := s.view(ctx, "read roll-ups", fromMemory, func(tx *sql.Tx) error {
		if len(names) == 0 || !from.Before(to) {
			return nil
		}
		return s.readPages(ctx, tx, names, step, from, to, found)
	})
	if err != nil {
		return nil, err
	}
	for id, hours := range unsealed {
		hours = slices.DeleteFunc(hours, func(r checks.Rollup) bool { return !within(step.Start(r.Start), from, to) })
		if list := history.Merge(found[id], step, hours); len(list) > 0 {
			found[id] = list
		}
	}
	return found, nil
}

// readPages reads page after page: those that exist, not all that could, for a
// caller may ask for all time.
func (s *CheckStore) readPages(ctx context.Context, tx *sql.Tx, names map[int64]string, step checks.Step, from, to time.Time, found map[string][]checks.Rollup) error {
	keys := make([]int64, 0, len(names))
	for key := range names {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	list, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	query := `SELECT check_key, data FROM rollups WHERE step = ?1 AND page = ?2 AND ` + anyOf("check_key", 3) // #nosec G202 -- constants
	read, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer read.Close()
	last := history.Page(step, to)
	for page := history.Page(step, from) - 1; ; {
		const next = `SELECT page FROM rollups WHERE step = ?1 AND page > ?2 AND page <= ?3 ORDER BY page LIMIT 1`
		err := tx.QueryRowContext(ctx, next, step, page, last).Scan(&page)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.readPage(ctx, read, string(list), names, step, page, from, to, found); err != nil {
			return err
		}
	}
}

func (s *CheckStore) readPage(ctx context.Context, read *sql.Stmt, keys string, names map[int64]string, step checks.Step, page int64, from, to time.Time, found map[string][]checks.Rollup) error {
	rows, err := read.QueryContext(ctx, step, page, keys)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		id := names[key]
		list := found[id]
		before := len(list)
		list, err := history.ReadPage(list, step, page, data)
		if err != nil {
			s.log.Error("a page of roll-ups is unreadable and is left out", "check", id, "page", page, "error", err)
		}
		kept := list[:before]
		for _, r := range list[before:] {
			if within(r.Start, from, to) {
				kept = append(kept, r)
			}
		}
		if len(kept) > 0 {
			found[id] = kept
		}
	}
	return rows.Err()
}

// Evidence implements checks.Store.
func (s *CheckStore) Evidence(ctx context.Context, check string, run checks.RunID) (*checks.Evidence, error) {
	var data []byte
	const query = `SELECT e.data FROM evidence e JOIN checks c ON c.key = e.check_key WHERE c.id = ?1 AND e.run = ?2`
	err := s.db.read.QueryRowContext(ctx, query, check, int64(run)).Scan(&data)
	if isNoRows(err) {
		return nil, fault.NotFound("no request and answer are kept of run %s of check %q", run, check)
	}
	if err != nil {
		return nil, s.db.explain("read evidence", err)
	}
	e, err := s.archive.Unpack(data)
	return e, s.db.explain("read evidence of run "+run.String(), err)
}

// EvidenceRuns implements checks.Store.
func (s *CheckStore) EvidenceRuns(ctx context.Context, check string) ([]checks.RunID, error) {
	const query = `SELECT e.run FROM evidence e JOIN checks c ON c.key = e.check_key WHERE c.id = ?1 ORDER BY e.run DESC`
	rows, err := s.db.read.QueryContext(ctx, query, check)
	if err != nil {
		return nil, s.db.explain("read evidence", err)
	}
	defer rows.Close()
	var runs []checks.RunID
	for rows.Next() {
		var run checks.RunID
		if err := rows.Scan(&run); err != nil {
			return nil, s.db.explain("read evidence", err)
		}
		runs = append(runs, run)
	}
	return runs, s.db.explain("read evidence", rows.Err())
}

// Transitions implements checks.Store. A limit of 0 or less means all.
func (s *CheckStore) Transitions(ctx context.Context, check string, limit int) ([]checks.Transition, error) {
	const (
		columns = `SELECT c.id, t.at_ms, t.from_state, t.to_state, t.reason, t.run, t.by_whom FROM transitions t JOIN checks c ON c.key = t.check_key`
		newest  = ` ORDER BY t.at_ms DESC, t.id DESC LIMIT ?1`
	)
	most := int64(limit)
	if limit <= 0 {
		most = math.MaxInt64
	}
	query, args := columns+newest, []any{most}
	if check != "" {
		query, args = columns+` WHERE c.id = ?2`+newest, []any{most, check}
	}
	rows, err := s.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.db.explain("read transitions", err)
	}
	defer rows.Close()
	var list []checks.Transition
	for rows.Next() {
		var t checks.Transition
		var at int64
		if err := rows.Scan(&t.Check, &at, &t.From, &t.To, &t.Reason, &t.Run, &t.By); err != nil {
			return nil, s.db.explain("read transitions", err)
		}
		t.At = time.UnixMilli(at).UTC()
		list = append(list, t)
	}
	return list, s.db.explain("read transitions", rows.Err())
}

func within(t, from, to time.Time) bool { return !t.Before(from) && t.Before(to) }

// ceilMilli is the first whole millisecond that is not before t.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// addMilli adds without overflow.
func addMilli(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
