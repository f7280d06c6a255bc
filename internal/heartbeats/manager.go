package heartbeats

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/fault"
)

// Deps is what a Manager works with.
type Deps struct {
	Log   *slog.Logger
	Store Store            // nil where configurations are only looked at
	Now   func() time.Time // time.Now when nil
}

// Manager knows when jobs ran last. It has no goroutine: who wants to know
// whether one is late asks.
type Manager struct {
	log   *slog.Logger
	store Store
	now   func() time.Time

	mu    sync.Mutex
	list  Config
	beats map[string]*Beat
}

// New makes a Manager that waits for nobody.
func New(d Deps) *Manager {
	m := &Manager{log: d.Log.With("part", "heartbeats"), store: d.Store, now: d.Now, beats: map[string]*Beat{}}
	if m.now == nil {
		m.now = time.Now
	}
	return m
}

// Load reads the last signs of life from the store.
func (m *Manager) Load(ctx context.Context) error {
	beats, err := m.store.Beats(ctx)
	if err != nil {
		return fmt.Errorf("read heartbeats: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range beats {
		m.beats[beats[i].Name] = &beats[i]
	}
	return nil
}

// Prepare makes a new set ready. The error is a fault.Problems with paths from
// "[0]"; commit cannot fail. Heartbeats of the same name keep what is known.
func (m *Manager) Prepare(c Config) (commit func(), err error) {
	if ps := c.Validate(); len(ps) > 0 {
		return nil, ps
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.list = c
		for i := range c {
			if m.beats[c[i].Name] == nil {
				m.beats[c[i].Name] = &Beat{Name: c[i].Name, Known: m.now()}
			}
		}
	}, nil
}

// Beat takes a sign of life, and returns once it is stored. fault.NotFound: no
// such heartbeat is waited for.
func (m *Manager) Beat(ctx context.Context, name string, ok bool, message, by string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.find(name) == nil {
		return fault.NotFound("there is no heartbeat %q; the configuration has %s", name, m.names())
	}
	next := *m.beats[name]
	now := m.now().UTC().Truncate(time.Millisecond)
	if next.At.IsZero() || next.OK != ok {
		next.Since = now
	}
	next.At, next.OK, next.By, next.Message = now, ok, by, cut(message)
	next.Count++
	if err := m.store.PutBeats(ctx, []Beat{next}); err != nil {
		return fmt.Errorf("store the sign of life of %q: %w", name, err)
	}
	m.beats[name] = &next
	return nil
}

// cut makes what a job said fit to be kept.
func cut(message string) string {
	message = strings.TrimSpace(strings.ToValidUTF8(message, "\uFFFD"))
	if len(message) > MaxMessage {
		message = strings.ToValidUTF8(message[:MaxMessage], "")
	}
	return message
}

// Keep stores since when heartbeats are waited for, so that a restart does not
// begin the wait anew, and forgets those that are not configured any more.
func (m *Manager) Keep(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var fresh []Beat
	for i := range m.list {
		if b := m.beats[m.list[i].Name]; b.At.IsZero() {
			fresh = append(fresh, *b)
		}
	}
	var gone []string
	for name := range m.beats {
		if m.find(name) == nil {
			gone = append(gone, name)
		}
	}
	if err := m.store.PutBeats(ctx, fresh); err != nil {
		return fmt.Errorf("store heartbeats: %w", err)
	}
	if err := m.store.DropBeats(ctx, gone); err != nil {
		return fmt.Errorf("forget heartbeats: %w", err)
	}
	for _, name := range gone {
		delete(m.beats, name)
	}
	return nil
}

// List returns all heartbeats in the order of the configuration.
func (m *Manager) List() []View {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	list := make([]View, len(m.list))
	for i := range m.list {
		list[i] = m.list[i].view(m.beats[m.list[i].Name], now)
	}
	return list
}

func (m *Manager) find(name string) *Heartbeat {
	for i := range m.list {
		if m.list[i].Name == name {
			return &m.list[i]
		}
	}
	return nil
}

func (m *Manager) names() string {
	if len(m.list) == 0 {
		return "none"
	}
	var names []string
	for i := range m.list {
		if i == 20 {
			names = append(names, "…")
			break
		}
		names = append(names, m.list[i].Name)
	}
	return strings.Join(names, ", ")
}

// WriteMetrics emits when each job ran last and whether it is waited for in vain.
func (m *Manager) WriteMetrics(emit func(*dto.MetricFamily) error) error {
	list := m.List()
	if len(list) == 0 {
		return nil
	}
	for _, f := range []struct {
		name, help string
		value      func(*View) float64
	}{
		{"lapwing_heartbeat_last_timestamp_seconds", "When the job told last that it ran; 0 when it never did.", func(v *View) float64 {
			if v.Last.IsZero() {
				return 0
			}
			return float64(v.Last.UnixMilli()) / 1000
		}},
		{"lapwing_heartbeat_ok", "Whether the job is on time and went well.", func(v *View) float64 {
			if v.State == Missing || v.State == Failed {
				return 0
			}
			return 1
		}},
	} {
		kind := dto.MetricType_GAUGE
		family := &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: &kind}
		for i := range list {
			value, label := f.value(&list[i]), "name"
			family.Metric = append(family.Metric, &dto.Metric{
				Label: []*dto.LabelPair{{Name: &label, Value: &list[i].Name}}, Gauge: &dto.Gauge{Value: &value},
			})
		}
		if err := emit(family); err != nil {
			return err
		}
	}
	return nil
}

func indexed(i int) string { return "[" + strconv.Itoa(i) + "]" }
