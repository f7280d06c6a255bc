package access_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/access/accesstest"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

const password = "correct horse battery"

// house is a manager on an empty store, with its log.
type house struct {
	*access.Manager
	store *accesstest.Memory
	log   *syncBuffer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{store: accesstest.NewMemory(), log: &syncBuffer{}}
	h.Manager = access.New(access.Deps{Store: h.store, Log: slog.New(slog.NewTextHandler(h.log, nil))})
	return h
}

// withPassword sets the password.
func (h *house) withPassword(t *testing.T) *house {
	t.Helper()
	if err := h.SetPassword(t.Context(), secret.New(password)); err != nil {
		t.Fatal(err)
	}
	return h
}

// configure puts a section in force.
func (h *house) configure(t *testing.T, cfg access.Config) {
	t.Helper()
	commit, err := h.Prepare(t.Context(), cfg, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

// login returns the session cookie.
func (h *house) login(t *testing.T) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := h.Login(w, request("POST", "/login"), password); err != nil {
		t.Fatal(err)
	}
	return onlyCookie(t, w)
}

func onlyCookie(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	response := w.Result()
	defer response.Body.Close()
	cookies := response.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies set, want 1: %v", len(cookies), cookies)
	}
	return cookies[0]
}

// request is one from a program on this machine.
func request(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "127.0.0.1:7480"
	return r
}

func withCookie(r *http.Request, c *http.Cookie) *http.Request {
	r.AddCookie(c)
	return r
}

func newLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// retryAfter is what the error tells to wait.
func retryAfter(err error) time.Duration {
	var f *fault.Error
	if !errors.As(err, &f) {
		return 0
	}
	return f.RetryAfter
}

type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
