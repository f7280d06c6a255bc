package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/access/accesstest"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse battery"

// surface is the handler over small stand-ins for the pages and the API, with a
// real access manager. The stand-ins answer with who they were told it is.
type surface struct {
	handler http.Handler
	access  *access.Manager
	public  bool // the status page is
	log     logBuffer
}

func newSurface(t *testing.T) *surface {
	t.Helper()
	s := &surface{}
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.access = access.New(access.Deps{Store: accesstest.NewMemory(), Log: log})

	ui := http.NewServeMux()
	ui.HandleFunc("/", who("page"))
	ui.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := s.access.Login(w, r, r.FormValue("password")); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, access.NextPath(r.FormValue("next")), http.StatusSeeOther)
	})
	ui.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("the page is broken") })
	ui.HandleFunc("/panic/late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("half an answer ", 1000))
		panic("the page is broken")
	})
	ui.HandleFunc("/panic/compressed", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a few bytes that the compression holds back")
		panic("the page is broken")
	})
	ui.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	ui.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, strings.Repeat("<p>text</p>", 1000))
	})
	api := http.NewServeMux()
	api.HandleFunc("/api/", who("api"))
	api.HandleFunc("/api/v1/body", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = fmt.Fprint(w, n)
	})
	s.handler = web.New(web.Deps{
		Log: log, Access: s.access, UI: ui, API: api, Metrics: who("metrics"),
		StatusPublic: func() bool { return s.public },
	})
	return s
}

// who answers with the name of the handler and the caller that it sees.
func who(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s", name, access.From(r.Context()).Kind)
	}
}

func (s *surface) setPassword(t *testing.T) {
	t.Helper()
	if err := s.access.SetPassword(t.Context(), secret.New(password)); err != nil {
		t.Fatal(err)
	}
}

func (s *surface) token(t *testing.T, scope access.Scope) string {
	t.Helper()
	_, text, err := s.access.CreateToken(t.Context(), string(scope), []access.Scope{scope}, time.Time{}, "")
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal()
}

func (s *surface) session(t *testing.T) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := s.access.Login(w, local("POST", "/login"), password); err != nil {
		t.Fatal(err)
	}
	response := w.Result()
	defer response.Body.Close()
	return response.Cookies()[0]
}

// do serves one request.
func (s *surface) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// local is a request of a browser on this machine.
func local(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "127.0.0.1:7480"
	r.Header.Set("Accept", "text/html,*/*")
	return r
}

