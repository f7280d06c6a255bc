package state

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/checks/history"
)

// journal counts what results_journal holds.
type journal struct {
	bytes int
	since time.Time // of the first row; zero when there is none

	// While a checkpoint runs: the row that it deletes up to, and what came after.
	through    int64
	later      int
	laterSince time.Time
}

func (j *journal) add(size int) {
	now := time.Now()
	if j.since.IsZero() {
		j.since = now
	}
	if j.laterSince.IsZero() {
		j.laterSince = now
	}
	j.bytes += size
	j.later += size
}

func (j *journal) begin(through int64) {
	j.through, j.later, j.laterSince = through, 0, time.Time{}
}

func (j *journal) end() { j.bytes, j.since = j.later, j.laterSince }

// sealer is a checkpoint under way, and the buffers for it.
type sealer struct {
	queue   []*known // still to be sealed
	running bool

	retry  time.Time // after a failure, not before
	broken bool      // the last try failed

	encoder history.Encoder
	runs    history.Runs
	blob    []byte
	rollups []checks.Rollup
}

func (z *sealer) failed(log *slog.Logger, err error) {
	z.retry = time.Now().Add(10 * time.Second)
	if !z.broken {
		log.Error("the journal of results could not be sealed; it grows until that works", "error", err)
	}
	z.broken = true
}

// overflow is how many times its limit the journal may grow while seals fail.
const overflow = 8

// refuseOverflow keeps a journal that cannot be sealed from filling memory.
func (s *CheckStore) refuseOverflow() error {
	if s.journal.bytes < overflow*s.limits.journal {
		return nil
	}
	if err := s.sealAll(context.Background()); err != nil {
		return fmt.Errorf("the journal of results is full: %w", err)
	}
	return nil
}

// checkpoint does a bounded piece of sealing when it is due: Append calls it
// each time, so no append waits for a whole checkpoint.
func (s *CheckStore) checkpoint(ctx context.Context) error {
	z := &s.sealer
	if time.Now().Before(z.retry) {
		return nil
	}
	if !z.running {
		if s.journal.bytes < s.limits.journal && (s.journal.since.IsZero() || time.Since(s.journal.since) < s.limits.age) {
			return nil
		}
		s.startCheckpoint()
	}
	return s.sealSome(context.WithoutCancel(ctx))
}

func (s *CheckStore) startCheckpoint() {
	z := &s.sealer
	z.running = true
	z.queue = z.queue[:0]
	for _, k := range s.known {
		if k.unsealed() {
			z.queue = append(z.queue, k)
		}
	}
	s.journal.begin(s.seq)
}

