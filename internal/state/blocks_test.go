package state_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/middleware/block"
)

func BenchmarkWriteBlocks(b *testing.B) {
	db, err := state.Open(b.Context(), b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	edits := make([]blocks.Edit, 500)
	for i := range edits {
		target, err := block.ParseTarget(fmt.Sprintf("2001:db8:%x::/64", i))
		if err != nil {
			b.Fatal(err)
		}
		e := block.Entry{ID: fmt.Sprint("a", i), Target: target, Reason: "because", Author: "anna", Created: time.Now()}
		edits[i] = blocks.Edit{Entry: e, Change: blocks.Change{At: e.Created, Action: blocks.Added, ID: e.ID, Target: target, By: "anna"}}
	}
	for b.Loop() {
		if err := db.Blocks().Write(b.Context(), edits); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(edits)), "µs/block")
}
