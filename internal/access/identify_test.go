package access_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/access/accesstest"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

// requestsOfEveryKind has one request for each way to prove an identity, made
// in another house.
func requestsOfEveryKind(t *testing.T) []*http.Request {
	t.Helper()
	other := newHouse(t).withPassword(t)
	_, text, err := other.CreateToken(t.Context(), "ci", []access.Scope{access.Read}, time.Time{}, "admin")
	if err != nil {
		t.Fatal(err)
	}
	token := request("GET", "/")
	token.Header.Set("Authorization", "Bearer "+text.Reveal())
	return []*http.Request{request("GET", "/"), token, withCookie(request("GET", "/"), other.login(t))}
}

func TestALoginOpensASession(t *testing.T) {
	h := newHouse(t).withPassword(t)
	cookie := h.login(t)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Secure {
		t.Errorf("cookie %+v: want HttpOnly, SameSite=Lax, Path=/ and, over plain HTTP, not Secure", cookie)
	}
	id, err := h.Identify(withCookie(request("GET", "/"), cookie))
	if err != nil || id.Name != "admin" || id.Kind != access.KindSession || !id.Can(access.Admin) {
		t.Errorf("identity %+v, %v", id, err)
	}

	w := httptest.NewRecorder()
	if err := h.Logout(w, withCookie(request("POST", "/logout"), cookie)); err != nil {
		t.Fatal(err)
	}
	if gone := onlyCookie(t, w); gone.MaxAge >= 0 {
		t.Errorf("the logout left the cookie %+v", gone)
	}
	if id, err := h.Identify(withCookie(request("GET", "/"), cookie)); err == nil || id.Known() {
		t.Errorf("the session outlived its logout: %+v", id)
	}
}

func TestCookiesAreSecureBehindHTTPS(t *testing.T) {
	h := newHouse(t).withPassword(t)
	h.configure(t, access.Config{SecureCookies: true})
	if cookie := h.login(t); !cookie.Secure {
		t.Error("secure_cookies is set, the cookie is not Secure")
	}
}

func TestASessionCannotBeFixed(t *testing.T) {
	h := newHouse(t).withPassword(t)
	attacker := h.login(t) // a session that the attacker plants in the victim's browser

	w := httptest.NewRecorder()
	if err := h.Login(w, withCookie(request("POST", "/login"), attacker), password); err != nil {
		t.Fatal(err)
	}
	victim := onlyCookie(t, w)
	if victim.Value == attacker.Value {
		t.Fatal("the login adopted the session that the browser came with")
	}
	if id, _ := h.Identify(withCookie(request("GET", "/"), attacker)); id.Known() {
		t.Error("the session that the browser came with outlived the login")
	}

	made := &http.Cookie{Name: access.CookieName, Value: strings.Repeat("A", 43)}
	w = httptest.NewRecorder()
	if err := h.Login(w, withCookie(request("POST", "/login"), made), password); err != nil {
		t.Fatal(err)
	}
	if id, _ := h.Identify(withCookie(request("GET", "/"), made)); id.Known() {
		t.Error("a session with an invented secret is valid")
	}
}

func TestSessionsEnd(t *testing.T) {
	tests := []struct {
		name string
		when func(t *testing.T, h *house, use func())
	}{
		{"after a week without a request", func(_ *testing.T, _ *house, _ func()) {
			time.Sleep(access.SessionIdle)
		}},
		{"after thirty days, however busy", func(_ *testing.T, _ *house, use func()) {
			for range 30 {
				use()
				time.Sleep(24 * time.Hour)
			}
		}},
		{"when the password changes", func(t *testing.T, h *house, _ func()) {
			if err := h.SetPassword(t.Context(), secret.New("another long password")); err != nil {
				t.Fatal(err)
			}
		}},
		{"when the same password is set again", func(t *testing.T, h *house, _ func()) {
			h.withPassword(t)
		}},
		{"when the store forgets to remove them", func(t *testing.T, h *house, _ func()) {
			forgetful := access.New(access.Deps{Store: keepsSessions{h.store}, Log: newLog()})
			if err := forgetful.SetPassword(t.Context(), secret.New("another long password")); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t).withPassword(t)
				cookie := h.login(t)
				use := func() {
					if id, err := h.Identify(withCookie(request("GET", "/"), cookie)); !id.Known() {
						t.Fatalf("ended too early: %v", err)
					}
				}
				use()
				test.when(t, h, use)
				if id, _ := h.Identify(withCookie(request("GET", "/"), cookie)); id.Known() {
					t.Error("the session still holds")
				}
			})
		})
	}
}

