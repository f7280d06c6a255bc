package state

import (
	"context"
	"database/sql"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/checks/history"
	"lapwing.dev/lapwing/internal/fault"
)

// Append implements checks.Store.
func (s *CheckStore) Append(ctx context.Context, batch *checks.Batch) error {
	if batch.Empty() {
		return nil
	}
	for i := range batch.Results {
		if r := &batch.Results[i]; len(r.Attempts) == 0 {
			return fault.Invalid("run %s of check %q has no attempt", r.Run, r.Check)
		}
	}
	packed := s.pack(batch.Evidence)
	if err := s.begin(); err != nil {
		return err
	}
	defer s.writing.Unlock()
	if err := s.refuseOverflow(); err != nil {
		return err
	}
	a := appending{store: s, batch: batch, packed: packed, names: map[string]*known{}}
	if err := s.db.update(ctx, "append to the history", a.write); err != nil {
		return err
	}
	s.apply(&a)
	if err := s.checkpoint(ctx); err != nil {
		// The batch is safe; what could not be sealed stays in the journal.
		s.sealer.failed(s.log, err)
	}
	return nil
}

// packedEvidence is evidence as it is stored.
type packedEvidence struct {
	check string
	run   checks.RunID
	data  []byte
}

// pack encodes evidence before any lock is taken.
func (s *CheckStore) pack(list []checks.Evidence) []packedEvidence {
	packed := make([]packedEvidence, 0, len(list))
	for i := range list {
		e := &list[i]
		data, err := s.archive.Pack(e)
		if err != nil { // it must not cost the batch its results
			s.log.Error("evidence cannot be stored", "check", e.Check, "run", int64(e.Run), "error", err)
			continue
		}
		packed = append(packed, packedEvidence{e.Check, e.Run, data})
	}
	return packed
}

// appending is a batch on its way to the disk.
type appending struct {
	store  *CheckStore
	batch  *checks.Batch
	packed []packedEvidence

	names   map[string]*known // of the batch; new ones are not yet in the store
	entries []history.Entry
	targets []*known // of the entries
	missed  []history.Missed
	row     []byte // of the journal; nil when it needs none
}

// write puts the batch into tx. It changes nothing in memory.
func (a *appending) write(ctx context.Context, tx *sql.Tx) error {
	if err := a.collect(ctx, tx); err != nil {
		return err
	}
	if len(a.entries)+len(a.missed) > 0 {
		a.row = history.AppendJournal(nil, a.entries, a.missed)
		const insert = `INSERT INTO results_journal (seq, data) VALUES (?1, ?2)`
		if _, err := tx.ExecContext(ctx, insert, a.store.seq+1, a.row); err != nil {
			return err
		}
	}
	for i := range a.batch.Transitions {
		t := &a.batch.Transitions[i]
		k, err := a.check(ctx, tx, t.Check)
		if err != nil {
			return err
		}
		if err := insertTransition(ctx, tx, k.key, t); err != nil {
			return err
		}
	}
	for _, e := range a.packed {
		k, err := a.check(ctx, tx, e.check)
		if err != nil {
			return err
		}
		const insert = `INSERT INTO evidence (check_key, run, data) VALUES (?1, ?2, ?3) ON CONFLICT (check_key, run) DO NOTHING`
		if _, err := tx.ExecContext(ctx, insert, k.key, int64(e.run), e.data); err != nil {
			return err
		}
	}
	return nil
}

// collect gathers what goes into the journal.
func (a *appending) collect(ctx context.Context, tx *sql.Tx) error {
	a.entries = make([]history.Entry, 0, len(a.batch.Results))
	a.targets = make([]*known, 0, len(a.batch.Results))
	for i := range a.batch.Results {
		r := &a.batch.Results[i]
		k, err := a.check(ctx, tx, r.Check)
		if err != nil {
			return err
		}
		a.entries = append(a.entries, history.Entry{Key: uint64(k.key), Result: r}) // #nosec G115 -- row keys are positive
		a.targets = append(a.targets, k)
	}
	for _, m := range a.batch.Missed {
		k, err := a.check(ctx, tx, m.Check)
		if err != nil {
			return err
		}
		a.missed = append(a.missed, history.Missed{Key: uint64(k.key), AtMS: m.At.UnixMilli(), Count: m.Count}) // #nosec G115 -- row keys are positive
	}
	return nil
}

// check returns the check of that ID, with a new row when it has none.
func (a *appending) check(ctx context.Context, tx *sql.Tx, id string) (*known, error) {
	if k, ok := a.names[id]; ok {
		return k, nil
	}
	k, ok := a.store.known[id]
	if !ok {
		k = &known{id: id}
		const insert = `INSERT INTO checks (id) VALUES (?1) RETURNING key`
		if err := tx.QueryRowContext(ctx, insert, id).Scan(&k.key); err != nil {
			return nil, err
		}
	}
	a.names[id] = k
	return k, nil
}

func insertTransition(ctx context.Context, tx *sql.Tx, key int64, t *checks.Transition) error {
	const insert = `INSERT INTO transitions (check_key, at_ms, from_state, to_state, reason, run, by_whom) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`
	_, err := tx.ExecContext(ctx, insert, key, t.At.UnixMilli(), t.From, t.To, t.Reason, int64(t.Run), t.By)
	return err
}

// apply makes memory follow the disk.
func (s *CheckStore) apply(a *appending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range a.names {
		s.known[id], s.names[k.key] = k, id
	}
	var buffer []checks.Attempt
	for i, e := range a.entries {
		buffer = a.targets[i].add(e.Result, buffer)
	}
	for i, m := range a.missed {
		a.names[a.batch.Missed[i].Check].miss(time.UnixMilli(m.AtMS), m.Count)
	}
	if a.row != nil {
		s.seq++
		s.journal.add(len(a.row))
	}
}

// SetPaused implements checks.Store. It seals the check, because the journal
// knows results only: replayed over a pause they would end it.
func (s *CheckStore) SetPaused(ctx context.Context, t checks.Transition, paused bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.writing.Unlock()
	a := appending{store: s, batch: &checks.Batch{}, names: map[string]*known{}}
	var sealed []sealedCheck
	write := func(ctx context.Context, tx *sql.Tx) error {
		k, err := a.check(ctx, tx, t.Check)
		if err != nil {
			return err
		}
		if err := insertTransition(ctx, tx, k.key, &t); err != nil {
			return err
		}
		life := checks.Life{State: t.To, Since: t.At.UTC().Truncate(time.Millisecond), LastRun: k.life.LastRun, Paused: paused}
		if paused {
			life.PausedBy = t.By
		}
		one, err := s.seal(ctx, tx, k, life)
		sealed = []sealedCheck{one}
		return err
	}
	return s.db.updateThen(ctx, "pause or resume the check", write, func(tx *sql.Tx) error {
		return s.commitSealed(tx, &a, sealed)
	})
}
