package auth

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/health"
)

// idp is an issuer that answers without a network, so that time can be false.
type idp struct {
	mu    sync.Mutex
	body  []byte
	err   error
	delay time.Duration
	asked int
}

func (i *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	body, err, delay := i.body, i.err, i.delay
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(bytes.NewReader(body)), Request: r, Header: http.Header{}}, nil
}

func (i *idp) publish(keys ...map[string]any) {
	i.set(func() { i.body, i.err = keySetOf(keys...), nil })
}

func (i *idp) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *idp) times() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// trusting is an authenticator that reads keys from an idp.
func trusting(t *testing.T, i *idp) (*Authenticator, *Manager, *health.Registry) {
	t.Helper()
	notices := &health.Registry{}
	m := New(Deps{Log: slog.New(slog.DiscardHandler), Health: notices, Client: &http.Client{Transport: i}})
	a, err := m.Prepare(&Config{JWT: &JWT{JWKS: "https://idp/jwks.json"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	m.Use(a)
	start(t, m)
	return a, m, notices
}

func edToken(t *testing.T, kid string) *Credentials {
	t.Helper()
	return bearerOf(sign(t, jwt.SigningMethodEdDSA, edKey(), claims(map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()}), map[string]any{"kid": kid}))
}

func TestARotatedKeyIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{delay: 100 * time.Millisecond}
		i.publish(published("old", edKey().Public()))
		a, m, _ := trusting(t, i)
		if _, refused := asked(t, a, edToken(t, "old")); refused != "" {
			t.Fatalf("the first request, before keys were read: %q", refused)
		}
		time.Sleep(time.Minute)
		i.publish(published("old", edKey().Public()), published("new", edKey().Public()))
		began := time.Now()
		if _, refused := asked(t, a, edToken(t, "new")); refused != "" {
			t.Fatalf("a token of the new key: %q", refused)
		}
		if waited := time.Since(began); waited != 100*time.Millisecond {
			t.Errorf("it waited for %s", waited)
		}
		if s := m.Sources(); len(s) != 1 || s[0].Keys != 2 || s[0].Source != "https://idp/jwks.json" || s[0].Err != nil {
			t.Errorf("sources: %+v", s)
		}
	})
}

func TestMadeUpKeysDoNotFloodTheIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{delay: time.Second}
		i.publish(published("k", edKey().Public()))
		a, _, _ := trusting(t, i)
		asked(t, a, edToken(t, "k"))
		time.Sleep(time.Minute)
		before, began := i.times(), time.Now()
		var slow atomic.Int32
		var clients sync.WaitGroup
		made := edToken(t, "made-up")
		for range 2 * maxWaiting {
			clients.Go(func() {
				began := time.Now()
				if _, refused := asked(t, a, made); refused != CodeSignature {
					t.Errorf("refused with %q", refused)
				}
				if time.Since(began) > 0 {
					slow.Add(1)
				}
			})
		}
		clients.Wait()
		for time.Since(began) < 9*time.Second {
			asked(t, a, made)
			time.Sleep(100 * time.Millisecond)
		}
		if n := i.times() - before; n != 1 {
			t.Errorf("the issuer was asked %d times", n)
		}
		if n := slow.Load(); n != maxWaiting {
			t.Errorf("%d requests waited, want %d", n, maxWaiting)
		}
	})
}

func TestOldKeysHoldWhileTheIssuerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{}
		i.publish(published("k", edKey().Public()))
		a, m, notices := trusting(t, i)
		good := edToken(t, "k")
		asked(t, a, good)
		for name, breakIt := range map[string]func(){
			"no connection": func() { i.err = errors.New("connection refused") },
			"no JSON":       func() { i.body = []byte("<html>maintenance") },
			"no keys":       func() { i.body = []byte(`{"keys": []}`) },
		} {
			i.set(breakIt)
			time.Sleep(time.Hour)
			if _, refused := asked(t, a, good); refused != "" {
				t.Errorf("%s: %q", name, refused)
			}
			if got := gauges(t, m); got["lapwing_gateway_token_keys_failing"] != 1 || got["lapwing_gateway_token_keys"] != 1 {
				t.Errorf("%s: metrics %v", name, got)
			}
			if list := notices.List(); len(list) != 1 || list[0].Severity != health.Warning || m.Sources()[0].Err == nil {
				t.Errorf("%s: notices %+v", name, list)
			}
			i.publish(published("k", edKey().Public()))
			time.Sleep(time.Hour)
			if list := notices.List(); len(list) != 0 {
				t.Errorf("%s, over: notices %+v", name, list)
			}
		}
	})
}

func TestAWithdrawnKeyTakesItsTokensAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{}
		i.publish(published("k", edKey().Public()), published("other", ecKey().Public()))
		a, _, _ := trusting(t, i)
		stolen := edToken(t, "k")
		if _, refused := asked(t, a, stolen); refused != "" {
			t.Fatal(refused)
		}
		i.publish(published("other", ecKey().Public()))
		time.Sleep(time.Hour)
		if _, refused := asked(t, a, stolen); refused != CodeSignature {
			t.Errorf("a remembered token of a key that was withdrawn: %q", refused)
		}
	})
}

func TestARememberedTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := prepared(t, Config{JWT: &JWT{Secret: secretOf(32)}})
		c := bearerOf(sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(map[string]any{"exp": time.Now().Add(time.Minute).Unix()}), nil))
		for _, step := range []struct {
			after   time.Duration
			refused string
		}{{0, ""}, {89 * time.Second, ""}, {time.Second, CodeExpired}} {
			time.Sleep(step.after)
			if _, refused := asked(t, a, c); refused != step.refused {
				t.Errorf("after %s more: %q, want %q", step.after, refused, step.refused)
			}
		}
	})
}

func TestWithoutKeysTokensAreNotJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{err: errors.New("connection refused")}
		a, _, notices := trusting(t, i)
		c := edToken(t, "k")
		var id Identity
		err := a.Authenticate(t.Context(), c, &id)
		if r, ok := errors.AsType[*Refusal](err); !ok || !r.Unavailable || r.Challenge != "" || strings.Contains(r.Message, "refused") {
			t.Errorf("got %+v", err)
		}
		if list := notices.List(); len(list) != 1 || list[0].Severity != health.Failing {
			t.Errorf("notices %+v", list)
		}
		if _, refused := asked(t, a, &Credentials{}); refused != "" {
			t.Errorf("an anonymous request: %q", refused)
		}
		i.publish(published("k", edKey().Public()))
		time.Sleep(10 * time.Second)
		if _, refused := asked(t, a, c); refused != "" {
			t.Errorf("after it came back: %q", refused)
		}
	})
}

func TestASlowIssuerHoldsNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{delay: time.Hour}
		a, _, _ := trusting(t, i)
		began := time.Now()
		if _, refused := asked(t, a, edToken(t, "k")); refused != CodeUnavailable || time.Since(began) != awaitMost {
			t.Errorf("%q after %s", refused, time.Since(began))
		}
	})
}

func TestAReloadKeepsKeysAndTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{}
		i.publish(published("k", edKey().Public()))
		a, m, _ := trusting(t, i)
		c := edToken(t, "k")
		asked(t, a, c)
		i.set(func() { i.err = errors.New("away") })
		same := func() *Authenticator { return must(m.Prepare(&Config{JWT: &JWT{JWKS: "https://idp/jwks.json"}}, "")) }
		one, two := same(), same()
		m.Use(one, nil, two)
		for _, a := range []*Authenticator{one, two} {
			if _, refused := asked(t, a, c); refused != "" {
				t.Errorf("after a reload: %q", refused)
			}
		}
		other := must(m.Prepare(&Config{JWT: &JWT{JWKS: "https://idp/jwks.json", Audience: Names{"shop"}}}, ""))
		if other.tokens == a.tokens {
			t.Error("another audience, and the same verifier")
		}
		m.Use()
		synctest.Wait()
		before := i.times()
		time.Sleep(24 * time.Hour)
		if n := i.times() - before; n != 0 || len(m.Sources()) != 0 {
			t.Errorf("keys that nobody needs were read %d times", n)
		}
	})
}

func TestReloadsThatFailLeaveLittleBehind(t *testing.T) {
	m := newManager()
	for i := range 5000 {
		cfg := Config{JWT: &JWT{Secret: secretOf(32), Issuer: strings.Repeat("i", i)}}
		if _, err := m.Prepare(&cfg, ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.verifiers); n > 1000 {
		t.Errorf("%d verifiers are kept", n)
	}
}

func TestAFileOfKeysIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "jwks.json")
		put := func(keys ...map[string]any) {
			if err := os.WriteFile(file, keySetOf(keys...), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		put(published("a", edKey().Public()))
		m := newManager()
		a := must(m.Prepare(&Config{JWT: &JWT{JWKS: "jwks.json"}}, dir))
		m.Use(a)
		start(t, m)
		time.Sleep(time.Minute)
		put(published("b", edKey().Public()))
		if _, refused := asked(t, a, edToken(t, "b")); refused != "" {
			t.Errorf("the new key: %q", refused)
		}
	})
}

func TestKeysOverTheNetwork(t *testing.T) {
	keys := keySetOf(published("k", edKey().Public()))
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(keys) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/keys", http.StatusFound)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 4<<20)) })
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	authority := write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))

	for path, want := range map[string]string{
		"/keys": "", "/moved": "", "/loop": "more than 3 redirects", "/away": "it redirects to another place, http://elsewhere.invalid",
		"/endless": "is larger than 1048576 bytes", "/nothing": "answered 404 Not Found",
	} {
		m := newManager()
		a := must(m.Prepare(&Config{JWT: &JWT{JWKS: server.URL + path, CAFile: authority}}, ""))
		set, err := a.tokens.source.place.read(t.Context(), m.client)
		switch {
		case want == "" && (err != nil || len(set.keys) != 1):
			t.Errorf("%s: %v", path, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	m := newManager()
	a := must(m.Prepare(&Config{JWT: &JWT{JWKS: server.URL + "/keys"}}, ""))
	if _, err := a.tokens.source.place.read(t.Context(), m.client); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// gauges are the metrics of a manager with one source.
func gauges(t *testing.T, m *Manager) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	return values
}
