package alerting

import (
	"context"
	"time"

	"lapwing.dev/lapwing/internal/alerting/delivery"
)

// Store keeps what must survive a kill. Implementations MUST have on disk what
// they acknowledged. Methods may be called concurrently.
type Store interface {
	delivery.Store

	// PutAlerts stores alerts by ID; one that is known is replaced. In the same
	// transaction it drops the acknowledgements of those that have ended: whose Ends
	// is neither zero nor after Updated.
	PutAlerts(ctx context.Context, alerts []Stored) error
	// Alerts returns the alerts that go on, and those that ended after a time. One
	// whose Ends is after its Updated goes on, whatever the time is now.
	Alerts(ctx context.Context, endedAfter time.Time) ([]Stored, error)
	// Alert returns one; false without it.
	Alert(ctx context.Context, id string) (Stored, bool, error)
	// PutAck stores an acknowledgement, one for each alert; DropAck ends it.
	PutAck(ctx context.Context, ack Ack) error
	DropAck(ctx context.Context, alert string) error
	Acks(ctx context.Context) ([]Ack, error)
	// PutBlobs stores pieces of Alertmanager's own state by kind and key, all or
	// none. Blobs returns those of a kind by key.
	PutBlobs(ctx context.Context, blobs []Blob) error
	Blobs(ctx context.Context, kind string) (map[string][]byte, error)
	// Prune forgets alerts that ended before a time, deliveries that were made and
	// are over, escalations of alerts that are forgotten, and blobs that have
	// expired. Of the alerts that ended it keeps the most recent ones, at most most;
	// of the deliveries that are over as many.
	Prune(ctx context.Context, before time.Time, most int) error
}

// Stored is an alert as it is stored. Times are kept in milliseconds.
type Stored struct {
	ID      string
	Source  string // of Sync; "" when it was put
	Alert   Alert
	Updated time.Time
}

// Ended reports whether the alert had ended when it was stored.
func (s *Stored) Ended() bool {
	return !s.Alert.Ends.IsZero() && !s.Alert.Ends.After(s.Updated)
}

// Blob is a piece of Alertmanager's own state: a silence, an entry of its
// notification log.
type Blob struct {
	Kind, Key string
	Data      []byte
	Expires   time.Time
}

// StoredDelivery is one that waits for its next try.
type StoredDelivery = delivery.StoredDelivery

// Escalated says that an alert was escalated.
type Escalated = delivery.Escalated