// sealAll runs a whole checkpoint.
func (s *CheckStore) sealAll(ctx context.Context) error {
	s.startCheckpoint()
	for s.sealer.running {
		if err := s.sealSome(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sealSome seals the next checks in one transaction; with the last of them it
// deletes the journal's rows.
func (s *CheckStore) sealSome(ctx context.Context) error {
	z := &s.sealer
	n, runs := 0, 0
	for n < len(z.queue) && n < s.limits.checks && (n == 0 || runs+z.queue[n].tail.Len() <= s.limits.runs) {
		runs += z.queue[n].tail.Len()
		n++
	}
	var sealed []sealedCheck
	last := n == len(z.queue)
	write := func(ctx context.Context, tx *sql.Tx) error {
		for _, k := range z.queue[:n] {
			if !k.unsealed() { // a pause sealed it since
				continue
			}
			one, err := s.seal(ctx, tx, k, k.life)
			if err != nil {
				return fmt.Errorf("check %q: %w", k.id, err)
			}
			sealed = append(sealed, one)
		}
		if !last {
			return nil
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM results_journal WHERE seq <= ?1`, s.journal.through)
		return err
	}
	err := s.db.updateThen(ctx, "seal results", write, func(tx *sql.Tx) error { return s.commitSealed(tx, nil, sealed) })
	if err != nil {
		return err
	}
	z.queue = z.queue[n:]
	if last {
		z.running, z.queue = false, nil
		s.journal.end()
	}
	if z.broken {
		z.broken = false
		s.log.Info("the journal of results is sealed again")
	}
	return nil
}

// sealedCheck is what memory has to follow once a seal is on disk.
type sealedCheck struct {
	known     *known
	life      checks.Life
	openChunk int64
}

// commitSealed commits and makes memory follow, as one step for readers. a may
// bring checks that are new.
func (s *CheckStore) commitSealed(tx *sql.Tx, a *appending, sealed []sealedCheck) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := tx.Commit(); err != nil {
		return err
	}
	if a != nil {
		for id, k := range a.names {
			s.known[id], s.names[k.key] = k, id
		}
	}
	for _, one := range sealed {
		k := one.known
		k.life, k.openChunk, k.sealedSeq = one.life, one.openChunk, s.seq
		k.tail.Reset()
		k.hours = k.hours[:0]
	}
	return nil
}

// seal writes a check's tail and counts to their places, and its row with life.
// It changes nothing in memory.
func (s *CheckStore) seal(ctx context.Context, tx *sql.Tx, k *known, life checks.Life) (sealedCheck, error) {
	openChunk, err := s.sealRuns(ctx, tx, k)
	if err != nil {
		return sealedCheck{}, err
	}
	for _, step := range [...]checks.Step{checks.Hourly, checks.Daily} {
		if err := s.sealRollups(ctx, tx, k.key, step, k.hours); err != nil {
			return sealedCheck{}, err
		}
	}
	var since sql.NullInt64
	if !life.Since.IsZero() {
		since = sql.NullInt64{Int64: life.Since.UnixMilli(), Valid: true}
	}
	const update = `UPDATE checks SET state = ?2, since_ms = ?3, failures = ?4, successes = ?5, last_run = ?6,
		paused = ?7, paused_by = ?8, open_chunk = ?9, sealed_seq = ?10 WHERE key = ?1`
	_, err = tx.ExecContext(ctx, update, k.key, life.State, since, life.Failures, life.Successes, int64(life.LastRun),
		life.Paused, life.PausedBy, openChunk, s.seq)
	return sealedCheck{k, life, openChunk}, err
}

// sealRuns adds the tail to the check's open chunk, and starts new ones as they fill.
func (s *CheckStore) sealRuns(ctx context.Context, tx *sql.Tx, k *known) (openChunk int64, err error) {
	if k.tail.Len() == 0 {
		return k.openChunk, nil
	}
	z := &s.sealer
	z.runs.Reset(k.id)
	id, err := s.readOpenChunk(ctx, tx, k)
	if err != nil {
		return 0, err
	}
	old := len(z.runs.Results)
	if err := k.tail.Decode(&z.runs); err != nil {
		return 0, err
	}
	for rest := z.runs.Results; len(rest) > 0; {
		n := history.Fit(rest)
		if n != old { // else the open chunk was full
			if id, err = s.writeChunk(ctx, tx, k.key, id, rest[:n]); err != nil {
				return 0, err
			}
		}
		if n == history.MaxChunk {
			openChunk = 0
		} else {
			openChunk = id
		}
		rest = rest[n:]
		id, old = 0, 0
	}
	return openChunk, nil
}

// readOpenChunk puts the open chunk's runs into the buffer and returns its id;
// 0 when there is none that can be used.
func (s *CheckStore) readOpenChunk(ctx context.Context, tx *sql.Tx, k *known) (id int64, err error) {
	if k.openChunk == 0 {
		return 0, nil
	}
	var data []byte
	const query = `SELECT data FROM result_chunks WHERE id = ?1 AND check_key = ?2`
	err = tx.QueryRowContext(ctx, query, k.openChunk, k.key).Scan(&data)
	if isNoRows(err) { // pruned
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if err := s.sealer.runs.AppendChunk(data); err != nil {
		s.damaged(k.id, k.openChunk, err)
		return 0, nil
	}
	return k.openChunk, nil
}

func (s *CheckStore) damaged(check string, chunk int64, err error) {
	s.log.Error("a chunk of results is unreadable and is left out", "check", check, "chunk", chunk, "error", err)
}

// writeChunk writes a chunk over the one with that id, or as a new one for 0.
func (s *CheckStore) writeChunk(ctx context.Context, tx *sql.Tx, key, id int64, results []checks.Result) (int64, error) {
	z := &s.sealer
	z.blob = z.encoder.AppendChunk(z.blob[:0], results)
	first, last := results[0].Run, results[0].Run
	for i := range results {
		first, last = min(first, results[i].Run), max(last, results[i].Run)
	}
	if id != 0 {
		const update = `UPDATE result_chunks SET first_ms = ?2, last_ms = ?3, runs = ?4, data = ?5 WHERE id = ?1`
		_, err := tx.ExecContext(ctx, update, id, int64(first), int64(last), len(results), z.blob)
		return id, err
	}
	const insert = `INSERT INTO result_chunks (check_key, first_ms, last_ms, runs, data) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id`
	err := tx.QueryRowContext(ctx, insert, key, int64(first), int64(last), len(results), z.blob).Scan(&id)
	return id, err
}

// sealRollups merges counts, oldest first, into their pages.
func (s *CheckStore) sealRollups(ctx context.Context, tx *sql.Tx, key int64, step checks.Step, more []checks.Rollup) error {
	z := &s.sealer
	for len(more) > 0 {
		page := history.Page(step, more[0].Start)
		n := 1
		for n < len(more) && history.Page(step, more[n].Start) == page {
			n++
		}
		var data []byte
		const query = `SELECT data FROM rollups WHERE step = ?1 AND page = ?2 AND check_key = ?3`
		err := tx.QueryRowContext(ctx, query, step, page, key).Scan(&data)
		if err != nil && !isNoRows(err) {
			return err
		}
		z.rollups = z.rollups[:0]
		if err == nil {
			if z.rollups, err = history.ReadPage(z.rollups, step, page, data); err != nil {
				s.log.Error("a page of roll-ups is unreadable and is begun anew", "check", s.names[key], "page", page, "error", err)
			}
		}
		z.rollups = history.Merge(z.rollups, step, more[:n])
		z.blob = history.AppendPage(z.blob[:0], step, page, z.rollups)
		const upsert = `INSERT INTO rollups (step, page, check_key, data) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (step, page, check_key) DO UPDATE SET data = excluded.data`
		if _, err := tx.ExecContext(ctx, upsert, step, page, key, z.blob); err != nil {
			return err
		}
		more = more[n:]
	}
	return nil
}
