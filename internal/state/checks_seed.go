package state

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/checks/history"
)

// Seed puts an invented past into the history of a check, in one transaction:
// for the demo. The roll-ups are taken as they are; the results, which they
// should include, are not counted again. The check's life follows the results; its
// state began with the newest transition, which may be older than they are.
func (s *CheckStore) Seed(ctx context.Context, check string, rollups map[checks.Step][]checks.Rollup, results []checks.Result, transitions []checks.Transition) error {
	results = slices.SortedFunc(slices.Values(results), func(a, b checks.Result) int { return cmp.Compare(a.Run, b.Run) })
	if err := s.begin(); err != nil {
		return err
	}
	defer s.writing.Unlock()
	a := appending{store: s, batch: &checks.Batch{}, names: map[string]*known{}}
	var sealed []sealedCheck
	write := func(ctx context.Context, tx *sql.Tx) error {
		k, err := a.check(ctx, tx, check)
		if err != nil {
			return err
		}
		life := k.life
		for i := range results {
			life.Apply(&results[i])
		}
		life.Since = began(&life, transitions).UTC()
		one, err := s.seal(ctx, tx, k, life)
		if err != nil {
			return err
		}
		sealed = []sealedCheck{one}
		for rest := results; len(rest) > 0; {
			n := history.Fit(rest)
			if _, err := s.writeChunk(ctx, tx, k.key, 0, rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		for step, list := range rollups {
			if err := s.sealRollups(ctx, tx, k.key, step, history.Merge(nil, step, list)); err != nil {
				return err
			}
		}
		for i := range transitions {
			if err := insertTransition(ctx, tx, k.key, &transitions[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return s.db.updateThen(ctx, "put in invented history", write, func(tx *sql.Tx) error {
		return s.commitSealed(tx, &a, sealed)
	})
}

// began is when the life's state did: at the newest transition that led to it.
func began(life *checks.Life, transitions []checks.Transition) time.Time {
	if len(transitions) == 0 {
		return life.Since
	}
	newest := slices.MaxFunc(transitions, func(a, b checks.Transition) int { return a.At.Compare(b.At) })
	if newest.To != life.State {
		return life.Since
	}
	return newest.At
}
