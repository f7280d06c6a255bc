package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/access/accesstest"
	"lapwing.dev/lapwing/internal/fault"
)

func (h *house) token(t *testing.T, name string, expires time.Time, scopes ...access.Scope) string {
	t.Helper()
	_, text, err := h.CreateToken(t.Context(), name, scopes, expires, "admin")
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal()
}

// identify is who comes with the Authorization header.
func (h *house) identify(authorization string) (access.Identity, error) {
	r := request("GET", "/api/v1/checks")
	r.RemoteAddr = "192.0.2.7:5"
	r.Header.Set("Authorization", authorization)
	return h.Identify(r)
}

func TestATokenSpeaksForItsScopes(t *testing.T) {
	for _, set := range []string{"no password", "a password"} {
		t.Run("with "+set, func(t *testing.T) {
			h := newHouse(t)
			if set == "a password" {
				h.withPassword(t)
			}
			id, err := h.identify("bearer  " + h.token(t, "ci", time.Time{}, access.Write))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(access.Identity{Name: "ci", Kind: access.KindToken, Scopes: []access.Scope{access.Write}}, id); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScopesIncludeEachOther(t *testing.T) {
	tests := []struct {
		held                       access.Scope
		ingest, read, write, admin bool
	}{
		{access.Ingest, true, false, false, false},
		{access.Read, false, true, false, false},
		{access.Write, true, true, true, false},
		{access.Admin, true, true, true, true},
		{"root", false, false, false, false},
		{"", false, false, false, false},
	}
	for _, test := range tests {
		id := access.Identity{Scopes: []access.Scope{test.held}}
		got := []bool{id.Can(access.Ingest), id.Can(access.Read), id.Can(access.Write), id.Can(access.Admin)}
		if diff := cmp.Diff([]bool{test.ingest, test.read, test.write, test.admin}, got); diff != "" {
			t.Errorf("who holds %q can ingest, read, write, admin (-want +got):\n%s", test.held, diff)
		}
		if id.Can("root") || id.Can("") {
			t.Errorf("who holds %q can do what does not exist", test.held)
		}
	}
}

func TestBadTokensAreRefused(t *testing.T) {
	h := newHouse(t)
	good := h.token(t, "ci", time.Time{}, access.Read)
	other := h.token(t, "other", time.Time{}, access.Admin)
	cut := strings.LastIndex(good, "_")
	tests := []struct{ name, text string }{
		{"nothing", ""},
		{"another product's", "ghp_0123456789"},
		{"half of one", good[:cut]},
		{"one letter less", good[:len(good)-1]},
		{"one letter more", good + "a"},
		{"a wrong secret", good[:cut+1] + strings.Repeat("a", len(good)-cut-1)},
		{"an id with another's secret", good[:cut] + other[strings.LastIndex(other, "_"):]},
		{"an unknown id", "lw_aaaaaaaa" + good[cut:]},
		{"upper case", strings.ToUpper(good)},
		{"hostile bytes", "lw_\x00'; --_" + strings.Repeat("\xff", 60)},
		{"endless", "lw_" + strings.Repeat("a", 1<<16)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			id, err := h.identify("Bearer " + test.text)
			if id.Known() || fault.KindOf(err) != fault.KindUnauthentic {
				t.Errorf("identity %+v, error %v; want it refused", id, err)
			}
			if test.text != "" && strings.Contains(err.Error(), test.text) {
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
	t.Run("on this machine, where no password is set", func(t *testing.T) {
		r := request("GET", "/")
		r.Header.Set("Authorization", "Bearer lw_wrong")
		if id, err := h.Identify(r); err == nil || id.Known() {
			t.Errorf("a wrong token counts for nothing and so as a local client: %+v", id)
		}
	})
}

func TestATokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		text := h.token(t, "ci", time.Now().Add(time.Hour), access.Read)
		if _, err := h.identify("Bearer " + text); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if id, err := h.identify("Bearer " + text); id.Known() || !strings.Contains(err.Error(), `"ci" expired at`) {
			t.Errorf("after its expiry: %+v, %v", id, err)
		}
		if has, err := h.HasCredential(t.Context()); has || err != nil {
			t.Errorf("an expired token counts as a credential: %v, %v", has, err)
		}
	})
}

func TestARevokedTokenEndsAtOnce(t *testing.T) {
	h := newHouse(t)
	text := h.token(t, "ci", time.Time{}, access.Read)
	if has, err := h.HasCredential(t.Context()); !has || err != nil {
		t.Errorf("a token is no credential: %v, %v", has, err)
	}
	tokens, err := h.Tokens(t.Context())
	if err != nil || len(tokens) != 1 {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	if err := h.RevokeToken(t.Context(), tokens[0].ID, "admin"); err != nil {
		t.Fatal(err)
	}
	if id, err := h.identify("Bearer " + text); id.Known() || err == nil {
		t.Errorf("after its end: %+v", id)
	}
	if err := h.RevokeToken(t.Context(), tokens[0].ID, "admin"); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestTheLastUseOfATokenIsSeldomWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		text := h.token(t, "ci", time.Time{}, access.Read)
		lastUse := func() time.Time {
			t.Helper()
			if _, err := h.identify("Bearer " + text); err != nil {
				t.Fatal(err)
			}
			tokens, err := h.Tokens(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return tokens[0].LastUsed
		}
		first := lastUse()
		if first.IsZero() {
			t.Fatal("the use is not written")
		}
		time.Sleep(59 * time.Second)
		if !lastUse().Equal(first) {
			t.Error("written twice within a minute")
		}
		time.Sleep(time.Second)
		if !lastUse().After(first) {
			t.Error("not written after a minute")
		}
	})
}

func TestWhatIsKeptOfATokenIsNotItsSecret(t *testing.T) {
	h := newHouse(t)
	token, text, err := h.CreateToken(t.Context(), "ci", []access.Scope{access.Read}, time.Time{}, "admin")
	if err != nil {
		t.Fatal(err)
	}
	half := text.Reveal()[len("lw_")+len(token.ID)+1:]
	tokens, err := h.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kept := fmt.Sprintf("%+v %s", tokens, tokens[0].Hash); strings.Contains(kept, half) {
		t.Error("the secret is in the store")
	}
	if strings.Contains(h.log.String(), half) {
		t.Error("the secret is in the log")
	}
}

func TestTokensThatCannotBeMade(t *testing.T) {
	tests := []struct {
		name    string
		token   string
		scopes  []access.Scope
		expires time.Time
		want    fault.Kind
	}{
		{"no name", " ", []access.Scope{access.Read}, time.Time{}, fault.KindInvalid},
		{"two lines", "a\nb", []access.Scope{access.Read}, time.Time{}, fault.KindInvalid},
		{"a long name", strings.Repeat("x", 65), []access.Scope{access.Read}, time.Time{}, fault.KindInvalid},
		{"not UTF-8", "\xff", []access.Scope{access.Read}, time.Time{}, fault.KindInvalid},
		{"no scope", "x", nil, time.Time{}, fault.KindInvalid},
		{"in the past", "x", []access.Scope{access.Read}, time.Unix(1, 0), fault.KindInvalid},
		{"a name twice", "taken", []access.Scope{access.Read}, time.Time{}, fault.KindConflict},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			h.token(t, "taken", time.Time{}, access.Read)
			_, text, err := h.CreateToken(t.Context(), test.token, test.scopes, test.expires, "admin")
			if fault.KindOf(err) != test.want || !text.IsZero() {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestTokensAreBounded(t *testing.T) {
	h := newHouse(t)
	for i := range 200 {
		h.token(t, fmt.Sprint("token-", i), time.Time{}, access.Read)
	}
	_, _, err := h.CreateToken(t.Context(), "one more", []access.Scope{access.Read}, time.Time{}, "admin")
	if fault.KindOf(err) != fault.KindConflict {
		t.Errorf("error %v, want a conflict", err)
	}
}

func TestParseScopes(t *testing.T) {
	got, err := access.ParseScopes([]string{"read", "write", "read"})
	if diff := cmp.Diff([]access.Scope{access.Read, access.Write}, got); diff != "" || err != nil {
		t.Errorf("scopes, %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range [][]string{nil, {"root"}, {"read", ""}, {"Read"}} {
		if _, err := access.ParseScopes(bad); fault.KindOf(err) != fault.KindInvalid {
			t.Errorf("%q: error %v, want it refused", bad, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	h := access.New(access.Deps{Store: accesstest.NewMemory(), Log: newLog()})
	_, text, err := h.CreateToken(f.Context(), "ci", []access.Scope{access.Read}, time.Time{}, "")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{text.Reveal(), "", "lw_", "lw__", "lw_aaaaaaaa_", "Bearer lw_a_b", "lw_aaaaaaaa_" + strings.Repeat("9", 52)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, half, err := access.ParseToken(text)
		if err != nil {
			var fe *fault.Error
			if !errors.As(err, &fe) || fe.Kind != fault.KindUnauthentic {
				t.Fatalf("%q: error %v, want unauthentic", text, err)
			}
			return
		}
		if got := "lw_" + id + "_" + half.Reveal(); got != text {
			t.Errorf("%q reads as %q", text, got)
		}
	})
}
