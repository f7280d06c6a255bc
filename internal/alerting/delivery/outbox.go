package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/health"
)

// Alerts is what the outbox asks about alerts. Methods may be called at any time
// and concurrently, and must not wait for the outbox.
type Alerts interface {
	// Alert returns an alert as it is now, and its state; false when it is
	// forgotten. The caller must not change it.
	Alert(id string) (*alert.Alert, State, bool)
	// Firing returns the alerts that fire and are neither acknowledged nor
	// suppressed: those that may be escalated.
	Firing() []*alert.Alert
}

// Publisher carries events to browsers that are looking. It must not block.
type Publisher interface {
	Publish(kind string, data any)
}

// Deps are what an outbox works with.
type Deps struct {
	Log         *slog.Logger
	Store       Store
	Alerts      Alerts
	Health      *health.Registry  // may be nil
	Publisher   Publisher         // may be nil
	ExternalURL func() string     // how people reach this server, for links; without a slash at the end
	Told        func(d *Delivery) // called after each delivery's first try and its end; must be quick; may be nil
}

// Settings are the parts of the configuration that may change while it runs.
type Settings struct {
	GiveUp time.Duration // default 24 h
	Steps  []Step
}

// Step says that an alert that nobody acknowledged for so long goes to another receiver.
type Step struct {
	Match labels.Matchers // nil: every alert
	After time.Duration   // since its first notification
	To    string          // receiver
}

// Outbox tries notifications until receivers take them. Build makes receivers of
// a configuration, Use makes them the ones in force; Run does the rest.
type Outbox struct {
	log    *slog.Logger
	deps   Deps
	counts *counts

	mu        sync.Mutex
	receivers *Receivers
	settings  Settings
	lanes     map[laneKey]*lane
	escalated escalated
	running   context.Context //nolint:containedctx // ends what Notify and Use start for Run
}

// New returns an outbox without receivers.
func New(d Deps) *Outbox { return nil }

// Use makes receivers and settings the ones in force. What waits for a receiver
// that is no more is given up when its turn comes. It cannot fail.
func (o *Outbox) Use(r *Receivers, s Settings) {}

// Load reads what waits for its next try, and what was escalated. It goes before Run.
func (o *Outbox) Load(ctx context.Context) error { return nil }

// Run tries again what waits, and escalates what nobody acknowledged, until ctx ends.
func (o *Outbox) Run(ctx context.Context) error { return nil }

// Test sends an example alert, marked as such, to each channel of a receiver, and
// returns what they said. It is fault.NotFound when there is no such receiver.
func (o *Outbox) Test(ctx context.Context, receiver string) error { return nil }

// Retry tries a waiting delivery at once. It is fault.NotFound when none waits by this ID.
func (o *Outbox) Retry(ctx context.Context, id int64) error { return nil }

// Waiting returns how many notifications wait for their next try, by receiver.
func (o *Outbox) Waiting() map[string]int { return nil }

// Escalated returns the receivers that an alert was escalated to, in order.
func (o *Outbox) Escalated(id string) []string { return nil }

// Collectors returns the outbox's own counters.
func (o *Outbox) Collectors() []prometheus.Collector { return nil }
