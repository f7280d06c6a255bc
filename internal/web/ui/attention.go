package ui

import (
	"cmp"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/checks"
)

// attention is one thing that somebody should look at: a check, an operation, a
// job, or an alert about none of them.
type attention struct {
	Name, API string
	Link      string
	Status    string
	Why       string
	Failing   string // "33.4 % of requests fail", when Why is of a check
	FailingAs string // class of it
	Since     moment
	Age       string
	Old       bool // Since needs its date
	Also      int  // checks that are down because of this one
	Alerts    int  // that fire about it
	Links     []attentionLink
}

// attentionLink is a way to more.
type attentionLink struct{ Text, Link string }

// attentionList collects what needs attention, each thing once: what a check, the
// error rate and an alert say of the same operation is one entry.
type attentionList struct {
	list        []attention
	now         time.Time
	byCheck     map[string]int    // ID and name → index in list
	byOperation map[[2]string]int // API and operation → index in list
	byHeartbeat map[string]int    // name → index in list
}

// needsAttention lists what is not as it should be, the worst first, at most
// attentionShown, and how many more there are.
func needsAttention(views []checks.View, s *signals, now time.Time) (list []attention, more int) {
	l := &attentionList{now: now, byCheck: map[string]int{}, byOperation: map[[2]string]int{}, byHeartbeat: map[string]int{}}
	l.checks(views)
	l.heartbeats(s.beats)
	l.alerts(s.alerts, s.operations)
	l.endpoints(s.operations)
	rank := func(a *attention) int {
		if a.Status == "down" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(l.list, func(a, b attention) int { return cmp.Compare(rank(&a), rank(&b)) })
	if len(l.list) > attentionShown {
		more = len(l.list) - attentionShown
		l.list = l.list[:attentionShown]
	}
	return l.list, more
}

func (l *attentionList) add(a attention, since time.Time) int {
	a.Since, a.Age, a.Old = moment{since}, ago(l.now, since), l.now.Sub(since) >= 24*time.Hour
	l.list = append(l.list, a)
	return len(l.list) - 1
}

// checks adds the checks. One that is down because of another is counted with
// that one.
func (l *attentionList) checks(views []checks.View) {
	names := causes(views, func(v *checks.View) string { return v.Name })
	add := func(v *checks.View, status, why string, since time.Time) {
		a := attention{Name: v.Name, API: v.API, Link: checkPath(v.ID), Status: status, Why: why}
		if v.Last != nil {
			a.Links = append(a.Links, attentionLink{"last run", runPath(v.ID, v.Last.Run)})
		}
		a.Links = append(a.Links, attentionLink{"failures", checkPath(v.ID) + "?runs=problems#runs"})
		at := l.add(a, since)
		l.byCheck[v.ID], l.byCheck[v.Name] = at, at
		operation := v.Operation
		if operation == "" {
			operation = v.Name // as checks are named that were written after a document
		}
		l.byOperation[[2]string{v.API, operation}] = at
	}
	for i := range views {
		if v := &views[i]; v.State == checks.Down && v.BecauseOf == "" {
			add(v, "down", v.Reason, v.Since)
		}
	}
	for i := range views {
		v := &views[i]
		if v.State != checks.Down || v.BecauseOf == "" {
			continue
		}
		if at, ok := l.byCheck[v.BecauseOf]; ok {
			l.list[at].Also++
			l.byCheck[v.ID], l.byCheck[v.Name] = at, at // an alert about it says the same
			continue
		}
		add(v, "down", "because "+names[v.BecauseOf]+" is down", v.Since)
	}
	for i := range views {
		if v := &views[i]; v.State == checks.Degraded {
			add(v, "degraded", v.Reason, v.Since)
		}
	}
	for i := range views {
		v := &views[i]
		switch left := v.CertExpires.Sub(l.now); {
		case v.State == checks.Up && v.Failures > 0:
			add(v, "degraded", plural(v.Failures, "failed run")+" in a row, not yet counted as down: "+v.Reason, lastAt(v))
		case v.State == checks.Up && !v.CertExpires.IsZero() && left < certSoon:
			add(v, "degraded", "the certificate expires in "+span(left), time.Time{})
		}
	}
}

// alerts adds what fires and nobody has acknowledged or silenced.
func (l *attentionList) alerts(alerts []alerting.View, endpoints []endpoint) {
	known := map[[2]string]*endpoint{}
	for i := range endpoints {
		known[[2]string{endpoints[i].API, endpoints[i].Operation}] = &endpoints[i]
	}
	for i := range alerts {
		a := &alerts[i]
		if a.State != alerting.Firing {
			continue
		}
		operation := [2]string{a.Labels[alerting.LabelAPI], a.Operation()}
		at, ok := l.byCheck[a.Labels[alerting.LabelCheck]]
		if !ok && operation[1] != "" {
			at, ok = l.byOperation[operation]
		}
		if beat := heartbeatOf(a); !ok && beat != "" {
			at, ok = l.byHeartbeat[beat]
		}
		if ok {
			l.list[at].Alerts++
			if l.list[at].Alerts == 1 {
				l.list[at].Links = append(l.list[at].Links, attentionLink{"alert", alertPath(a.ID)})
			}
			if markClass(a) == "down" {
				l.list[at].Status = "down"
			}
			continue
		}
		item := attention{Name: alertName(a), API: cut(operation[0], 200), Link: alertPath(a.ID), Status: markClass(a), Why: alertSummary(a), Alerts: 1}
		if e := known[operation]; e != nil {
			item.Name, item.Link = e.Operation, operationPath(e.API, e.Operation)
			item.Links = []attentionLink{{"alert", alertPath(a.ID)}}
		}
		at = l.add(item, a.Starts)
		if operation[1] != "" {
			l.byOperation[operation] = at
		}
		if check := a.Labels[alerting.LabelCheck]; check != "" {
			l.byCheck[check] = at
		}
	}
}

// endpoints adds the operations that fail too often.
func (l *attentionList) endpoints(endpoints []endpoint) {
	for i := range endpoints {
		e := &endpoints[i]
		if e.Unused || e.State != "critical" && e.State != "warning" {
			continue
		}
		failing := shareText(e.Share) + " of requests fail"
		if at, ok := l.byOperation[[2]string{e.API, e.Operation}]; ok {
			if l.list[at].Link != operationPath(e.API, e.Operation) { // a check
				l.list[at].Failing, l.list[at].FailingAs = failing, endpointStates[e.State][0]
				l.list[at].Links = append(l.list[at].Links, attentionLink{"operation", operationPath(e.API, e.Operation)})
			}
			if e.State == "critical" {
				l.list[at].Status = "down"
			}
			continue
		}
		var since time.Time
		for _, c := range e.Firing {
			if since.IsZero() || c.Since.Before(since) {
				since = c.Since
			}
		}
		l.add(attention{
			Name: e.Operation, API: e.API, Link: operationPath(e.API, e.Operation), Status: endpointStates[e.State][0],
			Why: failing + ": " + count(e.Errors) + " of " + count(e.Requests) + " in the last " + span(e.Over),
		}, since)
	}
}

func lastAt(v *checks.View) time.Time {
	if v.Last == nil {
		return time.Time{}
	}
	return v.Last.At()
}
