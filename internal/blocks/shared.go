package blocks

import (
	"context"
	"time"

	"lapwing.dev/lapwing/middleware/block"
)

// Shared is a place by which several servers keep the same blocks. It is a log
// of the last record of each target. Implementations keep this contract:
//
//   - Of two records of one target the later one stays; of two of the same time
//     a removal does, then the one with the greater ID.
//   - Records that were told in one call stay heard in any order, and each at
//     least once by everybody who goes on from the place that Hear returned.
//   - A log that has lost something begins anew, under another epoch.
//   - No call takes longer than its context says.
type Shared interface {
	// Tell adds records to the log.
	Tell(ctx context.Context, records []Record) error
	// Hear returns records that were added after a place, and the place from which
	// to go on; more says that there are others already. In another epoch than the
	// place's they are the first ones of the log.
	Hear(ctx context.Context, after Place) (records []Record, next Place, more bool, err error)
}

// Place is one in a log; the zero value is the beginning.
type Place struct {
	Epoch   string
	Version int64
}

// Record is what a server says about one target: its block, or that it has none
// any more.
type Record struct {
	Entry   block.Entry // of a removal: what was removed
	Removed time.Time   // zero for a block
	By      string      // who removed it
}

// At is when it came about: what is later holds.
func (r *Record) At() time.Time {
	if !r.Removed.IsZero() {
		return r.Removed
	}
	return r.Entry.Created
}

// Until is how long the record means something to a server that has been away.
func (r *Record) Until() time.Time {
	return later(r.At(), r.Entry.Expires).Add(keptRemovals)
}

// recordOf is what others have to be told of an edit.
func recordOf(e *Edit) Record {
	if e.puts() {
		return Record{Entry: e.Entry}
	}
	c := &e.Change
	return Record{Entry: block.Entry{ID: c.ID, Target: c.Target, Reason: c.Reason, Rule: c.Rule}, Removed: c.At, By: c.By}
}

// Share has the manager keep its blocks in step with other servers. It must be
// called before Run, at most once.
func (m *Manager) Share(with Shared) { m.shared = with }