// TestWhoMayDoWhat is the access rules in one table: peer × host × origin ×
// credential × method → outcome.
func TestWhoMayDoWhat(t *testing.T) {
	const (
		none, loggedIn, badCookie         = "", "session", "bad cookie"
		readToken, writeToken, wrongToken = "read token", "write token", "wrong token"
	)
	tests := []struct {
		name       string
		secured    bool // a password is set
		method     string
		path       string
		credential string
		peer, host string // this machine when empty
		origin     string // also makes Sec-Fetch-Site
		want       string // "200 api token", "403 cross_origin", "303 /login?next=%2Fchecks"
	}{
		// No password: everything for this machine, nothing for others.
		{"local page", false, "GET", "/checks", none, "", "", "", "200 page local"},
		{"local API", false, "GET", "/api/v1/checks", none, "", "", "", "200 api local"},
		{"local metrics", false, "GET", "/metrics", none, "", "", "", "200 metrics local"},
		{"local change by a program", false, "POST", "/api/v1/checks/x/run", none, "", "", "", "200 api local"},
		{"local change by our page", false, "POST", "/checks/x/run", none, "", "", "http://127.0.0.1:7480", "200 page local"},
		{"local change by a foreign page", false, "POST", "/api/v1/checks/x/run", none, "", "", "https://evil.example", "403 cross_origin"},
		{"local change by another port", false, "POST", "/api/v1/checks/x/run", none, "", "", "http://127.0.0.1:3000", "403 cross_origin"},
		{"local deletion by a foreign page", false, "DELETE", "/api/v1/tokens/x", none, "", "", "https://evil.example", "403 cross_origin"},
		{"another machine's page", false, "GET", "/checks", none, "192.0.2.7:1", "", "", "403 not_local"},
		{"another machine's API call", false, "GET", "/api/v1/checks", none, "192.0.2.7:1", "", "", "403 not_local"},
		{"another machine's change", false, "POST", "/api/v1/config/reload", none, "192.0.2.7:1", "", "", "403 not_local"},
		{"another machine with a token", false, "GET", "/api/v1/checks", readToken, "192.0.2.7:1", "monitor.internal", "", "200 api token"},
		{"rebound page", false, "GET", "/", none, "", "evil.example", "", "403 host_not_allowed"},
		{"rebound API call", false, "GET", "/api/v1/config", none, "", "evil.example:7480", "", "403 host_not_allowed"},
		{"rebound change that is same-origin to itself", false, "POST", "/api/v1/tokens", none, "", "evil.example", "http://evil.example", "403 host_not_allowed"},
		{"rebound metrics", false, "GET", "/metrics", none, "", "evil.example", "", "403 host_not_allowed"},
		{"rebound health", false, "GET", "/healthz", none, "", "evil.example", "", `200 {"status":"ok"}`},
		{"wrong token on this machine", false, "GET", "/api/v1/checks", wrongToken, "", "", "", "401 unauthentic"},

		// A password: everybody logs in or has a token, wherever they are.
		{"page without a login", true, "GET", "/checks?state=down", none, "", "", "", "303 /login?next=%2Fchecks%3Fstate%3Ddown"},
		{"front page without a login", true, "GET", "/", none, "", "", "", "303 /login"},
		{"page with an ended session", true, "GET", "/checks", badCookie, "", "", "", "303 /login?next=%2Fchecks"},
		{"changing page without a login", true, "POST", "/checks/x/run", none, "", "", "http://127.0.0.1:7480", "401 unauthentic"},
		{"API without a login", true, "GET", "/api/v1/checks", none, "", "", "", "401 unauthentic"},
		{"metrics without a login", true, "GET", "/metrics", none, "", "", "", "401 unauthentic"},
		{"page with a login", true, "GET", "/checks", loggedIn, "", "", "", "200 page session"},
		{"page with a login, from another machine", true, "GET", "/checks", loggedIn, "192.0.2.7:1", "monitor.internal", "", "200 page session"},
		{"API with a login", true, "GET", "/api/v1/checks", loggedIn, "", "", "", "200 api session"},
		{"change with a login", true, "POST", "/api/v1/checks/x/run", loggedIn, "", "", "http://127.0.0.1:7480", "200 api session"},
		{"change with a login, by a foreign page", true, "POST", "/api/v1/checks/x/run", loggedIn, "", "", "https://evil.example", "403 cross_origin"},
		{"change with a login, without saying where from", true, "POST", "/api/v1/checks/x/run", loggedIn, "", "", "", "403 cross_origin"},
		{"API with a token", true, "GET", "/api/v1/checks", readToken, "192.0.2.7:1", "monitor.internal", "", "200 api token"},
		{"change with a token", true, "POST", "/api/v1/checks/x/run", writeToken, "192.0.2.7:1", "", "", "200 api token"},
		{"change with a token, from another origin", true, "POST", "/api/v1/checks/x/run", writeToken, "", "", "https://tools.example", "200 api token"},
		{"metrics with a token", true, "GET", "/metrics", readToken, "192.0.2.7:1", "", "", "200 metrics token"},
		{"page with a token", true, "GET", "/checks", readToken, "", "", "", "200 page token"},
		{"changing page with a token", true, "POST", "/settings/tokens", writeToken, "", "", "", "403 forbidden"},
		{"page with a wrong token", true, "GET", "/checks", wrongToken, "", "", "", "401 unauthentic"},
		{"API with a wrong token", true, "GET", "/api/v1/checks", wrongToken, "", "", "", "401 unauthentic"},

		// What is open to everybody.
		{"login page", true, "GET", "/login", none, "192.0.2.7:1", "monitor.internal", "", "200 page anonymous"},
		{"style sheet", true, "GET", "/static/app.css", none, "192.0.2.7:1", "", "", "200 page anonymous"},
		{"health", true, "GET", "/healthz", none, "192.0.2.7:1", "", "", `200 {"status":"ok"}`},
		{"meaning of a problem", true, "GET", "/api/v1/problems/forbidden", none, "192.0.2.7:1", "", "", "200 api anonymous"},
		{"API document", true, "GET", "/api/v1/openapi.json", none, "192.0.2.7:1", "", "", "200 api anonymous"},
		{"login form on a foreign page", true, "POST", "/login", none, "", "", "https://evil.example", "403 cross_origin"},
		{"status page that is not public", true, "GET", "/status", none, "192.0.2.7:1", "", "", "303 /login?next=%2Fstatus"},
		{"way around to a page", true, "GET", "/static/../settings", none, "192.0.2.7:1", "", "", "307 /settings"},
		{"way around that is not straightened", true, "CONNECT", "/static/../settings", none, "192.0.2.7:1", "", "", "401 unauthentic"},
		{"something that begins like a public path", true, "GET", "/statistics", none, "192.0.2.7:1", "", "", "303 /login?next=%2Fstatistics"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSurface(t)
			if test.secured {
				s.setPassword(t)
			}
			r := local(test.method, test.path)
			if test.peer != "" {
				r.RemoteAddr = test.peer
			}
			if test.host != "" {
				r.Host = test.host
			}
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
				r.Header.Set("Sec-Fetch-Site", map[bool]string{true: "same-origin", false: "cross-site"}[test.origin == "http://"+r.Host])
			}
			switch test.credential {
			case loggedIn:
				r.AddCookie(s.session(t))
			case badCookie:
				r.AddCookie(&http.Cookie{Name: access.CookieName, Value: strings.Repeat("A", 43)})
			case readToken:
				r.Header.Set("Authorization", "Bearer "+s.token(t, access.Read))
			case writeToken:
				r.Header.Set("Authorization", "Bearer "+s.token(t, access.Write))
			case wrongToken:
				r.Header.Set("Authorization", "Bearer lw_aaaaaaaa_"+strings.Repeat("a", 52))
			}
			if got := outcome(s.do(r)); got != test.want {
				t.Errorf("%s %s: got %s, want %s", test.method, test.path, got, test.want)
			}
		})
	}
}

