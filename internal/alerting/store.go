package alerting

import (
	"context"
	"time"

	"lapwing.dev/lapwing/internal/alerting/delivery"
)

// Store keeps what must survive a kill. Implementations MUST have on disk what
// they acknowledged. Methods may be called concurrently.
type Store interface {
	// PutAlerts stores alerts by ID; one that is known is replaced.
	PutAlerts(ctx context.Context, alerts []Stored) error
	// Alerts returns the alerts that go on or ended after a time.
	Alerts(ctx context.Context, endedAfter time.Time) ([]Stored, error)
	// PutAck stores an acknowledgement; DropAck ends it.
	PutAck(ctx context.Context, ack Ack) error
	DropAck(ctx context.Context, alert string) error
	Acks(ctx context.Context) ([]Ack, error)
	// PutBlob stores a piece of Alertmanager's own state (a silence, an entry of its
	// notification log) by kind and key; Blobs returns those of a kind by key.
	PutBlob(ctx context.Context, kind, key string, data []byte, expires time.Time) error
	Blobs(ctx context.Context, kind string) (map[string][]byte, error)
	// PutDelivery stores a delivery; with ID 0 it is a new one, and gets an ID.
	// payload is what is needed to try it again, nil when it is over.
	PutDelivery(ctx context.Context, d *Delivery, payload []byte) error
	// Waiting returns deliveries that are to be tried again, with their payloads.
	Waiting(ctx context.Context) ([]StoredDelivery, error)
	// Deliveries returns the last ones, newest first, older than before (0: from the
	// newest on), of a receiver or of all (""), at most most.
	Deliveries(ctx context.Context, receiver string, before int64, most int) ([]Delivery, error)
	// PutEscalation remembers that an alert was escalated; Escalations returns the
	// receivers by alert ID.
	PutEscalation(ctx context.Context, alert string, starts time.Time, receiver string, at time.Time) error
	Escalations(ctx context.Context) ([]Escalated, error)
	// Prune forgets what ended before a time, and blobs that have expired.
	Prune(ctx context.Context, before time.Time) error
}

// Stored is an alert as it is stored.
type Stored struct {
	ID      string
	Source  string // of Sync; "" when it was put
	Alert   Alert
	Updated time.Time
}

// StoredDelivery is one that waits for its next try.
type StoredDelivery = delivery.StoredDelivery

// Escalated says that an alert was escalated.
type Escalated = delivery.Escalated
