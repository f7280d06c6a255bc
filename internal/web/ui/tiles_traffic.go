package ui

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/traffic"
)

// errorRateTile is the share of requests that failed over all APIs, and what the
// tightest objective has left.
func errorRateTile(apis, operations []endpoint) tile {
	var requests, errors uint64
	var over time.Duration
	left := math.Inf(1)
	states := map[string]int{}
	for i := range apis {
		a := &apis[i]
		requests, errors, over = requests+a.Requests, errors+a.Errors, max(over, a.Over)
		states[a.State]++
	}
	failing := 0
	for _, list := range [][]endpoint{apis, operations} {
		for i := range list {
			if l, ok := list[i].budget(); ok {
				left = min(left, l)
			}
		}
	}
	for i := range operations {
		if s := operations[i].state(); s == "critical" || s == "warning" {
			failing++
		}
	}
	t := tile{Name: "Error rate, " + span(over), Value: "–", Text: "no requests in this time", Link: "/endpoints?sort=errors"}
	if requests > 0 {
		t.Value, t.Text = portion(errors, requests), fmt.Sprintf("%s of %s failed", count(errors), count(requests))
	}
	if failing > 0 {
		t.Text = "too high for " + plural(failing, "operation")
		t.Tone = "is-degraded"
	}
	switch {
	case states["critical"] > 0:
		t.Tone = "is-down"
	case states["warning"] > 0:
		t.Tone = "is-degraded"
	}
	if !math.IsInf(left, 1) {
		t.Meter, t.MeterTone = fmt4(min(max(left, 0), 1)), budgetTone(left)
		t.Text += " · budget " + budgetText(left)
	}
	return t
}

// servedTile is the latency of requests; false when there were none.
func servedTile(s *traffic.Summary) (tile, bool) {
	if s.P95 <= 0 {
		return tile{}, false
	}
	return tile{Name: "Latency p95, 5 min", Value: latency(s.P95), Text: "p50 " + latency(s.P50) + " · p99 " + latency(s.P99), Link: "/endpoints?sort=p95"}, true
}

// requestsTile is how many requests come, beside the last hour, and how many of
// them were held back.
func requestsTile(now5, hour *traffic.Summary) tile {
	t := tile{Name: "Requests, 5 min", Value: rate(now5.Rate()), Of: "s", Link: "/traffic", Text: "none now"}
	if usual := hour.Rate(); usual > 0 && now5.Requests > 0 && hour.Covered >= 30*time.Minute {
		change := math.Round((now5.Rate()/usual - 1) * 100)
		switch {
		case change > 999:
			t.Text = "over 10 × the last hour"
		case change == 0:
			t.Text = "as in the last hour"
		case change > 0:
			t.Text = fmt.Sprintf("+%.0f"+nbsp+"%% on last hour", change)
		default:
			t.Text = fmt.Sprintf("−%.0f"+nbsp+"%% on last hour", -change)
		}
	} else if now5.Requests > 0 {
		t.Text = count(now5.Requests) + " in all"
	}
	if now5.Rejected > 0 {
		t.Text += " · " + portion(now5.Rejected, now5.Requests) + " limited"
	}
	return t
}

// alertsTile is how many alerts wait for somebody.
func alertsTile(list []alerting.View, known bool) tile {
	t := tile{Name: "Alerts firing", Link: "/alerts"}
	if !known {
		t.Value, t.Text = "–", "not readable"
		return t
	}
	counts := map[alerting.State]int{}
	for i := range list {
		counts[list[i].State]++
	}
	n := counts[alerting.Firing]
	t.Value = count(n)
	for _, p := range []struct {
		state alerting.State
		name  string
	}{{alerting.Acknowledged, " acknowledged"}, {alerting.Suppressed, " quiet"}} {
		if c := counts[p.state]; c > 0 {
			t.Text = joined(t.Text, count(c)+p.name)
		}
	}
	if v := alertsVerdict(list); n > 0 {
		t.Tone, t.Link = "is-"+v.Status, "/alerts?state=firing"
	}
	if t.Text == "" {
		t.Text = "none in 24 h"
		if len(list) > 0 {
			t.Text = alertsVerdict(list).Sub
		}
	}
	return t
}

// signals is what the overview knows besides checks.
type signals struct {
	alerts     []alerting.View
	alertsRead bool // or a last good list is there
	beats      []heartbeats.View
	apis       []endpoint
	operations []endpoint
	recent     *traffic.Summary // 5 minutes; nil without traffic
	hour       *traffic.Summary
}

// judged reports whether there are requests to tell of.
func (s *signals) judged() bool { return len(s.apis) > 0 }

func (u *UI) signals(r *http.Request, now time.Time) *signals {
	s := &signals{beats: u.heartbeats()}
	if u.Alerts != nil {
		list, at, err := u.alertList(r.Context(), badgeAge)
		if err != nil && r.Context().Err() == nil {
			u.log.ErrorContext(r.Context(), "alerts not readable", "page", "overview", "error", err)
		}
		s.alerts, s.alertsRead = list, err == nil || !at.IsZero()
	}
	if u.Endpoints != nil {
		s.apis, s.operations = u.wholeAPIs(""), u.knownEndpoints()
	}
	if u.Traffic != nil && s.judged() {
		recent := u.Traffic.Requests.Summary(now.Add(-trafficNow), now, 1, traffic.Filter{})
		hour := u.Traffic.Requests.Summary(now.Add(-time.Hour), now, 1, traffic.Filter{})
		s.recent, s.hour = &recent, &hour
	}
	return s
}
