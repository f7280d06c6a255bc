package app

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/slo"
)

// prepareAlerts makes ready what measures, what judges, and what tells people.
func (p *parts) prepareAlerts(l *config.Loaded, add func(section string, commit func(), err error) error) error {
	f := &l.File
	if err := p.series.prepare(l, add); err != nil {
		return err
	}
	commit, err := p.slo.Prepare(slo.Config{APIs: f.APIs})
	if err := add("", commit, err); err != nil {
		return err
	}
	commit, err = p.logs.Prepare(f.Ingest, l.Dir, f.APIs, trustedProxies(f)...)
	if err := add("ingest", commit, err); err != nil {
		return err
	}
	commit, err = p.beats.Prepare(f.Heartbeats)
	if err := add("heartbeats", commit, err); err != nil {
		return err
	}
	commit, err = p.telling.prepare(f.Alerting.Builtin)
	if err := add("alerting.builtin", commit, err); err != nil {
		return err
	}
	commit, err = p.alerts.Prepare(alertsOf(l))
	return add("", commit, err)
}

// builtin are the alerts that come without configuration.
func builtin() []string {
	return []string{
		checkDown, checkDegraded, checkFlaky, certificateEnds, heartbeatMissing, heartbeatFailed, lapwingUnwell, errorLogLines,
		slo.ErrorRateHigh, slo.ErrorBudgetBurn, slo.LatencyRegression, slo.TrafficSpike, slo.TrafficDrop,
	}
}

// prepare switches built-in alerts off by name.
func (t *teller) prepare(wanted map[string]bool) (commit func(), err error) {
	var ps fault.Problems
	off := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !slices.Contains(builtin(), name) {
			hint := fault.DidYouMean(name, builtin())
			if hint == "" {
				hint = "built-in alerts are " + strings.Join(builtin(), ", ")
			}
			ps.Add(name, hint, "there is no built-in alert %q", name)
		}
		off[name] = !wanted[name]
	}
	return func() { t.off.Store(&off) }, ps.Err()
}

// trustedProxies are those whose word about clients is believed.
func trustedProxies(f *config.File) []netip.Prefix {
	list := make([]netip.Prefix, len(f.Gateway.TrustedProxies))
	for i, proxy := range f.Gateway.TrustedProxies {
		list[i] = proxy.Prefix()
	}
	return list
}

// alertsOf are the sections about who is told.
func alertsOf(l *config.Loaded) alerting.Config {
	f := &l.File
	c := alerting.Config{
		Global: f.Global, Receivers: f.Receivers, Route: f.Route, InhibitRules: f.InhibitRules, TimeIntervals: f.TimeIntervals,
		MuteTimeIntervals: f.MuteTimeIntervals, Templates: f.Templates, Alerting: f.Alerting, Dir: l.Dir,
	}
	for i := range f.Checks {
		for j, receiver := range f.Checks[i].Alert.To {
			c.Named = append(c.Named, alerting.Named{Receiver: receiver, Path: fmt.Sprintf("checks[%d].alert.to[%d]", i, j)})
		}
	}
	for i := range f.Heartbeats {
		for j, receiver := range f.Heartbeats[i].To {
			c.Named = append(c.Named, alerting.Named{Receiver: receiver, Path: fmt.Sprintf("heartbeats[%d].to[%d]", i, j)})
		}
	}
	return c
}

// observed hands results on to whoever tells of them, and to another.
func (p *parts) observed(also func(*checks.Result)) func(*checks.Result) {
	return func(r *checks.Result) {
		p.telling.Observe(r)
		if also != nil {
			also(r)
		}
	}
}

// page is the absolute link to a page.
func (p *parts) page(path string) string {
	return strings.TrimSuffix(p.alerts.ExternalURL(), "/") + path
}
