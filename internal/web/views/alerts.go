package views

import (
	"context"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
)

// Alerts tells of alerts, silences and deliveries, and changes them;
// *alerting.Manager does. All methods may be called concurrently; what they
// return belongs to the caller.
type Alerts interface {
	// Alerts returns the alerts, most urgent first; resolved ones only when they
	// ended after resolvedAfter (zero: none).
	Alerts(ctx context.Context, resolvedAfter time.Time) ([]alerting.View, error)
	// Alert returns one; fault.NotFound without it.
	Alert(ctx context.Context, id string) (alerting.View, error)
	// Acknowledge says that somebody has it; until may be zero. fault.Conflict when it is not firing.
	Acknowledge(ctx context.Context, id, by, note string, until time.Time) error
	// Unacknowledge takes that back.
	Unacknowledge(ctx context.Context, id, by string) error
	// Silences returns all that have not expired, and those that did after a time.
	Silences(ctx context.Context, expiredAfter time.Time) ([]alerting.Silence, error)
	// Silence adds one (ID "") or changes one, and returns its ID once it is stored. fault.Invalid.
	Silence(ctx context.Context, s alerting.Silence) (id string, err error)
	// Unsilence ends one; fault.NotFound.
	Unsilence(ctx context.Context, id, by string) error
	// Deliveries returns notifications, newest first, before an ID (0: from the newest on).
	Deliveries(ctx context.Context, receiver string, before int64, most int) ([]alerting.Delivery, error)
	// Retry tries a delivery that waits or has failed again now; fault.NotFound.
	Retry(ctx context.Context, delivery int64) error
	// Receivers returns the configured ones.
	Receivers() []alerting.Receiver
	// Test sends an example alert to a receiver and waits for its answer. fault.NotFound; the
	// error of the receiver without secrets.
	Test(ctx context.Context, receiver, by string) error
	// Recipients says who would get an alert with labels.
	Recipients(labels map[string]string) []alerting.Recipient
}
