package slo

import "time"

// How long something must be so before its alert changes.
const (
	calmFor    = 2 * time.Minute  // below the threshold, before an alert is resolved
	noDataKept = 15 * time.Minute // without data, before an alert that fired is given up
	calmBelow  = .8               // of the threshold: between it and the threshold, an alert neither begins nor ends
)

// reading is what a look at the data says about an alert.
type reading uint8

const (
	unknown reading = iota // nothing can be said yet: everything stays as it is
	nothing                // there is no data
	calm                   // clearly fine
	between                // fine, but too close to say that it is over
	holds
)

// alarm is the life of one alert:
//
//	          holds          for so long
//	(none) ───────► pending ─────────────► firing ◄──────► no_data
//	   ▲  not any more │          calm for so long │  no data  │ for long
//	   └───────────────┴───────────────────────────┴───────────┘
type alarm struct {
	state        State // "" for none
	since, fired time.Time
	calm, quiet  time.Time // since when it is calm, or without data
	window       string    // of an objective's pair that it began with
}

// look takes a reading. The alert fires when it has held for so long, and ends
// when it has been calm for so long.
func (a *alarm) look(now time.Time, r reading, hold, calmed time.Duration) {
	if a.state == "" {
		if r != holds {
			return
		}
		*a = alarm{state: Pending, since: now}
	}
	switch r {
	case unknown:
		return
	case calm:
		if a.calm.IsZero() {
			a.calm = now
		}
	default:
		a.calm = time.Time{}
	}
	switch {
	case r == nothing && a.quiet.IsZero():
		a.quiet = now
	case r != nothing:
		a.quiet = time.Time{}
	}
	switch {
	case a.state == Pending && r != holds:
		*a = alarm{}
	case a.state == Pending && now.Sub(a.since) >= hold:
		a.state, a.fired = Firing, now
	case a.state == Pending:
	case r == calm && now.Sub(a.calm) >= calmed, r == nothing && now.Sub(a.quiet) >= noDataKept:
		*a = alarm{}
	case r == nothing:
		a.state = NoData
	default:
		a.state = Firing
	}
}

// on reports whether the alert has fired and is not over.
func (a *alarm) on() bool { return a.state == Firing || a.state == NoData }

// restore takes up what a condition was before a restart.
func (a *alarm) restore(c *Condition) {
	*a = alarm{state: c.State, since: c.Since, fired: c.Fired, window: c.Window}
	if c.State == NoData {
		a.quiet = c.Since
		if !c.Quiet.IsZero() {
			a.quiet = c.Quiet
		}
	}
}
