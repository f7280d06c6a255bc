// Package storetest holds every implementation of checks.Store to its contract.
// The stories read like the contract; a reference that keeps everything in
// plain lists says what a store must answer.
package storetest

import (
	"testing"

	"lapwing.dev/lapwing/internal/checks"
)

// Backend is one place where a store keeps its data. At most one store is open
// on it at a time.
type Backend interface {
	// Open opens the store on whatever the place holds; the first time that is nothing.
	Open(t *testing.T) checks.Store
	// Close closes the open store in good order.
	Close(t *testing.T)
	// Kill lets go of the open store as a kill -9 would: nothing is finished,
	// only what was acknowledged is there for the next Open.
	Kill(t *testing.T)
	// Durable is false for a store that forgets everything when it is closed;
	// the stories about restarts are then skipped.
	Durable() bool
}

// Run runs all stories, each on a place of its own. The place is closed by start's t.Cleanup.
func Run(t *testing.T, start func(t *testing.T) Backend) {
	for _, story := range []struct {
		name     string
		restarts bool
		tell     func(h *house)
	}{
		{"a new store is empty", false, newStoreIsEmpty},
		{"what was appended is there at once", false, appendedIsVisible},
		{"results are read by time, newest first, up to a limit", false, resultsByTime},
		{"durations are kept to the microsecond", false, microseconds},
		{"every attempt is kept", false, attemptsAreKept},
		{"a refused batch leaves nothing and may be tried again", false, refusedBatch},
		{"a result without an attempt is refused", false, resultWithoutAttempt},
		{"a batch may be reused", false, batchIsNotRetained},
		{"the clock jumps back and forth", false, clockJumps},
		{"missed runs are counted by hour and day", false, missedRuns},
		{"roll-ups of many checks, and of some that do not exist", false, manyRollups},
		{"transitions of one check and of all, newest first", false, transitions},
		{"a check is paused and resumed", false, pauseAndResume},
		{"evidence is kept and found", false, evidenceIsKept},
		{"evidence beyond reason is shortened", false, largeEvidence},
		{"old history is removed, the rest stays", false, pruning},
		{"pruning keeps how the present outage began", false, pruningAnOutage},
		{"pruning can be stopped", false, pruningStops},
		{"retention of zero keeps everything", false, pruningNothing},
		{"readers see whole batches while others are appended", false, readersWhileAppending},
		{"everything survives a restart", true, restart},
		{"everything acknowledged survives a kill", true, kill},
		{"a pause survives a kill", true, pauseAndKill},
		{"a long life with restarts and kills", true, longLife},
	} {
		t.Run(story.name, func(t *testing.T) {
			place := start(t)
			if story.restarts && !place.Durable() {
				t.Skip("this store forgets everything when it is closed")
			}
			story.tell(&house{t: t, place: place, store: place.Open(t), reference: newReference()})
		})
	}
}

// house is what a story is told in: a store, and the reference beside it.
type house struct {
	t     *testing.T
	place Backend
	store checks.Store
	*reference
}

// append gives a batch to both.
func (h *house) append(batch *checks.Batch) {
	h.t.Helper()
	if err := h.store.Append(h.t.Context(), batch); err != nil {
		h.t.Fatalf("append: %v", err)
	}
	h.reference.append(batch)
}

func (h *house) setPaused(t checks.Transition, paused bool) {
	h.t.Helper()
	if err := h.store.SetPaused(h.t.Context(), t, paused); err != nil {
		h.t.Fatalf("pause: %v", err)
	}
	h.reference.setPaused(t, paused)
}

func (h *house) restart() {
	h.t.Helper()
	h.place.Close(h.t)
	h.store = h.place.Open(h.t)
}

func (h *house) kill() {
	h.t.Helper()
	h.place.Kill(h.t)
	h.store = h.place.Open(h.t)
}
