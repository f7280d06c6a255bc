package blocks_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/state"
)

const blockInEnv = "LAPWING_TEST_BLOCK_IN"

// blockForever blocks one address after another, removes every third again, and
// says on out what it has done. where is the number of the first one and the
// folder. It ends only by being killed, or with its parent.
func blockForever(where string, out io.Writer) error {
	first, dir, _ := strings.Cut(where, " ")
	n, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	db, err := state.Open(ctx, dir, log)
	if err != nil {
		return err
	}
	m := blocks.New(blocks.Deps{Log: log, Store: db.Blocks()})
	if err := m.Load(ctx); err != nil {
		return err
	}
	for ; ; n++ {
		e, err := m.Add(ctx, blocks.Spec{Target: numbered(n)}, "anna")
		if err == nil && n%3 == 2 {
			err = m.Remove(ctx, e.ID, "anna")
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, n); err != nil {
			return err // the parent is gone
		}
	}
}

func numbered(n int) string { return fmt.Sprintf("203.%d.%d.%d", n>>16&255, n>>8&255, n&255) }

func TestAKilledServerForgetsNoBlock(t *testing.T) {
	dir := t.TempDir()
	last := -1
	for range 3 {
		last = blockAndKill(t, dir, last+1)
	}
	log := slog.New(slog.DiscardHandler)
	db, err := state.Open(t.Context(), dir, log)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m := blocks.New(blocks.Deps{Log: log, Store: db.Blocks()})
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range last + 1 {
		if _, hit := m.Find(addr(numbered(n)), ""); hit != (n%3 != 2) {
			t.Fatalf("after the kills %s is blocked: %v; the last that was acknowledged is %s", numbered(n), hit, numbered(last))
		}
	}
}

// blockAndKill lets a child do some hundred things, kills it in the middle of
// whatever it does, and returns the last one that it has acknowledged.
func blockAndKill(t *testing.T, dir string, first int) (last int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", blockInEnv, first, dir))
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
		if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
			t.Fatal(err)
		}
		if i == 100 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var ended *exec.ExitError
	if err := child.Wait(); !errors.As(err, &ended) || complaint.Len() > 0 {
		t.Fatalf("the child ended by itself: %v %s", err, complaint.String())
	}
	return last
}
