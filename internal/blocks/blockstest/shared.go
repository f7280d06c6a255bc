package blockstest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/middleware/block"
)

// RunShared runs the conformance suite of logs. open returns a new, empty one.
func RunShared(t *testing.T, open func(t *testing.T) blocks.Shared) {
	for _, story := range sharedStories {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

// soon is a time that no log forgets during a test.
var soon = time.Now().UTC().Truncate(time.Millisecond)

var sharedStories = []struct {
	name string
	run  func(*testing.T, blocks.Shared)
}{
	{"nothing was said at first", func(t *testing.T, s blocks.Shared) {
		heard, place := hear(t, s, blocks.Place{})
		wantHeard(t, heard)
		again, same := hear(t, s, place)
		wantHeard(t, again)
		if place.Epoch == "" || same != place {
			t.Errorf("from %+v on to %+v", place, same)
		}
	}},
	{"what was told is heard as it was, once", func(t *testing.T, s blocks.Shared) {
		plain, whole, gone := set("203.0.113.7", "a", 0), set("2001:db8::/64", "b", 1), unset("sub:auth0|47 11", 2)
		whole.Entry.Expires, whole.Entry.Rule, whole.Entry.Shadow = soon.Add(time.Hour), "path-scan", true
		tell(t, s, plain, whole)
		tell(t, s, gone)
		heard, place := hear(t, s, blocks.Place{})
		wantHeard(t, heard, plain, whole, gone)
		heard, place = hear(t, s, place)
		wantHeard(t, heard)
		late := set("203.0.113.8", "c", 3)
		tell(t, s, late)
		heard, _ = hear(t, s, place)
		wantHeard(t, heard, late)
	}},
	{"of one target the later record stays", func(t *testing.T, s blocks.Shared) {
		old, young := set("203.0.113.7", "a", 0), set("203.0.113.7", "b", 1)
		tell(t, s, young)
		tell(t, s, old)
		heard, place := hear(t, s, blocks.Place{})
		wantHeard(t, heard, young)
		tell(t, s, young, old) // again: nothing new
		heard, place = hear(t, s, place)
		wantHeard(t, heard)
		gone := unset("203.0.113.7", 2)
		tell(t, s, gone)
		heard, _ = hear(t, s, place)
		wantHeard(t, heard, gone)
		tell(t, s, young)
		heard, _ = hear(t, s, blocks.Place{})
		wantHeard(t, heard, gone)
	}},
	{"of the same time a removal stays, whichever came first", func(t *testing.T, s blocks.Shared) {
		tell(t, s, set("203.0.113.7", "a", 0), unset("203.0.113.7", 0), set("203.0.113.7", "z", 0))
		heard, _ := hear(t, s, blocks.Place{})
		wantHeard(t, heard, unset("203.0.113.7", 0))
	}},
	{"of two blocks of the same time everybody keeps the same", func(t *testing.T, s blocks.Shared) {
		tell(t, s, set("203.0.113.7", "b", 0), set("203.0.113.7", "a", 0))
		tell(t, s, set("203.0.113.8", "a", 0))
		tell(t, s, set("203.0.113.8", "b", 0))
		heard, _ := hear(t, s, blocks.Place{})
		wantHeard(t, heard, set("203.0.113.7", "b", 0), set("203.0.113.8", "b", 0))
	}},
	{"many records come in pieces", func(t *testing.T, s blocks.Shared) {
		var records []blocks.Record
		for i := range 1700 {
			records = append(records, set(fmt.Sprintf("10.0.%d.%d", i/256, i%256), fmt.Sprint("a", i), i))
		}
		for part := records; len(part) > 0; part = part[min(len(part), 500):] {
			tell(t, s, part[:min(len(part), 500)]...)
		}
		heard, _ := hear(t, s, blocks.Place{})
		wantHeard(t, heard, records...)
	}},
	{"a place of another epoch is the beginning", func(t *testing.T, s blocks.Shared) {
		tell(t, s, set("203.0.113.7", "a", 0))
		heard, place := hear(t, s, blocks.Place{Epoch: "another", Version: 1000})
		wantHeard(t, heard, set("203.0.113.7", "a", 0))
		if place.Epoch == "another" {
			t.Error("the epoch is the place's own")
		}
	}},
	{"hostile texts are only texts", func(t *testing.T, s blocks.Shared) {
		evil := set(`key:"} 1 ' \ 日本`, "a", 0)
		evil.Entry.Reason, evil.Entry.Author = strings.Repeat(`"`, 500), `9999999999999 1 x {}`
		tell(t, s, evil)
		heard, _ := hear(t, s, blocks.Place{})
		wantHeard(t, heard, evil)
	}},
	{"nothing to tell is nothing", func(t *testing.T, s blocks.Shared) {
		tell(t, s)
		heard, _ := hear(t, s, blocks.Place{})
		wantHeard(t, heard)
	}},
}

// set is a block that was set so many milliseconds after the others began.
func set(text, id string, after int) blocks.Record {
	return blocks.Record{Entry: block.Entry{ID: id, Target: target(text), Reason: "because", Author: "anna", Created: soon.Add(time.Duration(after) * time.Millisecond)}}
}

func unset(text string, after int) blocks.Record {
	return blocks.Record{Entry: block.Entry{ID: "r", Target: target(text)}, Removed: soon.Add(time.Duration(after) * time.Millisecond), By: "bob"}
}

func tell(t *testing.T, s blocks.Shared, records ...blocks.Record) {
	t.Helper()
	if err := s.Tell(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, s blocks.Shared, after blocks.Place) (heard []blocks.Record, place blocks.Place) {
	t.Helper()
	for more := true; more; {
		var records []blocks.Record
		var err error
		records, after, more, err = s.Hear(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, records...)
	}
	return heard, after
}

func wantHeard(t *testing.T, got []blocks.Record, want ...blocks.Record) {
	t.Helper()
	byTarget := func(list []blocks.Record) map[string]blocks.Record {
		all := map[string]blocks.Record{}
		for _, r := range list {
			all[r.Entry.Target.String()] = r
		}
		return all
	}
	if len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	if diff := cmp.Diff(byTarget(want), byTarget(got), asTheyAre); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
