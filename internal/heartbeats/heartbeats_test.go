package heartbeats_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/units"
)

// memory is a store for tests.
type memory map[string]heartbeats.Beat

func (m memory) PutBeats(_ context.Context, beats []heartbeats.Beat) error {
	for _, b := range beats {
		m[b.Name] = b
	}
	return nil
}

func (m memory) DropBeats(_ context.Context, names []string) error {
	for _, name := range names {
		delete(m, name)
	}
	return nil
}

func (m memory) Beats(context.Context) (list []heartbeats.Beat, _ error) {
	for _, b := range m {
		list = append(list, b)
	}
	return list, nil
}

func manager(t *testing.T, store heartbeats.Store, c heartbeats.Config) *heartbeats.Manager {
	t.Helper()
	m := heartbeats.New(heartbeats.Deps{Log: slog.New(slog.DiscardHandler), Store: store})
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit, err := m.Prepare(c)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	if err := m.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func hours(n int) units.Duration { return units.Duration(time.Duration(n) * time.Hour) }

func TestABackupThatDoesNotRunIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory{}
		nightly := heartbeats.Config{{Name: "backup", Every: hours(24), Grace: hours(1)}}
		m := manager(t, store, nightly)
		state := func() heartbeats.State { return m.List()[0].State }
		expect := func(want heartbeats.State) {
			t.Helper()
			if got := state(); got != want {
				t.Errorf("it is %s, want %s", got, want)
			}
		}
		beat := func(ok bool, message string) {
			t.Helper()
			if err := m.Beat(t.Context(), "backup", ok, message, "ci"); err != nil {
				t.Fatal(err)
			}
		}
		expect(heartbeats.Waiting)
		time.Sleep(24*time.Hour + time.Minute)
		expect(heartbeats.Late)
		m = manager(t, store, nightly) // a restart does not begin the wait anew
		expect(heartbeats.Late)
		time.Sleep(time.Hour)
		expect(heartbeats.Missing)
		beat(true, "412 files")
		expect(heartbeats.OK)
		m = manager(t, store, nightly)
		if v := m.List()[0]; v.Message != "412 files" || v.By != "ci" || v.Count != 1 || !v.Due.Equal(time.Now().Add(24*time.Hour)) {
			t.Errorf("after a restart: %+v", v)
		}
		beat(false, "disk full")
		expect(heartbeats.Failed)
		time.Sleep(26 * time.Hour)
		expect(heartbeats.Missing)
		beat(true, strings.Repeat("é", heartbeats.MaxMessage))
		if v := m.List()[0]; len(v.Message) > heartbeats.MaxMessage || strings.Trim(v.Message, "é") != "" {
			t.Errorf("a long message became one of %d bytes", len(v.Message))
		}
		manager(t, store, nil)
		if len(store) != 0 {
			t.Errorf("what is not configured any more is kept: %v", store)
		}
	})
}

func TestAnUnknownJobIsToldWhichThereAre(t *testing.T) {
	m := manager(t, memory{}, heartbeats.Config{{Name: "backup", Every: hours(1)}, {Name: "import", Every: hours(1)}})
	err := m.Beat(t.Context(), "bakup", true, "", "")
	if fault.KindOf(err) != fault.KindNotFound || !strings.Contains(err.Error(), "backup, import") {
		t.Errorf("it was told: %v", err)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	ps := heartbeats.Config{
		{Name: "a/b", Every: hours(1)},
		{Name: "twice", Every: hours(1)},
		{Name: "twice", Every: hours(1)},
		{Name: "never"},
		{Name: "grave", Every: hours(1), Grace: -1, Severity: "urgent"},
	}.Validate()
	var got []string
	for _, p := range ps {
		got = append(got, p.Path)
	}
	want := []string{"[0].name", "[2].name", "[3].every", "[4].grace", "[4].severity"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}
