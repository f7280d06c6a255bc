package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/alerting/delivery"
	"lapwing.dev/lapwing/internal/health"
)

// memory is a delivery.Store that may be told to fail.
type memory struct {
	mu         sync.Mutex
	last       int64
	rows       map[int64]delivery.StoredDelivery
	escalated  []delivery.Escalated
	broken     error
	put        chan struct{} // one signal for each change; may be missed
	beforePut  func()
	putsFailed int
}

func newMemory() *memory {
	return &memory{rows: map[int64]delivery.StoredDelivery{}, put: make(chan struct{}, 1)}
}

func (m *memory) PutDelivery(_ context.Context, d *delivery.Delivery, payload []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.beforePut != nil {
		m.beforePut()
	}
	if m.broken != nil {
		m.putsFailed++
		return m.broken
	}
	if d.ID == 0 {
		m.last++
		d.ID = m.last
	}
	m.rows[d.ID] = delivery.StoredDelivery{Delivery: *d, Payload: slices.Clone(payload)}
	select {
	case m.put <- struct{}{}:
	default:
	}
	return nil
}

func (m *memory) PutEnded(ctx context.Context, list []*delivery.Delivery) error {
	for _, d := range list {
		if err := m.PutDelivery(ctx, d, nil); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Waiting(context.Context) ([]delivery.StoredDelivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []delivery.StoredDelivery
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		if r := m.rows[id]; r.State == delivery.Waiting {
			list = append(list, r)
		}
	}
	return list, nil
}

func (m *memory) Deliveries(_ context.Context, receiver string, before int64, most int) ([]delivery.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []delivery.Delivery
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(m.rows))) {
		r := m.rows[id]
		if (before == 0 || id < before) && (receiver == "" || receiver == r.Receiver) && len(list) < most {
			list = append(list, r.Delivery)
		}
	}
	return list, nil
}

func (m *memory) PutEscalation(_ context.Context, id string, starts time.Time, receiver string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.escalated = append(m.escalated, delivery.Escalated{Alert: id, Starts: starts, Receiver: receiver, At: at})
	return m.broken
}

func (m *memory) Escalations(context.Context) ([]delivery.Escalated, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.escalated), nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// states are those of all deliveries, oldest first.
func (m *memory) states() []string {
	list, _ := m.Deliveries(context.Background(), "", 0, 1000)
	var states []string
	for _, d := range slices.Backward(list) {
		states = append(states, d.State)
	}
	return states
}

// world is which alerts there are.
type world struct {
	mu     sync.Mutex
	alerts map[string]*alert.Alert
	state  map[string]delivery.State
}

func newWorld() *world {
	return &world{alerts: map[string]*alert.Alert{}, state: map[string]delivery.State{}}
}

func (w *world) Alert(id string) (*alert.Alert, delivery.State, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.alerts[id]
	return a, w.state[id], ok
}

func (w *world) Firing() []*alert.Alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*alert.Alert
	for _, id := range slices.Sorted(maps.Keys(w.alerts)) {
		if w.state[id] == "firing" {
			list = append(list, w.alerts[id])
		}
	}
	return list
}

