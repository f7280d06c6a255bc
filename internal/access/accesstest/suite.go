// Package accesstest holds every implementation of access.Store to its contract.
package accesstest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/fault"
)

// Run runs the conformance suite. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) access.Store) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

var stories = []struct {
	name string
	run  func(*testing.T, access.Store)
}{
	{"no password is set at first", func(t *testing.T, s access.Store) {
		wantHash(t, s, "")
	}},
	{"a new password replaces the old one and ends every session", func(t *testing.T, s access.Store) {
		must(t, s.SetPasswordHash(t.Context(), "$one"))
		must(t, s.AddSession(t.Context(), session("a", noon, noon)))
		must(t, s.SetPasswordHash(t.Context(), "$two"))
		wantHash(t, s, "$two")
		wantNoSession(t, s, "a")
	}},
	{"removing the password ends every session", func(t *testing.T, s access.Store) {
		must(t, s.SetPasswordHash(t.Context(), "$one"))
		must(t, s.AddSession(t.Context(), session("a", noon, noon)))
		must(t, s.SetPasswordHash(t.Context(), ""))
		wantHash(t, s, "")
		wantNoSession(t, s, "a")
	}},
	{"a session comes back as it was kept", func(t *testing.T, s access.Store) {
		want := session("a", noon, noon.Add(1234*time.Millisecond))
		must(t, s.AddSession(t.Context(), want))
		must(t, s.AddSession(t.Context(), session("b", noon, noon)))
		wantSession(t, s, want)
	}},
	{"a session that is not there is not found", func(t *testing.T, s access.Store) {
		wantNoSession(t, s, "nobody")
	}},
	{"the last use of a session only moves forward", func(t *testing.T, s access.Store) {
		want := session("a", noon, noon)
		must(t, s.AddSession(t.Context(), want))
		must(t, s.TouchSession(t.Context(), want.ID, noon.Add(time.Hour)))
		must(t, s.TouchSession(t.Context(), want.ID, noon.Add(time.Minute)))
		want.Seen = noon.Add(time.Hour)
		wantSession(t, s, want)
		must(t, s.TouchSession(t.Context(), id("nobody"), noon))
		wantNoSession(t, s, "nobody")
	}},
	{"a removed session is gone, and removing it again is no error", func(t *testing.T, s access.Store) {
		must(t, s.AddSession(t.Context(), session("a", noon, noon)))
		must(t, s.RemoveSession(t.Context(), id("a")))
		must(t, s.RemoveSession(t.Context(), id("a")))
		wantNoSession(t, s, "a")
	}},
	{"ended sessions are pruned, by age and by idleness", func(t *testing.T, s access.Store) {
		must(t, s.AddSession(t.Context(), session("old", noon.Add(-time.Hour), noon)))
		must(t, s.AddSession(t.Context(), session("idle", noon, noon.Add(-time.Minute))))
		live := session("live", noon, noon)
		must(t, s.AddSession(t.Context(), live))
		must(t, s.PruneSessions(t.Context(), noon, noon))
		wantNoSession(t, s, "old")
		wantNoSession(t, s, "idle")
		wantSession(t, s, live)
	}},
	{"a token comes back as it was kept", func(t *testing.T, s access.Store) {
		want := token("aa", "grafana")
		want.Scopes = []access.Scope{access.Read, access.Write}
		want.Expires = noon.Add(24 * time.Hour)
		must(t, s.AddToken(t.Context(), want))
		wantToken(t, s, want)
	}},
	{"a token that never expires and was never used keeps its zero times", func(t *testing.T, s access.Store) {
		must(t, s.AddToken(t.Context(), token("aa", "ci")))
		got, err := s.Token(t.Context(), "aa")
		must(t, err)
		if !got.Expires.IsZero() || !got.LastUsed.IsZero() {
			t.Errorf("expires %v, last used %v; want zero times", got.Expires, got.LastUsed)
		}
	}},
	{"a token that is not there is not found", func(t *testing.T, s access.Store) {
		_, err := s.Token(t.Context(), "nobody")
		wantKind(t, err, fault.KindNotFound)
		wantKind(t, s.RemoveToken(t.Context(), "nobody"), fault.KindNotFound)
	}},
	{"neither the id nor the name of a token is given twice", func(t *testing.T, s access.Store) {
		first := token("aa", "ci")
		must(t, s.AddToken(t.Context(), first))
		wantKind(t, s.AddToken(t.Context(), token("bb", "ci")), fault.KindConflict)
		wantKind(t, s.AddToken(t.Context(), token("aa", "other")), fault.KindConflict)
		wantTokens(t, s, first)
	}},
	{"tokens are listed by name", func(t *testing.T, s access.Store) {
		b, a := token("aa", "b"), token("bb", "a")
		must(t, s.AddToken(t.Context(), b))
		must(t, s.AddToken(t.Context(), a))
		wantTokens(t, s, a, b)
	}},
	{"the last use of a token only moves forward", func(t *testing.T, s access.Store) {
		want := token("aa", "ci")
		must(t, s.AddToken(t.Context(), want))
		must(t, s.TouchToken(t.Context(), "aa", noon.Add(time.Hour)))
		must(t, s.TouchToken(t.Context(), "aa", noon))
		want.LastUsed = noon.Add(time.Hour)
		wantToken(t, s, want)
		must(t, s.TouchToken(t.Context(), "nobody", noon))
	}},
	{"a revoked token is gone and its name is free", func(t *testing.T, s access.Store) {
		must(t, s.AddToken(t.Context(), token("aa", "ci")))
		must(t, s.RemoveToken(t.Context(), "aa"))
		wantTokens(t, s)
		must(t, s.AddToken(t.Context(), token("bb", "ci")))
	}},
	{"hostile names are only text", func(t *testing.T, s access.Store) {
		want := token("aa", `x'); DROP TABLE tokens; -- "日本"`)
		want.CreatedBy = `'"%`
		must(t, s.AddToken(t.Context(), want))
		wantTokens(t, s, want)
	}},
	{"many callers at once", func(t *testing.T, s access.Store) {
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				name := fmt.Sprint("token-", i)
				if err := s.AddToken(t.Context(), token(name, name)); err != nil {
					t.Errorf("add %s: %v", name, err)
				}
				if err := s.AddSession(t.Context(), session(name, noon, noon)); err != nil {
					t.Errorf("add session %s: %v", name, err)
				}
				if _, err := s.Token(t.Context(), name); err != nil {
					t.Errorf("read %s: %v", name, err)
				}
			})
		}
		group.Wait()
		tokens, err := s.Tokens(t.Context())
		must(t, err)
		if len(tokens) != 8 {
			t.Errorf("%d tokens, want 8", len(tokens))
		}
	}},
	{"an ended context is an error", func(t *testing.T, s access.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.AddToken(ctx, token("aa", "ci")); err == nil {
			t.Error("added a token for a caller that had gone")
		}
	}},
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, int(7*time.Millisecond), time.UTC)

