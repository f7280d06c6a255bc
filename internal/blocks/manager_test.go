package blocks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/middleware/block"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func targetOf(t testing.TB, text string) block.Target {
	t.Helper()
	target, err := block.ParseTarget(text)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// manager is one with a configuration in force.
func manager(t testing.TB, c blocks.Config, d blocks.Deps, protected ...netip.Prefix) *blocks.Manager {
	t.Helper()
	d.Log = slog.New(slog.DiscardHandler)
	m := blocks.New(d)
	configure(t, m, c, protected...)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func configure(t testing.TB, m *blocks.Manager, c blocks.Config, protected ...netip.Prefix) {
	t.Helper()
	commit, err := m.Prepare(c, protected)
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

// run runs a manager until the test ends. In a bubble of synctest.
func run(t *testing.T, m *blocks.Manager) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(ctx); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func add(t testing.TB, m *blocks.Manager, spec blocks.Spec) block.Entry {
	t.Helper()
	e, err := m.Add(context.Background(), spec, "anna")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func wantBlocked(t testing.TB, m *blocks.Manager, text, key string, want bool) {
	t.Helper()
	if _, hit := m.Blocked(addr(text), key); hit != want {
		t.Errorf("%s %s is blocked: %v, want %v", text, key, hit, want)
	}
}

func history(t testing.TB, m *blocks.Manager) (lines []string) {
	t.Helper()
	changes, err := m.History(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Backward(changes) {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Target, c.Action, c.By)))
	}
	return lines
}

// memory is a store in memory.
func memory(t testing.TB) blocks.Store {
	t.Helper()
	return stored(t, state.Memory)
}

func stored(t testing.TB, dir string) blocks.Store {
	t.Helper()
	db, err := state.Open(context.Background(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db.Blocks()
}

// metric is what a metric says: labels and values, in order.
func metric(t testing.TB, m *blocks.Manager, name string) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, one := range family.GetMetric() {
			var labels []string
			for _, pair := range one.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
			}
			value := one.GetCounter().GetValue() + one.GetGauge().GetValue()
			values = append(values, strings.TrimSpace(fmt.Sprintf("{%s} %v", strings.Join(labels, ","), value)))
		}
	}
	return strings.TrimPrefix(strings.Join(values, " "), "{} ")
}

func TestABlockHoldsUntilItsTime(t *testing.T) {
	s := memory(t)
	synctest.Test(t, func(t *testing.T) {
		m := manager(t, blocks.Config{}, blocks.Deps{Store: s})
		defer run(t, m)()
		e := add(t, m, blocks.Spec{Target: "203.0.113.0/24", Reason: "scans", For: time.Hour})
		if got := e.Expires.Sub(e.Created); got != time.Hour || e.Author != "anna" || e.Reason != "scans" {
			t.Errorf("got %+v", e)
		}
		add(t, m, blocks.Spec{Target: "key:old-partner"})
		time.Sleep(time.Hour - time.Second)
		wantBlocked(t, m, "203.0.113.7", "", true)
		wantBlocked(t, m, "198.51.100.1", "key:old-partner", true)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantBlocked(t, m, "203.0.113.7", "", false)
		wantBlocked(t, m, "198.51.100.1", "key:old-partner", true)
		want := []string{"203.0.113.0/24 added anna", "key:old-partner added anna", "203.0.113.0/24 expired"}
		if diff := cmp.Diff(want, history(t, m)); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if kept, err := s.Blocks(t.Context()); err != nil || len(kept) != 1 {
			t.Errorf("the store has %v, %v", kept, err)
		}
	})
}

