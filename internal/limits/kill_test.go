package limits

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/middleware/limit"
)

const countInEnv = "LAPWING_TEST_COUNT_IN"

const killedQuota = 1_000_000

func quotaConfig() Config {
	return Config{Limits: []Limit{{Name: "per-client", Quota: Quota{{Count: killedQuota, Period: limit.Month}}}}}
}

// openQuotaManager is a manager over a data folder, with its quotas loaded.
func openQuotaManager(ctx context.Context, dir string) (m *Manager, rules *limit.Rules, db *state.DB, err error) {
	log := slog.New(slog.DiscardHandler)
	if db, err = state.Open(ctx, dir, log); err != nil {
		return nil, nil, nil, err
	}
	m = New(Deps{Log: log, Store: db.Quotas(), Secret: [16]byte{1}})
	set, commit, err := m.Prepare(quotaConfig(), dir)
	if err != nil {
		return nil, nil, nil, err
	}
	commit()
	if err := m.Load(ctx); err != nil {
		return nil, nil, nil, err
	}
	rules, err = set.Rules([]string{"per-client"})
	return m, rules, db, err
}

// ask makes one request and returns what is left of the quota.
func ask(rules *limit.Rules) (int64, error) {
	var d limit.Decision
	rules.Decide(context.Background(), &limit.Request{Client: netip.MustParseAddr("203.0.113.7")}, &d)
	if d.Verdict != limit.Allow || d.N != 1 {
		return 0, fmt.Errorf("verdict %s with %d states", d.Verdict, d.N)
	}
	d.Done(limit.Feedback{Status: 200})
	return d.States[0].Remaining, nil
}

// countForever makes requests and says on out how many it has made. It ends
// only by being killed, or with its parent.
func countForever(dir string, out io.Writer) error {
	ctx := context.Background()
	m, rules, _, err := openQuotaManager(ctx, dir)
	if err != nil {
		return err
	}
	go func() { _ = m.Run(ctx) }()
	for n := 1; ; n++ {
		if _, err := ask(rules); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, n); err != nil {
			return err // the parent is gone
		}
		time.Sleep(500 * time.Microsecond)
	}
}

func TestAKilledServerForgetsNoQuota(t *testing.T) {
	dir := t.TempDir()
	counted := int64(0)
	for range 3 {
		counted += countAndKill(t, dir, 800)
	}
	_, rules, db, err := openQuotaManager(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	left, err := ask(rules)
	if err != nil {
		t.Fatal(err)
	}
	used := killedQuota - left - 1
	// What is stored runs ahead of what is used by a block of 1000 at most, and
	// behind it by what came while it was written: some dozens here.
	if used < counted-3*400 || used > counted+3*1100 {
		t.Errorf("%d are used after three kills, %d were counted", used, counted)
	}
	t.Logf("%d were counted, %d are used after three kills", counted, used)
}

// countAndKill lets a child make that many requests, kills it in the middle of
// whatever it does, and returns how many it has made.
func countAndKill(t *testing.T, dir string, requests int) (counted int64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), countInEnv+"="+dir)
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
		if counted, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if i == requests {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var ended *exec.ExitError
	if err := child.Wait(); !errors.As(err, &ended) || complaint.Len() > 0 {
		t.Fatalf("the child ended by itself: %v %s", err, complaint.String())
	}
	return counted
}
