package alerting_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/internal/verbatim"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		fmt.Fprintln(os.Stderr, beKilled(dir, os.Stdout))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// quick is a route that tells at once.
const quick = `
receiver: hook
group_by: [alertname, api]
group_wait: 0s
group_interval: 1s
repeat_interval: 1h
`

// hook is a receiver: a web server on loopback that remembers what it was told.
type hook struct {
	*httptest.Server

	mu    sync.Mutex
	told  []told
	more  chan struct{}
	fails bool
}

// told is one message, as Alertmanager's webhook has it.
type told struct {
	Status   string `json:"status"`
	Receiver string `json:"receiver"`
	GroupKey string `json:"groupKey"`
	Alerts   []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"alerts"`
}

// String is the message in a few words: "firing Down/a1=firing".
func (t told) String() string {
	parts := make([]string, len(t.Alerts))
	for i, a := range t.Alerts {
		parts[i] = a.Labels["alertname"] + "/" + a.Labels["check"] + "=" + a.Status
	}
	slices.Sort(parts)
	return t.Receiver + " " + t.Status + " " + strings.Join(parts, " ")
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{more: make(chan struct{}, 1)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message told
		if err := json.NewDecoder(io.LimitReader(r.Body, 64<<20)).Decode(&message); err != nil {
			t.Errorf("a message that is no JSON: %v", err)
		}
		h.mu.Lock()
		fails := h.fails
		if !fails {
			h.told = append(h.told, message)
		}
		h.mu.Unlock()
		if fails {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		select {
		case h.more <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// until waits for a message.
func (h *hook) until(t *testing.T, want string) {
	t.Helper()
	for !slices.Contains(h.list(), want) {
		select {
		case <-h.more:
		case <-time.After(20 * time.Second):
			t.Fatalf("nobody told %q; told: %q", want, h.list())
		}
	}
}

func (h *hook) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]string, len(h.told))
	for i := range h.told {
		list[i] = h.told[i].String()
	}
	return list
}

// receivers is a list with one receiver for each name, all at the hook.
func (h *hook) receivers(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "- name: %s\n  webhook_configs:\n    - url: %s/%s\n", name, h.URL, name)
	}
	return b.String()
}

// config is a configuration of parts.
func config(parts map[string]string) alerting.Config {
	var c alerting.Config
	for key, text := range parts {
		part := verbatim.YAML{Text: strings.TrimPrefix(text, "\n")}
		switch key {
		case "global":
			c.Global = part
		case "receivers":
			c.Receivers = part
		case "route":
			c.Route = part
		case "inhibit_rules":
			c.InhibitRules = part
		case "time_intervals":
			c.TimeIntervals = part
		case "mute_time_intervals":
			c.MuteTimeIntervals = part
		default:
			panic(key)
		}
	}
	return c
}

// desk is a manager that runs.
type desk struct {
	*alerting.Manager
	store alerting.Store
	stop  func() // ends it; a second time it does nothing
}

// open makes a manager over a store and runs it.
func open(t testing.TB, store alerting.Store, c alerting.Config) *desk {
	t.Helper()
	m, err := alerting.New(alerting.Deps{Log: slog.New(slog.DiscardHandler), Store: store, ExternalURL: func() string { return "http://lapwing.test" }, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	use(t, m, c)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Cleanup(stop)
	if err := m.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &desk{m, store, stop}
}

func use(t testing.TB, m *alerting.Manager, c alerting.Config) {
	t.Helper()
	commit, err := m.Prepare(c)
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

// disk is a store on disk, and where it is.
func disk(t *testing.T) alerting.Store {
	t.Helper()
	db, err := state.Open(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db.Alerts()
}

// down is an alert of a check.
func down(check string) alerting.Alert {
	return alerting.Alert{
		Labels:      map[string]string{"alertname": "Down", "api": "shop", "check": check, "severity": "critical"},
		Annotations: map[string]string{"summary": check + " is down"},
		Starts:      time.Now().Add(-time.Minute),
	}
}

func say(t *testing.T, m *alerting.Manager, source string, firing ...alerting.Alert) {
	t.Helper()
	if err := m.Sync(t.Context(), source, firing); err != nil {
		t.Fatal(err)
	}
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
