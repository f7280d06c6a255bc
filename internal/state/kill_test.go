package state

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

const appenderEnv = "LAPWING_TEST_APPEND_TO"

const (
	killChecks  = 8
	killBatch   = 40 // results
	killedTimes = 5
)

// killLimits make every few batches a piece of a checkpoint, so that kills hit it too.
func killLimits() limits { return limits{journal: 20_000, age: time.Hour, checks: 2, runs: 1 << 20} }

// killedBatch is batch n: what it holds follows from n alone.
func killedBatch(n int) *checks.Batch {
	batch := &checks.Batch{Missed: []checks.Missed{{Check: "check-0", At: time.UnixMilli(int64(n) * 1000), Count: 1}}}
	for i := range killBatch {
		run := checks.RunID(int64(n)*1000 + int64(i))
		status := checks.Status(1 + (n+i)%3)
		batch.Results = append(batch.Results, checks.Result{
			Check: fmt.Sprint("check-", i%killChecks), Run: run, Status: status, State: status, Attempts: []checks.Attempt{
				{Phases: probe.Phases{TTFB: time.Duration(n*i) * time.Microsecond}, Status: status, Code: 200, Size: int64(i), Reason: "because"},
			},
		})
	}
	batch.Transitions = []checks.Transition{{Check: "check-1", At: time.UnixMilli(int64(n) * 1000), Reason: strconv.Itoa(n)}}
	return batch
}

// appendForever continues where the store ends, and says on out which batch is
// acknowledged. It ends only by being killed, or with its parent.
func appendForever(dir string, out io.Writer) error {
	ctx := context.Background()
	db, err := Open(ctx, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	store, err := db.Checks(ctx)
	if err != nil {
		return err
	}
	store.limits = killLimits()
	last, err := store.Transitions(ctx, "check-1", 1)
	if err != nil {
		return err
	}
	n := 0
	if len(last) > 0 {
		if n, err = strconv.Atoi(last[0].Reason); err != nil {
			return err
		}
	}
	for {
		n++
		if err := store.Append(ctx, killedBatch(n)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, n); err != nil {
			return err // the parent is gone
		}
	}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	for round := range killedTimes {
		acknowledged := appendAndKill(t, dir, 60+37*round)
		checkAfterKill(t, dir, acknowledged)
	}
}

// appendAndKill lets a child append that many batches and then some, kills it
// in the middle of whatever it does, and returns the last acknowledged batch.
func appendAndKill(t *testing.T, dir string, batches int) (acknowledged int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), appenderEnv+"="+dir)
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if i == batches {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || complaint.Len() > 0 {
		t.Fatalf("the child ended by itself: %v %s", err, complaint.String())
	}
	return acknowledged
}

func checkAfterKill(t *testing.T, dir string, acknowledged int) {
	t.Helper()
	db, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	store, err := db.Checks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transitions, err := store.Transitions(t.Context(), "check-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	// The batch after the last acknowledged one may be there, whole, or not at all.
	batches := len(transitions)
	if batches != acknowledged && batches != acknowledged+1 {
		t.Fatalf("%d batches are there, %d were acknowledged", batches, acknowledged)
	}
	want := map[string][]checks.Result{}
	counts := map[string]*checks.Rollup{}
	for n := 1; n <= batches; n++ {
		for _, r := range killedBatch(n).Results {
			want[r.Check] = append(want[r.Check], r)
			if counts[r.Check] == nil {
				counts[r.Check] = &checks.Rollup{Start: time.UnixMilli(0).UTC()}
			}
			counts[r.Check].Add(&r)
		}
		counts["check-0"].Missed++
	}
	for id, results := range want {
		slices.Reverse(results) // newest first
		got, err := store.Results(t.Context(), id, time.UnixMilli(0), time.UnixMilli(1<<40), 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(results) {
			t.Fatalf("%s has %d results, want %d", id, len(got), len(results))
		}
		if diff := cmp.Diff(results, got); diff != "" {
			t.Fatalf("results of %s (-want +got)\n%.2000s", id, diff)
		}
		rollups, err := store.Rollups(t.Context(), []string{id}, checks.Daily, time.UnixMilli(0), time.UnixMilli(1<<40))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string][]checks.Rollup{id: {*counts[id]}}, rollups); diff != "" {
			t.Fatalf("roll-ups of %s (-want +got)\n%s", id, diff)
		}
	}
	db.checks = nil // the next round starts from what the kill left
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