func id(name string) access.SessionID { return sha256.Sum256([]byte(name)) }

func session(name string, created, seen time.Time) access.Session {
	return access.Session{ID: id(name), Password: "print-of-" + name, Created: created, Seen: seen}
}

func token(id, name string) access.Token {
	return access.Token{
		ID: id, Name: name, Scopes: []access.Scope{access.Read}, Hash: sha256.Sum256([]byte(id)),
		Created: noon, CreatedBy: "admin",
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if got := fault.KindOf(err); got != want {
		t.Errorf("error %v has kind %q, want %q", err, got, want)
	}
}

func wantHash(t *testing.T, s access.Store, want string) {
	t.Helper()
	got, err := s.PasswordHash(t.Context())
	must(t, err)
	if got != want {
		t.Errorf("password hash %q, want %q", got, want)
	}
}

func wantSession(t *testing.T, s access.Store, want access.Session) {
	t.Helper()
	got, err := s.Session(t.Context(), want.ID)
	must(t, err)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
}

func wantNoSession(t *testing.T, s access.Store, name string) {
	t.Helper()
	_, err := s.Session(t.Context(), id(name))
	wantKind(t, err, fault.KindNotFound)
}

func wantToken(t *testing.T, s access.Store, want access.Token) {
	t.Helper()
	got, err := s.Token(t.Context(), want.ID)
	must(t, err)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
}

func wantTokens(t *testing.T, s access.Store, want ...access.Token) {
	t.Helper()
	got, err := s.Tokens(t.Context())
	must(t, err)
	slices.SortFunc(want, func(a, b access.Token) int { return cmp.Compare(a.Name, b.Name) })
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}