func TestABlockIsRemovedByItsIDOrItsTarget(t *testing.T) {
	m := manager(t, blocks.Config{}, blocks.Deps{Store: memory(t)})
	byID, byTarget := add(t, m, blocks.Spec{Target: "203.0.113.7"}), add(t, m, blocks.Spec{Target: "2001:db8::/64"})
	for _, id := range []string{byID.ID, "2001:DB8::/64"} {
		if err := m.Remove(t.Context(), id, "bob"); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{byID.ID, byTarget.ID, "203.0.113.7", "", "nonsense"} {
		if err := m.Remove(t.Context(), id, "bob"); fault.KindOf(err) != fault.KindNotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
	want := []string{"203.0.113.7 added anna", "2001:db8::/64 added anna", "203.0.113.7 removed bob", "2001:db8::/64 removed bob"}
	if diff := cmp.Diff(want, history(t, m)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	wantBlocked(t, m, "203.0.113.7", "", false)
	if len(m.List()) != 0 {
		t.Errorf("left: %v", m.List())
	}
}

func TestTheSameTargetAgainChangesItsBlock(t *testing.T) {
	m := manager(t, blocks.Config{}, blocks.Deps{Store: memory(t)})
	first := add(t, m, blocks.Spec{Target: "203.0.113.7", For: time.Hour})
	again := add(t, m, blocks.Spec{Target: "203.0.113.7/32", Reason: "for good"})
	if again.ID != first.ID || !again.Created.After(first.Created) || !again.Expires.IsZero() {
		t.Errorf("%+v became %+v", first, again)
	}
	if list := m.List(); len(list) != 1 || list[0].Reason != "for good" {
		t.Errorf("got %+v", list)
	}
	if got := history(t, m); got[1] != "203.0.113.7 changed anna" {
		t.Errorf("history %q", got)
	}
}

func TestWhatCannotBeBlocked(t *testing.T) {
	c := blocks.Config{Allow: []block.Target{targetOf(t, "10.0.0.0/8"), targetOf(t, "key:internal")}}
	m := manager(t, c, blocks.Deps{}, netip.MustParsePrefix("192.0.2.1/32"))
	for _, test := range []struct {
		target string
		last   time.Duration
		want   fault.Kind
	}{
		{"everybody", 0, fault.KindInvalid},
		{"0.0.0.0/0", 0, fault.KindInvalid},
		{"203.0.113.7", -time.Second, fault.KindInvalid},
		{"127.0.0.1", 0, fault.KindConflict},
		{"127.1.0.0/16", 0, fault.KindConflict},
		{"::1", 0, fault.KindConflict},
		{"::ffff:127.0.0.1", 0, fault.KindConflict},
		{"10.1.2.3", 0, fault.KindConflict},
		{"192.0.2.1", 0, fault.KindConflict},
		{"key:internal", 0, fault.KindConflict},
	} {
		if _, err := m.Add(t.Context(), blocks.Spec{Target: test.target, For: test.last}, "anna"); fault.KindOf(err) != test.want {
			t.Errorf("%s for %s: %v", test.target, test.last, err)
		}
	}
	if len(m.List()) != 0 {
		t.Errorf("blocked all the same: %v", m.List())
	}
}

func TestTheAllowListAlwaysWins(t *testing.T) {
	m := manager(t, blocks.Config{}, blocks.Deps{}, netip.MustParsePrefix("192.0.2.1/32"))
	add(t, m, blocks.Spec{Target: "192.0.0.0/16"})
	add(t, m, blocks.Spec{Target: "key:mobile-app"})
	wantBlocked(t, m, "192.0.2.2", "", true)
	wantBlocked(t, m, "192.0.2.1", "", false)
	wantBlocked(t, m, "203.0.113.7", "key:mobile-app", true)
	wantBlocked(t, m, "127.0.0.1", "key:mobile-app", false)
	// Whoever is put on the list by a reload comes in at once, and back out after the next.
	configure(t, m, blocks.Config{Allow: []block.Target{targetOf(t, "192.0.2.0/24"), targetOf(t, "key:mobile-app")}})
	wantBlocked(t, m, "192.0.2.2", "", false)
	wantBlocked(t, m, "203.0.113.7", "key:mobile-app", false)
	configure(t, m, blocks.Config{})
	wantBlocked(t, m, "192.0.2.2", "", true)
	wantBlocked(t, m, "192.0.2.1", "", true)
}

func TestAShadowIsCountedOnly(t *testing.T) {
	m := manager(t, blocks.Config{}, blocks.Deps{})
	add(t, m, blocks.Spec{Target: "203.0.113.7", Shadow: true})
	if e, hit := m.Blocked(addr("203.0.113.7"), ""); !hit || !e.Shadow {
		t.Errorf("got %+v, %v", e, hit)
	}
	add(t, m, blocks.Spec{Target: "203.0.113.0/24"})
	if e, hit := m.Blocked(addr("203.0.113.7"), ""); !hit || e.Shadow {
		t.Errorf("got %+v, %v", e, hit)
	}
	if got := metric(t, m, "lapwing_block_matches_total"); got != `{mode="enforced"} 1 {mode="shadow"} 1` {
		t.Errorf("counted %s", got)
	}
}

func TestBlocksSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	var first, second block.Entry
	t.Run("before", func(t *testing.T) {
		m := manager(t, blocks.Config{}, blocks.Deps{Store: stored(t, dir)})
		first = add(t, m, blocks.Spec{Target: "2001:db8::/48", Reason: "scans", For: time.Hour})
		second = add(t, m, blocks.Spec{Target: "sub:4711", Shadow: true})
		add(t, m, blocks.Spec{Target: "203.0.113.7", For: time.Millisecond})
		time.Sleep(2 * time.Millisecond) // that one ends while nobody looks
	})
	t.Run("after", func(t *testing.T) {
		m := manager(t, blocks.Config{}, blocks.Deps{Store: stored(t, dir)})
		got := map[string]block.Entry{}
		for _, e := range m.List() {
			got[e.ID] = e
		}
		byTarget := cmp.Comparer(func(a, b block.Target) bool { return a == b })
		if diff := cmp.Diff(map[string]block.Entry{first.ID: first, second.ID: second}, got, byTarget); diff != "" {
			t.Errorf("blocks (-want +got):\n%s", diff)
		}
		wantBlocked(t, m, "2001:db8::7", "", true)
	})
}

// disk is a store whose disk may be full.
type disk struct {
	blocks.Store
	full atomic.Bool
}

func (d *disk) Write(ctx context.Context, edits []blocks.Edit) error {
	if d.full.Load() {
		return errors.New("no space left on device")
	}
	return d.Store.Write(ctx, edits)
}

func TestWhatCouldNotBeStoredIsNotAcknowledged(t *testing.T) {
	s := &disk{Store: memory(t)}
	m := manager(t, blocks.Config{}, blocks.Deps{Store: s})
	e := add(t, m, blocks.Spec{Target: "203.0.113.7"})
	s.full.Store(true)
	if _, err := m.Add(t.Context(), blocks.Spec{Target: "203.0.113.8"}, "anna"); err == nil {
		t.Error("a block was acknowledged that is not stored")
	}
	if err := m.Remove(t.Context(), e.ID, "anna"); err == nil {
		t.Error("an end was acknowledged that is not stored")
	}
	wantBlocked(t, m, "203.0.113.7", "", true)
	wantBlocked(t, m, "203.0.113.8", "", false)
}

func TestManyBlocksEndAtOnce(t *testing.T) {
	s := memory(t)
	synctest.Test(t, func(t *testing.T) {
		var edits []blocks.Edit
		for n := range 2500 {
			e := block.Entry{ID: fmt.Sprint("a", n), Target: targetOf(t, numbered(n)), Created: time.Now(), Expires: time.Now().Add(time.Minute)}
			edits = append(edits, blocks.Edit{Entry: e, Change: blocks.Change{At: e.Created, Action: blocks.Added, ID: e.ID, Target: e.Target}})
		}
		if err := s.Write(t.Context(), edits); err != nil {
			t.Fatal(err)
		}
		m := manager(t, blocks.Config{}, blocks.Deps{Store: s})
		defer run(t, m)()
		wantBlocked(t, m, numbered(2499), "", true)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if kept, err := s.Blocks(t.Context()); err != nil || len(kept) != 0 || len(m.List()) != 0 {
			t.Errorf("%d are stored, %v; %d are looked at", len(kept), err, len(m.List()))
		}
	})
}

func TestAReasonIsOneLine(t *testing.T) {
	for text, want := range map[string]string{
		" scans\r\nSet-Cookie: x ":       "scans Set-Cookie: x",
		"\x1b[2Jcleared":                 "[2Jcleared",
		"turned \u202egnp.exe":           "turned gnp.exe",
		strings.Repeat("x", 500-1) + "é": strings.Repeat("x", 500-1),
		"日本":                             "日本",
	} {
		if got := blocks.OneLine(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestNothingIsStoredWithoutAStore(t *testing.T) {
	m := manager(t, blocks.Config{}, blocks.Deps{Health: &health.Registry{}})
	e := add(t, m, blocks.Spec{Target: "203.0.113.7"})
	if list, err := m.History(t.Context(), 10); err != nil || list != nil {
		t.Errorf("history %v, %v", list, err)
	}
	entries, allow := m.Everything()
	if len(entries) != 1 || entries[0].ID != e.ID || len(allow) != 2 {
		t.Errorf("everything is %v and %v", entries, allow)
	}
	if _, hit := m.Find(addr("203.0.113.7"), ""); !hit || metric(t, m, "lapwing_block_matches_total") != `{mode="enforced"} 0 {mode="shadow"} 0` {
		t.Error("to look finds nothing, or counts")
	}
}
