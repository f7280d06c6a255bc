package tail_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/ingest/tail"
)

const killedEnv = "LAPWING_TEST_TAIL"

// fileStore keeps positions in a file, replaced as a whole.
type fileStore struct {
	memory
	path string
}

func (s *fileStore) load() error {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &s.logs)
}

func (s *fileStore) SavePositions(ctx context.Context, log string, changed []tail.Position, gone []int64) error {
	if err := s.memory.SavePositions(ctx, log, changed, gone); err != nil {
		return err
	}
	text, err := json.Marshal(s.logs)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(s.path+".new", text, 0o600), os.Rename(s.path+".new", s.path))
}

// printed says every line that was taken.
type printed struct{ out *bufio.Writer }

func (p printed) Line(line string, _ bool) {
	_, _ = fmt.Fprintln(p.out, line)
	_ = p.out.Flush()
}

// readForever is the program that is killed.
func readForever(dir string) int {
	store := &fileStore{path: filepath.Join(dir, "positions")}
	if err := store.load(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	t := tail.New(tail.Options{
		Log: slog.New(slog.DiscardHandler), Path: filepath.Join(dir, "access.log"), Store: store, Backfill: true,
		Lines: func(string) tail.Lines { return printed{bufio.NewWriter(os.Stdout)} },
	})
	if err := t.Run(context.Background()); err != nil {
		return 1
	}
	return 0
}

// TestAKillLosesNothing: lines come again at most, those of the last second or so.
func TestAKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	written := 0
	write := func(n int) {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			written++
			fmt.Fprintf(f, "%d %s\n", written, strings.Repeat("x", 80))
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	came := map[string]int{}
	write(1000)
	for round := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0]) // #nosec G204 -- this test itself
		cmd.Env = append(os.Environ(), killedEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		until := strconv.Itoa(written)
		killed := false
		for lines.Scan() {
			first, _, _ := strings.Cut(lines.Text(), " ")
			came[first]++
			if first == until && !killed {
				switch round {
				case 1:
					if err := os.Rename(log, log+".1"); err != nil {
						t.Fatal(err)
					}
				case 2:
					time.Sleep(1500 * time.Millisecond) // positions are stored meanwhile
				}
				killed = true
				write(500)
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait() // killed
	}
	// The last one reads what is left.
	missing := 0
	for i := 1; i <= written-500; i++ {
		if came[strconv.Itoa(i)] == 0 {
			missing++
		}
		if n := came[strconv.Itoa(i)]; n > 4 {
			t.Errorf("line %d came %d times", i, n)
		}
	}
	if missing > 0 {
		t.Errorf("%d lines of %d are lost", missing, written)
	}
}