// fires begins an alert, or changes it.
func (w *world) fires(name string, labels ...string) *alert.Alert {
	now := time.Now()
	a := &alert.Alert{Alert: model.Alert{
		Labels: model.LabelSet{"alertname": model.LabelValue(name), "severity": "critical", "api": "orders"},
		Annotations: model.LabelSet{
			"summary": model.LabelValue(name + " is wrong"), "description": "It answered 500 three times.",
			"evidence": "GET /orders\nHTTP 500", "page": "http://lapwing.test/endpoints/orders",
		},
		StartsAt: now,
	}, UpdatedAt: now}
	for i := 0; i+1 < len(labels); i += 2 {
		a.Labels[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := a.Fingerprint().String()
	w.alerts[id], w.state[id] = a, "firing"
	return a
}

// ends resolves an alert, and returns it as the pipeline would.
func (w *world) ends(a *alert.Alert) *alert.Alert {
	over := *a
	over.EndsAt, over.UpdatedAt = time.Now(), time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	id := a.Fingerprint().String()
	w.alerts[id], w.state[id] = &over, "resolved"
	return &over
}

// events is a publisher.
type events struct {
	mu   sync.Mutex
	list []delivery.Event
}

func (e *events) Publish(kind string, data any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if kind == delivery.LiveEvent {
		e.list = append(e.list, data.(delivery.Event))
	}
}

// stand is an outbox with receivers of a configuration.
type stand struct {
	*delivery.Outbox
	t         *testing.T
	store     *memory
	world     *world
	health    *health.Registry
	events    *events
	receivers *delivery.Receivers
	stop      func()
}

// build makes receivers of the text of an Alertmanager configuration.
func build(t *testing.T, o *delivery.Outbox, text string) *delivery.Receivers {
	t.Helper()
	rest, own, problems := delivery.Split(text)
	if problems != nil {
		t.Fatal(problems)
	}
	conf, err := amconfig.Load(rest)
	if err != nil {
		t.Fatalf("%v in\n%s", err, rest)
	}
	external, _ := url.Parse("http://lapwing.test")
	tmpl, err := delivery.Templates(nil, external)
	if err != nil {
		t.Fatal(err)
	}
	if problems := own.Validate(tmpl, t.TempDir()); problems != nil {
		t.Fatal(problems)
	}
	r, err := o.Build(conf.Receivers, own, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newStand starts an outbox over a store with receivers as YAML: the entries of
// the receiver "team", indented as below `- name: team`.
func newStand(t *testing.T, store *memory, w *world, channels string) *stand {
	t.Helper()
	s := &stand{t: t, store: store, world: w, health: &health.Registry{}, events: &events{}}
	s.Outbox = delivery.New(delivery.Deps{
		Log: slog.New(slog.DiscardHandler), Store: store, Alerts: w, Health: s.health, Publisher: s.events,
		ExternalURL: func() string { return "http://lapwing.test" },
	})
	s.receivers = build(t, s.Outbox, "route: {receiver: team}\nreceivers:\n- name: team\n"+channels)
	s.Use(s.receivers, delivery.Settings{})
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// pipeline is the context that Alertmanager's pipeline gives to notifiers.
func pipeline(ctx context.Context, receiver, group string) context.Context {
	ctx = notify.WithReceiverName(ctx, receiver)
	ctx = notify.WithGroupKey(ctx, group)
	ctx = notify.WithGroupLabels(ctx, model.LabelSet{"group": model.LabelValue(group)})
	ctx = notify.WithRepeatInterval(ctx, time.Hour)
	ctx = notify.WithNow(ctx, time.Now())
	ctx = notify.WithRouteID(ctx, "{}")
	return notify.WithNotificationReason(ctx, notify.ReasonFirstNotification)
}

// notify tells all channels of the receiver "team", as the pipeline does.
func (s *stand) notify(group string, alerts ...*alert.Alert) error {
	s.t.Helper()
	var errs []error
	for _, in := range s.receivers.Integrations()["team"] {
		sent := alerts
		if !in.SendResolved() {
			sent = slices.DeleteFunc(slices.Clone(alerts), (*alert.Alert).Resolved)
		}
		if len(sent) == 0 {
			continue
		}
		if _, err := in.Notify(pipeline(s.t.Context(), "team", group), sent...); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// until waits until the store says that cond holds.
func (s *stand) until(what string, cond func() bool) {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-s.store.put:
		case <-deadline:
			s.t.Fatalf("never: %s; deliveries: %v", what, s.store.states())
		}
	}
}

// hook is a receiver's server: each request is answered by the next of its
// answers, the last one for ever.
type hook struct {
	*httptest.Server
	mu      sync.Mutex
	answers []http.HandlerFunc
	got     []string
	heads   []http.Header
}

func newHook(t *testing.T, answers ...http.HandlerFunc) *hook {
	t.Helper()
	h := &hook{answers: answers}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	h.mu.Lock()
	h.got, h.heads = append(h.got, string(body)), append(h.heads, r.Header.Clone())
	answer := h.answers[min(len(h.got), len(h.answers))-1]
	h.mu.Unlock()
	answer(w, r)
}

func (h *hook) bodies() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

// says answers with a status, a body and headers.
func says(code int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func webhook(url string) string {
	return fmt.Sprintf("  webhook_configs:\n  - url: %s\n", url)
}

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

func signedWebhook(url string, more ...string) string {
	return fmt.Sprintf("  signed_webhook_configs:\n  - url: %s\n    secret: %s\n%s", url, testSecret, strings.Join(more, ""))
}

// waits answers when a channel is closed, or the client has gone.
func waits(release <-chan struct{}) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
}
