package delivery

import (
	"context"
	"time"
)

// State of an alert as people see it. Package alerting names them.
type State string

// The states that a delivery tells apart.
const (
	stateFiring   State = "firing"
	stateResolved State = "resolved"
)

// States of a delivery.
const (
	Delivered  = "delivered"  // the receiver took it
	Waiting    = "waiting"    // it is tried again
	Failed     = "failed"     // given up
	Superseded = "superseded" // newer news took its place
)

// Reasons of a delivery.
const (
	ReasonNotify   = "notify"   // the route says so
	ReasonEscalate = "escalate" // nobody acknowledged in time
	ReasonTest     = "test"     // somebody tried the receiver
)

// Delivery is one notification to one receiver, with every try.
type Delivery struct {
	ID       int64     `json:"id"`
	Receiver string    `json:"receiver"`
	Kind     string    `json:"kind"`   // slack, webhook, email, …
	Reason   string    `json:"reason"` // notify, escalate, test
	Alerts   []Told    `json:"alerts"` // the first ones, at most MaxTold
	Firing   int       `json:"firing"`
	Resolved int       `json:"resolved"`
	Created  time.Time `json:"created"`
	Tries    int       `json:"tries"`
	Last     time.Time `json:"last,omitzero"`   // try
	Next     time.Time `json:"next,omitzero"`   // try; zero when there will be none
	State    string    `json:"state"`           // delivered, waiting, failed (given up), superseded
	Error    string    `json:"error,omitempty"` // of the last try, without secrets
}

// MaxTold is how many alerts of a delivery are remembered by name. Its counts are of all.
const MaxTold = 100

// Told is an alert in a delivery.
type Told struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Summary string `json:"summary"`
	State   State  `json:"state"`
}

// StoredDelivery is one that waits for its next try.
type StoredDelivery struct {
	Delivery
	Payload []byte
}

// Escalated says that an alert was escalated.
type Escalated struct {
	Alert    string
	Starts   time.Time // of the alert: a later one is another story
	Receiver string
	At       time.Time
}

// Store keeps deliveries. Implementations MUST have on disk what they
// acknowledged. Methods may be called concurrently.
type Store interface {
	// PutDelivery stores a delivery; with ID 0 it is a new one, and gets an ID.
	// payload is what is needed to try it again, nil when it is over.
	PutDelivery(ctx context.Context, d *Delivery, payload []byte) error
	// PutEnded stores new deliveries that are over, all or none, and gives them IDs.
	PutEnded(ctx context.Context, list []*Delivery) error
	// Waiting returns deliveries that are to be tried again, with their payloads.
	Waiting(ctx context.Context) ([]StoredDelivery, error)
	// Deliveries returns the last ones, newest first, older than before (0: from the
	// newest on), of a receiver or of all (""), at most most.
	Deliveries(ctx context.Context, receiver string, before int64, most int) ([]Delivery, error)
	// PutEscalation remembers that an alert was escalated; Escalations returns all
	// that are remembered.
	PutEscalation(ctx context.Context, alert string, starts time.Time, receiver string, at time.Time) error
	Escalations(ctx context.Context) ([]Escalated, error)
}
