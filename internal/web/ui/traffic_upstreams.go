package ui

import (
	"lapwing.dev/lapwing/internal/gateway/upstream"
)

// upstreamRow is one server.
type upstreamRow struct {
	Pool, URL          string
	State, Word        string // class and text
	Why, Left          string
	InWork             int64
	Requests, Failures string
	Breaker            string // of the pool, when it is not closed
	Tone               string
}

func upstreamRows(pools []upstream.PoolStatus) []upstreamRow {
	var rows []upstreamRow
	for i := range pools {
		p := &pools[i]
		for n := range p.Servers {
			s := &p.Servers[n]
			row := upstreamRow{
				Pool: poolName(p.Name), URL: s.URL, State: "up", Word: string(s.State), Why: s.Why,
				InWork: s.InWork, Requests: count(s.Requests), Failures: portion(s.Failed, s.Requests),
			}
			if s.Failed == 0 {
				row.Failures = ""
			}
			if s.Left > 0 {
				row.Left = span(s.Left)
			}
			if p.Breaker != "" && p.Breaker != "closed" {
				row.Breaker = p.Breaker
			}
			switch s.State {
			case upstream.Down, upstream.Ejected:
				row.State, row.Tone = "down", "is-down"
			case upstream.Returning:
				row.State, row.Word = "degraded", "coming back"
			case upstream.Up:
			}
			rows = append(rows, row)
		}
	}
	return rows
}
