package rules

import (
	"time"

	promrules "github.com/prometheus/prometheus/rules"
)

// Alert is one series for which the condition of an alerting rule holds. Its
// labels, alertname among them, are its identity.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	Expr        string    // of the rule
	Starts      time.Time // since when it fires; for a pending one, since when the condition holds
	Ends        time.Time // zero while it fires
	// ValidUntil is how long it fires unless it is told again: four times its
	// interval, so that a rule that went away does not leave its alerts behind.
	ValidUntil time.Time
}

func newAlert(expr string, a *promrules.Alert) Alert {
	starts := a.FiredAt
	if a.State == promrules.StatePending {
		starts = a.ActiveAt
	}
	return Alert{
		Labels: a.Labels.Map(), Annotations: a.Annotations.Map(), Expr: expr,
		Starts: starts, Ends: a.ResolvedAt, ValidUntil: a.ValidUntil,
	}
}
