package ui

import (
	"net/url"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/traffic"
)

func clientPath(key string) string { return "/traffic/clients/" + url.PathEscape(key) }

// clientRow is one of the busiest clients.
type clientRow struct {
	Key, Link          string
	User, Tier         string
	Requests, Share    string
	Meter              string
	Client, Errors     string // 4xx and failed; "" for none
	Limited, Delayed   string
	Last               string
	Blocked, Throttled bool
	Tone               string
}

func (u *UI) clientsCard(page *trafficPage, state *trafficState, now time.Time) {
	over := min(page.Range.To.Sub(page.Range.From), traffic.ClientWindow)
	page.Over = span(over)
	waiting := map[string]bool{}
	for _, w := range state.waiting {
		waiting[w.Key] = true
	}
	list := u.Traffic.Requests.Clients(over, clientRows)
	total := u.Traffic.Requests.Summary(now.Add(-over), now, 1, traffic.Filter{}).Requests
	var busiest uint64
	for i := range list {
		total, busiest = max(total, list[i].Requests), max(busiest, list[i].Requests)
	}
	dash := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return count(n)
	}
	for i := range list {
		c := &list[i]
		row := clientRow{
			Key: c.Key, Link: clientPath(c.Key), User: otherName(c), Tier: c.Tier, Requests: count(c.Requests), Share: portion(c.Requests, total),
			Meter: ratio(c.Requests, busiest), Client: dash(c.Status[4]), Errors: dash(c.Failed), Limited: dash(c.Rejected), Delayed: dash(c.Delayed),
			Last: ago(now, c.Last), Throttled: waiting[c.Key],
		}
		if u.Traffic.Blocks != nil {
			if entry, ok := u.Traffic.Blocks.Find(c.Address, c.Key); ok && !entry.Shadow {
				row.Blocked, row.Tone = true, "is-blocked"
			}
		}
		page.Clients = append(page.Clients, row)
	}
}

// otherName is the user of a client, when its key does not say it.
func otherName(c *traffic.Client) string {
	if _, name, _ := strings.Cut(c.Key, ":"); name == c.User {
		return ""
	}
	return c.User
}