// keepsSessions is a store that breaks the contract: a new password leaves the
// sessions where they are.
type keepsSessions struct{ *accesstest.Memory }

func (k keepsSessions) SetPasswordHash(ctx context.Context, encoded string) error {
	sessions := k.Sessions()
	if err := k.Memory.SetPasswordHash(ctx, encoded); err != nil {
		return err
	}
	for _, s := range sessions {
		if err := k.AddSession(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func TestUseKeepsASessionAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t).withPassword(t)
		cookie := h.login(t)
		for range 4 { // 24 days, never a week without a request
			time.Sleep(6 * 24 * time.Hour)
			if id, err := h.Identify(withCookie(request("GET", "/"), cookie)); !id.Known() {
				t.Fatalf("the session ended in use: %v", err)
			}
		}
	})
}

func TestGuessingIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t).withPassword(t)
		from := func(address, password string) error {
			r := request("POST", "/login")
			r.RemoteAddr = address
			return h.Login(httptest.NewRecorder(), r, password)
		}
		for i := range 5 {
			if err := from("192.0.2.1:1", "guess"); fault.KindOf(err) != fault.KindUnauthentic {
				t.Fatalf("guess %d: %v", i, err)
			}
		}
		err := from("192.0.2.1:2", password)
		wait := retryAfter(err)
		if codeOf(err) != "throttled" || wait < time.Second || wait > time.Minute {
			t.Fatalf("after five wrong guesses: %v, retry after %v", err, wait)
		}
		w := httptest.NewRecorder()
		r := request("POST", "/login")
		r.RemoteAddr = "192.0.2.1:3"
		if err := h.Login(w, r, password); err == nil || w.Header().Get("Retry-After") != "20" {
			t.Errorf("%v, header Retry-After %q; want 20", err, w.Header().Get("Retry-After"))
		}
		if err := from("192.0.2.2:1", password); err != nil {
			t.Errorf("another address is punished: %v", err)
		}
		time.Sleep(wait)
		if err := from("192.0.2.1:3", password); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		if strings.Contains(h.log.String(), "guess") || strings.Contains(h.log.String(), password) {
			t.Errorf("a password is in the log:\n%s", h.log)
		}
	})
}

func TestRefusedLoginsAreToldOncePerPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t).withPassword(t)
		guess := strings.Repeat("x", access.MaxPassword+1) // wrong without hashing it
		try := func(address string) {
			r := request("POST", "/login")
			r.RemoteAddr = address
			_ = h.Login(httptest.NewRecorder(), r, guess) // refused, one way or the other
		}
		told := func() int { return strings.Count(h.log.String(), "logins refused") }
		for range 100 {
			try("192.0.2.1:1")
		}
		if n := told(); n != 1 {
			t.Errorf("95 refusals were told %d times, want once", n)
		}
		time.Sleep(20 * time.Second)
		for range 100 {
			try("192.0.2.1:1")
		}
		if n := told(); n != 2 {
			t.Errorf("in the next period: told %d times, want twice", n)
		}
		for i := range 200 { // the limit over all addresses
			try(fmt.Sprintf("198.51.100.%d:1", i))
		}
		if n := told(); n != 3 {
			t.Errorf("refusals of many addresses were told %d times more, want once", n-2)
		}
	})
}

func TestGuessingFromManyAddressesIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t).withPassword(t)
		guess := strings.Repeat("x", access.MaxPassword+1) // wrong without hashing it
		var refused int
		for i := range 80 {
			r := request("POST", "/login")
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
			if err := h.Login(httptest.NewRecorder(), r, guess); codeOf(err) == "throttled" {
				refused++
			}
		}
		if refused != 20 {
			t.Errorf("of 80 wrong guesses at once from 80 addresses %d were refused, want 20", refused)
		}
	})
}

func TestRightPasswordsAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t).withPassword(t)
		for range 6 {
			h.login(t)
		}
	})
}

func TestThePasswordFile(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "password"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	prepare := func(h *house) {
		t.Helper()
		commit, err := h.Prepare(t.Context(), access.Config{PasswordFile: "password"}, dir)
		if err != nil {
			t.Fatal(err)
		}
		commit()
	}
	h := newHouse(t)
	write(password + "\n")
	prepare(h)
	cookie := h.login(t)
	known := func() bool {
		id, _ := h.Identify(withCookie(request("GET", "/"), cookie))
		return id.Known()
	}

	prepare(h)
	if !known() {
		t.Error("a reload with the same password ended the session")
	}
	h.Manager = access.New(access.Deps{Store: h.store, Log: newLog()})
	prepare(h)
	if !known() {
		t.Error("a restart with the same password ended the session")
	}
	if err := h.SetPassword(t.Context(), secret.New("another long password")); fault.KindOf(err) != fault.KindConflict {
		t.Errorf("set-password beside a password file: %v, want a conflict", err)
	}
	write("a new one, also long\r\n")
	prepare(h)
	if known() {
		t.Error("the session outlived the password")
	}
	if ok, err := h.VerifyPassword(t.Context(), secret.New("a new one, also long")); !ok || err != nil {
		t.Errorf("the new password does not hold: %v", err)
	}
	h.configure(t, access.Config{})
	if has, err := h.HasPassword(t.Context()); !has || err != nil {
		t.Errorf("without the file the door is open: %v, %v", has, err)
	}
}

func TestAStoreThatIsFullDoesNotLoseTheFilesPassword(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	commit, err := h.Prepare(t.Context(), access.Config{PasswordFile: "password"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	h.store.Break(fault.Unavailable("the disk is full"))
	commit()
	h.store.Break(nil)
	if id, err := h.Identify(request("GET", "/")); id.Known() || fault.KindOf(err) != fault.KindUnauthentic {
		t.Errorf("let in without the password: %+v, %v", id, err)
	}
	if !strings.Contains(h.log.String(), "not stored") {
		t.Error("nobody is told")
	}
}

func TestBadConfigurationChangesNothing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"short": "too short", "lines": "one long password\nanother\n", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		cfg  access.Config
		want string
	}{
		{"missing file", access.Config{PasswordFile: "nowhere"}, "password_file: read the password: "},
		{"folder", access.Config{PasswordFile: "."}, "is not a file"},
		{"short password", access.Config{PasswordFile: "short"}, "password_file: the password is too short: want at least 12 characters, got 9"},
		{"empty file", access.Config{PasswordFile: "empty"}, "too short"},
		{"two lines", access.Config{PasswordFile: "lines"}, "more than one line"},
		{"address", access.Config{Hosts: []string{"ok.example", "http://monitor"}}, `hosts[1]: "http://monitor" is not a host name; write the name alone, without the scheme`},
		{"port", access.Config{Hosts: []string{"monitor:80"}}, "without the port"},
		{"pattern", access.Config{Hosts: []string{"*.internal"}}, "patterns are not allowed"},
		{"empty host", access.Config{Hosts: []string{""}}, "not a host name"},
		{"not a name", access.Config{Hosts: []string{"mon itor"}}, "not a host name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			commit, err := h.Prepare(t.Context(), test.cfg, dir)
			if err == nil || commit != nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q in it", err, test.want)
			}
			if has, err := h.HasPassword(t.Context()); has || err != nil {
				t.Errorf("a refused configuration set a password: %v, %v", has, err)
			}
		})
	}
}
