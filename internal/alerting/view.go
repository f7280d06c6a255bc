package alerting

import (
	"cmp"
	"time"

	"lapwing.dev/lapwing/internal/alerting/delivery"
)

// State of an alert as people see it.
type State = delivery.State

// The states, in the order of their urgency.
const (
	Firing       State = "firing"
	Acknowledged State = "acknowledged" // somebody said that they have it
	Suppressed   State = "suppressed"   // silenced, inhibited or muted
	Pending      State = "pending"      // not long enough yet; nobody is told
	Resolved     State = "resolved"
)

// View is an alert as people see it. It is a copy; the caller owns it.
type View struct {
	ID          string            `json:"id"` // fingerprint of the labels, 16 hex digits
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       State             `json:"state"`
	Starts      time.Time         `json:"starts"`
	Ends        time.Time         `json:"ends,omitzero"`
	Updated     time.Time         `json:"updated"`
	Receivers   []string          `json:"receivers"`             // who gets it
	SilencedBy  []string          `json:"silenced_by,omitempty"` // IDs of silences
	InhibitedBy []string          `json:"inhibited_by,omitempty"`
	MutedBy     []string          `json:"muted_by,omitempty"` // names of time intervals
	Ack         *Ack              `json:"ack,omitempty"`
	Escalated   []string          `json:"escalated,omitempty"` // receivers that it was escalated to
}

// Operation is the operation that the alert is about; "" when it is about none.
func (v *View) Operation() string {
	return cmp.Or(v.Labels[LabelOperation], v.Annotations[NoteOperation])
}

// Ack says that somebody has an alert: it is not repeated and not escalated.
type Ack struct {
	Alert string    `json:"alert"` // ID
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"` // zero: until it is resolved
	Note  string    `json:"note,omitempty"`
}

// Matcher of a silence, as Alertmanager has them.
type Matcher struct {
	Name  string `json:"name"`
	Op    string `json:"op"` // = != =~ !~
	Value string `json:"value"`
}

// Silence keeps matching alerts from being told.
type Silence struct {
	ID       string    `json:"id"`
	Matchers []Matcher `json:"matchers"`
	Starts   time.Time `json:"starts"`
	Ends     time.Time `json:"ends"`
	By       string    `json:"created_by"`
	Comment  string    `json:"comment"`
	State    string    `json:"state"`  // pending, active, expired
	Alerts   int       `json:"alerts"` // that it keeps quiet now
}

// Delivery is one notification to one receiver, with every try.
type Delivery = delivery.Delivery

// Told is an alert in a delivery.
type Told = delivery.Told

// Receiver is one configured receiver.
type Receiver struct {
	Name         string   `json:"name"`
	Integrations []string `json:"integrations"` // kinds, in order: slack, webhook, email
}

// Recipient is who would get an alert, and by which way.
type Recipient struct {
	Receiver  string        `json:"receiver"`
	Route     string        `json:"route"` // as a path of matchers: "{} > {severity=\"critical\"}"
	GroupBy   []string      `json:"group_by"`
	Wait      time.Duration `json:"-"` // group_wait
	Repeat    time.Duration `json:"-"` // repeat_interval
	Escalates []Escalation  `json:"escalates,omitempty"`
}
