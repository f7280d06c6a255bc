package heartbeats

import "time"

// State of a heartbeat.
type State string

// The states.
const (
	Waiting State = "waiting" // never heard of, and not late yet
	OK      State = "ok"
	Late    State = "late"    // within the grace
	Missing State = "missing" // later than that
	Failed  State = "failed"  // the job told that it failed
)

// Beat is the last sign of life of a job.
type Beat struct {
	Name    string
	Known   time.Time // since when it is waited for
	At      time.Time // of the last sign; zero: none
	OK      bool      // whether the job went well
	Message string    // what it said, at most MaxMessage bytes
	By      string    // the token that it came with
	Since   time.Time // of the first in a row that ended the same way
	Count   uint64
}

// MaxMessage bounds what a job may say, in bytes.
const MaxMessage = 2048

// View is a heartbeat as people see it.
type View struct {
	Name     string            `json:"name"`
	API      string            `json:"api,omitempty"`
	Every    time.Duration     `json:"-"`
	Grace    time.Duration     `json:"-"`
	State    State             `json:"state"`
	Last     time.Time         `json:"last,omitzero"` // sign of life
	Message  string            `json:"message,omitempty"`
	By       string            `json:"by,omitempty"`
	Due      time.Time         `json:"due"`   // when the next sign is waited for
	Since    time.Time         `json:"since"` // when State began
	Count    uint64            `json:"count"`
	Severity string            `json:"severity"`
	To       []string          `json:"to,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// view is how a heartbeat stands at a time.
func (h *Heartbeat) view(b *Beat, now time.Time) View {
	v := View{
		Name: h.Name, API: h.API, Every: h.Every.Std(), Grace: h.grace(), Last: b.At, Message: b.Message, By: b.By,
		Count: b.Count, Severity: h.Severity, To: h.To, Labels: h.Labels,
	}
	if v.Severity == "" {
		v.Severity = "critical"
	}
	heard := b.At
	if heard.IsZero() {
		heard = b.Known
	}
	v.Due = heard.Add(v.Every)
	switch {
	case now.After(v.Due.Add(v.Grace)):
		v.State, v.Since = Missing, v.Due.Add(v.Grace)
	case !b.At.IsZero() && !b.OK:
		v.State, v.Since = Failed, b.Since
	case now.After(v.Due):
		v.State, v.Since = Late, v.Due
	case b.At.IsZero():
		v.State, v.Since = Waiting, b.Known
	default:
		v.State, v.Since = OK, b.Since
	}
	return v
}
