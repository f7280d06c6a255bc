// Package blockstest holds every implementation of blocks.Store, and of
// blocks.Shared, to its contract.
package blockstest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/middleware/block"
)

// noon is when the stories happen.
var noon = time.Date(2026, 11, 1, 12, 0, 0, 7e6, time.UTC)

// Run runs the conformance suite of stores. open returns a new, empty one.
func Run(t *testing.T, open func(t *testing.T) blocks.Store) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

var stories = []struct {
	name string
	run  func(*testing.T, blocks.Store)
}{
	{"nobody is blocked at first", func(t *testing.T, s blocks.Store) {
		wantBlocks(t, s)
		wantChanges(t, s, 10)
	}},
	{"a block comes back as it was, with how it came about", func(t *testing.T, s blocks.Store) {
		address, network, key := added("a1", "203.0.113.7"), added("a2", "2001:db8::/64"), added("a3", "sub:auth0|4711")
		address.Entry.Expires, address.Entry.Rule, address.Change.Rule = noon.Add(time.Hour), "path-scan", "path-scan"
		network.Entry.Shadow = true
		write(t, s, address, network)
		write(t, s, key)
		wantBlocks(t, s, address.Entry, network.Entry, key.Entry)
		wantChanges(t, s, 10, key.Change, network.Change, address.Change)
	}},
	{"one for the same target takes its place", func(t *testing.T, s blocks.Store) {
		first, again, other := added("a1", "203.0.113.7"), added("a1", "203.0.113.7"), added("a2", "203.0.113.7")
		again.Change.Action, again.Entry.Reason, again.Entry.Expires = blocks.Changed, "still", noon.Add(time.Hour)
		write(t, s, first)
		write(t, s, again)
		wantBlocks(t, s, again.Entry)
		write(t, s, other)
		wantBlocks(t, s, other.Entry)
		wantChanges(t, s, 10, other.Change, again.Change, first.Change)
	}},
	{"what ends is gone, and what it was is remembered", func(t *testing.T, s blocks.Store) {
		first, second, third := added("a1", "203.0.113.7"), added("a2", "203.0.113.8"), added("a3", "203.0.113.9")
		write(t, s, first, second, third)
		removed, expired := change("a1", "203.0.113.7", blocks.Removed), change("a2", "203.0.113.8", blocks.Expired)
		write(t, s, removed, expired)
		wantBlocks(t, s, third.Entry)
		wantChanges(t, s, 2, expired.Change, removed.Change)
	}},
	{"to end a block that is not there is remembered all the same", func(t *testing.T, s blocks.Store) {
		gone := change("a9", "203.0.113.7", blocks.Removed)
		write(t, s, added("a1", "203.0.113.7"))
		write(t, s, gone)
		wantBlocks(t, s, added("a1", "203.0.113.7").Entry)
		wantChanges(t, s, 1, gone.Change)
	}},
	{"a dismissed proposal is remembered", func(t *testing.T, s blocks.Store) {
		dismissed := change("p1", "203.0.113.7", blocks.Dismissed)
		write(t, s, added("a1", "203.0.113.8"), dismissed)
		wantBlocks(t, s, added("a1", "203.0.113.8").Entry)
		wantChanges(t, s, 1, dismissed.Change)
	}},
	{"edits hold in their order", func(t *testing.T, s blocks.Store) {
		write(t, s, added("a1", "203.0.113.7"), change("a1", "203.0.113.7", blocks.Removed), added("a2", "203.0.113.7"))
		wantBlocks(t, s, added("a2", "203.0.113.7").Entry)
	}},
	{"changes are told newest first, whenever they were written", func(t *testing.T, s blocks.Store) {
		early, late := added("a1", "203.0.113.7"), added("a2", "203.0.113.8")
		early.Change.At = noon.Add(-time.Hour)
		write(t, s, late)
		write(t, s, early)
		wantChanges(t, s, 10, late.Change, early.Change)
		wantChanges(t, s, 1, late.Change)
		wantChanges(t, s, 0)
	}},
	{"old changes are forgotten, blocks are not", func(t *testing.T, s blocks.Store) {
		old, young := added("a1", "203.0.113.7"), added("a2", "203.0.113.8")
		old.Change.At = noon.Add(-time.Hour)
		write(t, s, old, young)
		prune(t, s, noon.Add(-time.Minute), 10)
		wantChanges(t, s, 10, young.Change)
		wantBlocks(t, s, old.Entry, young.Entry)
	}},
	{"of many changes the last ones are kept", func(t *testing.T, s blocks.Store) {
		var edits []blocks.Edit
		for i := range 20 {
			edits = append(edits, change(fmt.Sprint("p", i), "203.0.113.7", blocks.Dismissed))
		}
		write(t, s, edits...)
		prune(t, s, noon.Add(-time.Hour), 2)
		wantChanges(t, s, 10, edits[19].Change, edits[18].Change)
		prune(t, s, noon.Add(-time.Hour), 2)
		wantChanges(t, s, 10, edits[19].Change, edits[18].Change)
	}},
	{"hostile texts are only texts", func(t *testing.T, s blocks.Store) {
		evil := added(`x'); DROP TABLE block_entry; --`, `key:"日本"'); --`)
		evil.Entry.Reason = strings.Repeat("'", 500)
		write(t, s, evil)
		wantBlocks(t, s, evil.Entry)
	}},
	{"many at once", func(t *testing.T, s blocks.Store) {
		var group sync.WaitGroup
		var want []block.Entry
		for i := range 8 {
			edit := added(fmt.Sprint("a", i), fmt.Sprintf("203.0.113.%d", i))
			want = append(want, edit.Entry)
			group.Go(func() {
				for range 5 {
					if err := s.Write(t.Context(), []blocks.Edit{edit}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		wantBlocks(t, s, want...)
	}},
	{"an ended context is an error and changes nothing", func(t *testing.T, s blocks.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Write(ctx, []blocks.Edit{added("a1", "203.0.113.7")}); err == nil {
			t.Error("written for a caller that had gone")
		}
		wantBlocks(t, s)
		wantChanges(t, s, 10)
	}},
	{"nothing to write is nothing", func(t *testing.T, s blocks.Store) {
		write(t, s)
		wantChanges(t, s, 10)
	}},
}

func target(text string) block.Target {
	t, err := block.ParseTarget(text)
	if err != nil {
		panic(err) // of this file
	}
	return t
}

// added is somebody's block of a target at noon.
func added(id, text string) blocks.Edit {
	e := change(id, text, blocks.Added)
	e.Entry = block.Entry{ID: id, Target: target(text), Reason: "because", Author: "anna", Created: noon}
	return e
}

// change is what somebody did at noon.
func change(id, text string, action blocks.Action) blocks.Edit {
	return blocks.Edit{Change: blocks.Change{At: noon, Action: action, ID: id, Target: target(text), Reason: "because", By: "anna"}}
}

func write(t *testing.T, s blocks.Store, edits ...blocks.Edit) {
	t.Helper()
	if err := s.Write(t.Context(), edits); err != nil {
		t.Fatal(err)
	}
}

func prune(t *testing.T, s blocks.Store, before time.Time, most int) {
	t.Helper()
	if err := s.Prune(t.Context(), before, most); err != nil {
		t.Fatal(err)
	}
}

var asTheyAre = cmp.Options{
	cmp.Comparer(func(a, b block.Target) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

func wantBlocks(t *testing.T, s blocks.Store, want ...block.Entry) {
	t.Helper()
	got, err := s.Blocks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inOrder := cmpopts.SortSlices(func(a, b block.Entry) bool { return a.ID < b.ID })
	if diff := cmp.Diff(want, got, asTheyAre, inOrder); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
}

func wantChanges(t *testing.T, s blocks.Store, most int, want ...blocks.Change) {
	t.Helper()
	got, err := s.Changes(t.Context(), most)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, asTheyAre); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