// outcome is the status with what matters of the answer.
func outcome(w *httptest.ResponseRecorder) string {
	body := strings.TrimSpace(w.Body.String())
	switch {
	case w.Code >= 300 && w.Code < 400:
		body = w.Header().Get("Location")
	case w.Code >= 400:
		body = problemCode(w)
	}
	return fmt.Sprintf("%d %s", w.Code, body)
}

// problemCode is the code of a problem in either form.
func problemCode(w *httptest.ResponseRecorder) string {
	body := w.Body.String()
	if _, rest, ok := strings.Cut(body, `"code":"`); ok {
		code, _, _ := strings.Cut(rest, `"`)
		return code
	}
	for _, sign := range []struct{ text, code string }{
		{"Only for clients on this machine", "not_local"},
		{"This host name is not allowed", "host_not_allowed"},
		{"From a page of another origin", "cross_origin"},
		{"Not logged in", "unauthentic"},
		{"Not allowed", "forbidden"},
	} {
		if strings.HasPrefix(body, sign.text) {
			return sign.code
		}
	}
	return body
}

func TestThePublicStatusPageIsPublic(t *testing.T) {
	for _, path := range []string{"/status", "/status.json", "/status/", "/status/badge/orders.svg"} {
		s := newSurface(t)
		s.setPassword(t)
		r := local("GET", path)
		r.RemoteAddr, r.Host = "192.0.2.7:1", "status.example"
		if w := s.do(r.Clone(t.Context())); w.Code != http.StatusSeeOther {
			t.Errorf("%s, not public: %s", path, outcome(w))
		}
		s.public = true
		if got := outcome(s.do(r.Clone(t.Context()))); got != "200 page anonymous" {
			t.Errorf("%s, public: %s", path, got)
		}
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "no-cors")
		if got := outcome(s.do(r)); got != "200 page anonymous" {
			t.Errorf("%s, public, shown on another site: %s", path, got)
		}
	}
}

func TestALoginLeadsBackToThePage(t *testing.T) {
	s := newSurface(t)
	s.setPassword(t)
	w := s.do(local("GET", "/checks/orders?from=1"))
	target := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || target != "/login?next=%2Fchecks%2Forders%3Ffrom%3D1" {
		t.Fatalf("%d to %q", w.Code, target)
	}
	login := httptest.NewRequest("POST", target, strings.NewReader("password="+strings.ReplaceAll(password, " ", "+")))
	login.RemoteAddr, login.Host = "127.0.0.1:50000", "127.0.0.1:7480"
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	login.Header.Set("Origin", "http://127.0.0.1:7480")
	w = s.do(login)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/checks/orders?from=1" {
		t.Fatalf("after the login: %d to %q, %s", w.Code, w.Header().Get("Location"), w.Body)
	}
}

func TestProgramsAreNotSentToTheLoginPage(t *testing.T) {
	s := newSurface(t)
	s.setPassword(t)
	r := local("GET", "/checks")
	r.Header.Set("Accept", "application/json")
	w := s.do(r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	s := newSurface(t)
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	}
	for _, path := range []string{"/", "/api/v1/checks", "/healthz", "/metrics", "/panic", "/static/x"} {
		header := s.do(local("GET", path)).Header()
		for name, value := range want {
			if got := header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
		if header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", path)
		}
	}
	if got := s.do(local("GET", "/status/badge/x.svg")).Header().Get("Cross-Origin-Resource-Policy"); got != "cross-origin" {
		t.Errorf("a badge cannot be shown elsewhere: %q", got)
	}
	r := local("GET", "/")
	r.Header.Set("X-Request-Id", "chosen\nfrom outside")
	if got := s.do(r).Header().Get("X-Request-Id"); strings.Contains(got, "chosen") {
		t.Errorf("a foreign request id is taken over: %q", got)
	}
}

func TestAnswersAreCompressed(t *testing.T) {
	s := newSurface(t)
	tests := []struct {
		name, method, path string
		want               string
	}{
		{"a large page", "GET", "/large", "gzip"},
		{"a small page", "GET", "/", ""},
		{"the answer to a POST, which may show a secret", "POST", "/large", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := local(test.method, test.path)
			r.Header.Set("Accept-Encoding", "gzip, zstd, br")
			w := s.do(r)
			if got := w.Header().Get("Content-Encoding"); got != test.want {
				t.Errorf("Content-Encoding %q, want %q", got, test.want)
			}
			if test.want != "" && w.Body.Len() > 2000 {
				t.Errorf("%d bytes", w.Body.Len())
			}
		})
	}
}

func TestOnlyHealthIsToldByHealthz(t *testing.T) {
	w := newSurface(t).do(local("GET", "/healthz"))
	if w.Body.String() != "{\"status\":\"ok\"}\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%q as %q", w.Body, w.Header().Get("Content-Type"))
	}
}

// logBuffer takes the log of handlers that run at the same time.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
