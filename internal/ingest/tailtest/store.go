// Package tailtest holds every implementation of tail.Store to its contract.
package tailtest

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/ingest/tail"
)

// Run runs the conformance suite. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) tail.Store) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

var stories = []struct {
	name string
	run  func(*testing.T, tail.Store)
}{
	{"nothing is known at first", func(t *testing.T, s tail.Store) {
		want(t, s, "a")
	}},
	{"what was saved comes back as it was", func(t *testing.T, s tail.Store) {
		full := position(1)
		full.Device, full.Inode, full.Offset, full.End = math.MaxUint64, math.MaxUint64-1, math.MaxInt64, 7
		full.Head, full.HeadSize, full.Done = [16]byte{0, 1, 255}, 1024, true
		save(t, s, "a", []tail.Position{full, position(2)})
		want(t, s, "a", full, position(2))
	}},
	{"a position takes the place of an older one", func(t *testing.T, s tail.Store) {
		save(t, s, "a", []tail.Position{position(1), position(2)})
		later := position(1)
		later.Offset, later.Path = 9000, "access.log.1"
		save(t, s, "a", []tail.Position{later})
		want(t, s, "a", later, position(2))
	}},
	{"logs have positions of their own", func(t *testing.T, s tail.Store) {
		save(t, s, "a", []tail.Position{position(1)})
		save(t, s, "b", []tail.Position{position(1), position(3)})
		save(t, s, "a", nil, 1)
		want(t, s, "a")
		want(t, s, "b", position(1), position(3))
	}},
	{"what is gone is forgotten", func(t *testing.T, s tail.Store) {
		save(t, s, "a", []tail.Position{position(1), position(2), position(3)})
		save(t, s, "a", []tail.Position{position(4)}, 1, 3, 99)
		want(t, s, "a", position(2), position(4))
	}},
	{"names of files may be anything", func(t *testing.T, s tail.Store) {
		odd := position(1)
		odd.Path = "a'b\"; DROP TABLE x; \xff\n"
		save(t, s, "o'log", []tail.Position{odd})
		want(t, s, "o'log", odd)
	}},
}

func position(id int64) tail.Position {
	return tail.Position{ID: id, Path: "access.log", Device: 8, Inode: 4711, HeadSize: 3, Offset: 12 * id, At: time.UnixMilli(1_795_468_922_123).UTC()}
}

func save(t *testing.T, s tail.Store, log string, changed []tail.Position, gone ...int64) {
	t.Helper()
	if err := s.SavePositions(t.Context(), log, changed, gone); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, s tail.Store, log string, want ...tail.Position) {
	t.Helper()
	got, err := s.Positions(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("positions of %s (-want +got):\n%s", log, diff)
	}
}
