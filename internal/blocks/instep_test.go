package blocks_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/middleware/block"
)

// said is a log that has one record, and takes others for itself.
type said struct{ record blocks.Record }

func (s said) Tell(context.Context, []blocks.Record) error { return nil }

func (s said) Hear(_ context.Context, after blocks.Place) ([]blocks.Record, blocks.Place, bool, error) {
	next := blocks.Place{Epoch: "one", Version: 1}
	if after == next {
		return nil, next, false, nil
	}
	return []blocks.Record{s.record}, next, false, nil
}

// TestAFullDiskLetsNobodyIn whom another server keeps out.
func TestAFullDiskLetsNobodyIn(t *testing.T) {
	s := &disk{Store: memory(t)}
	s.full.Store(true)
	synctest.Test(t, func(t *testing.T) {
		m := manager(t, blocks.Config{}, blocks.Deps{Store: s})
		m.Share(said{blocks.Record{Entry: block.Entry{ID: "a", Target: targetOf(t, "203.0.113.7"), Created: time.Now()}}})
		defer run(t, m)()
		synctest.Wait()
		wantBlocked(t, m, "203.0.113.7", "", true)
	})
}

// TestWhatOthersSayIsHeldToTheRules: an allow list of this server's own wins, and
// what has ended or was removed later does not come back.
func TestWhatOthersSayIsHeldToTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, test := range []struct {
			name   string
			record blocks.Record
			hits   bool
		}{
			{"a block", blocks.Record{Entry: block.Entry{ID: "a", Target: targetOf(t, "203.0.113.7"), Created: now}}, true},
			{"a wide block with an exception here", blocks.Record{Entry: block.Entry{ID: "a", Target: targetOf(t, "203.0.0.0/16"), Created: now}}, true},
			{"one that has ended", blocks.Record{Entry: block.Entry{ID: "a", Target: targetOf(t, "203.0.113.7"), Created: now, Expires: now}}, false},
			{"a removal of nothing", blocks.Record{Entry: block.Entry{Target: targetOf(t, "203.0.113.7")}, Removed: now}, false},
		} {
			m := manager(t, blocks.Config{Allow: []block.Target{targetOf(t, "203.0.9.0/24")}}, blocks.Deps{})
			m.Share(said{test.record})
			stop := run(t, m)
			synctest.Wait()
			t.Log(test.name)
			wantBlocked(t, m, "203.0.113.7", "", test.hits)
			wantBlocked(t, m, "203.0.9.1", "", false)
			stop()
		}
	})
}
