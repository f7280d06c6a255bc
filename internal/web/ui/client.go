package ui

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/block"
)

// clientPage is one client.
type clientPage struct {
	Key        string
	State      string // class
	Word       string // "blocked", "throttled", "calling", "quiet", "not seen"
	Sub        string
	Known      bool // among the busiest: there are numbers
	Fields     []field
	Tiles      []tile
	Chart      *chart
	Operations []clientOperationRow
	Waiting    []waiterRow
	Requests   *requestTable
	Block      *blockRow // that hits it
	Target     string    // to block; "" when it is nobody that a block can name
	Blocks     bool      // there are blocks
	Lengths    []blockLength
	CanWrite   bool
}

type clientOperationRow struct {
	API, Name, Requests string
	Meter               string
}

// clientRange is what the page of a client covers.
const clientRange = traffic.ClientWindow

func (u *UI) client(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasTraffic(r); err != nil {
		return err
	}
	now, key := u.now(), r.PathValue("key")
	c, known := u.Traffic.Requests.ClientByKey(key, clientRange)
	addr := c.Address
	if !known {
		addr = addressOf(key)
	}
	page := &clientPage{Key: key, Known: known, State: "unknown", Word: "not seen lately", CanWrite: u.viewer(r).CanWrite, Lengths: blockLengths}
	page.Requests = requestTableOf(u.Traffic.Requests.Recent(traffic.RequestFilter{Client: key}, requestRows), false, true)
	if known {
		u.clientNumbers(page, &c, now)
	}
	if u.Traffic.Limits != nil {
		var mine []waiter
		for _, wt := range u.Traffic.Limits.Waiting("", waitersRead) {
			if wt.Key == key {
				mine = append(mine, wt)
			}
		}
		page.Waiting = waiterRows(mine, now)
		if len(mine) > 0 {
			page.State, page.Word = "degraded", "throttled"
		}
	}
	if u.Traffic.Blocks != nil {
		page.Blocks, page.Target = true, blockTarget(key, addr)
		if entry, ok := u.Traffic.Blocks.Find(addr, key); ok {
			row := blockRowOf(&entry, now)
			page.Block = &row
			if !entry.Shadow {
				page.State, page.Word = "down", "blocked"
			}
		}
	}
	return u.show(w, r, "client", shell{Title: key, Nav: "traffic", Page: page})
}

// addressOf is the address in a client's key, if it has one.
func addressOf(key string) netip.Addr {
	if prefix, err := netip.ParsePrefix(key); err == nil {
		return prefix.Addr()
	}
	addr, _ := netip.ParseAddr(key)
	return addr
}

// blockTarget is what a block of the client names: its key, or its address when
// the key is of another kind.
func blockTarget(key string, addr netip.Addr) string {
	if target, err := block.ParseTarget(key); err == nil {
		return target.String()
	}
	if addr.IsValid() {
		return addr.String()
	}
	return ""
}

func (u *UI) clientNumbers(page *clientPage, c *traffic.Client, now time.Time) {
	switch idle := now.Sub(c.Last); {
	case idle > 5*time.Minute:
		page.State, page.Word = "unknown", "quiet"
	case !c.Held.IsZero() && now.Sub(c.Held) < time.Minute:
		page.State, page.Word = "degraded", "limited"
	default:
		page.State, page.Word = "up", "calling"
	}
	page.Sub = "last request " + ago(now, c.Last)
	add := func(name, value string) {
		if value != "" {
			page.Fields = append(page.Fields, field{Name: name, Value: value})
		}
	}
	add("Tier", c.Tier)
	add("User", otherName(c))
	if c.Address.IsValid() && c.Address.String() != c.Key {
		add("Last address", c.Address.String())
	}
	add("API", c.API)
	add("User agent", c.Agent)
	add("Counted since", moment{c.First}.Full()+" UTC")
	if c.Policy != "" {
		add("Last held back", "by "+c.Policy+", "+ago(now, c.Held))
	}
	page.Tiles = clientTiles(c, now)
	var most uint64
	for _, o := range c.Operations {
		most = max(most, o.Requests)
	}
	for _, o := range c.Operations {
		row := clientOperationRow{API: o.API, Name: o.Name, Requests: count(o.Requests), Meter: ratio(o.Requests, most)}
		if o.AtLeast < o.Requests {
			row.Requests = fmt.Sprintf("%s to %s", count(o.AtLeast), count(o.Requests))
		}
		page.Operations = append(page.Operations, row)
	}
	page.Chart = clientChart(c, timeRange{From: now.Add(-clientRange), To: now, Key: "1h"})
}

func clientTiles(c *traffic.Client, now time.Time) []tile {
	let := c.Requests - min(c.Requests, c.Rejected+c.Blocked+c.Unauthorized)
	length := clientRange
	if known := now.Sub(c.First); known < length {
		length = max(known, time.Second)
	}
	requests := tile{Name: "Requests, 1 h", Value: count(c.Requests), Text: rate(float64(c.Requests)/length.Seconds()) + "/s, " + size(c.BytesOut) + " answered"}
	failed := tile{Name: "Errors", Value: portion(c.Failed, let), Text: count(c.Failed) + " failed"}
	if c.Failed == 0 {
		failed.Text = "none failed"
	}
	client := tile{Name: "4xx", Value: portion(c.Status[4], c.Requests), Text: count(c.Status[4]) + " answers"}
	limited := tile{Name: "Over a limit", Value: count(c.Rejected), Text: portion(c.Rejected, c.Requests) + " of its requests"}
	delayed := tile{Name: "Delayed", Value: count(c.Delayed), Text: portion(c.Delayed, c.Requests) + " of its requests"}
	var refused []string
	for _, part := range []struct {
		n    uint64
		name string
	}{{c.Blocked, " blocked"}, {c.Unauthorized, " no access"}} {
		if part.n > 0 {
			refused = append(refused, count(part.n)+part.name)
		}
	}
	if len(refused) == 0 {
		refused = []string{"none blocked"}
	}
	blocked := tile{Name: "Refused", Value: count(c.Blocked + c.Unauthorized), Text: strings.Join(refused, " · ")}
	return []tile{requests, failed, client, limited, delayed, blocked}
}

func clientChart(c *traffic.Client, r timeRange) *chart {
	var points []stackPoint
	for i := range c.Points {
		p := &c.Points[i]
		covered := min(r.To.Sub(p.At), time.Minute) // the present minute is not over
		t := traffic.Totals{Requests: p.Requests, Status: p.Status, Failed: p.Failed, Delayed: p.Delayed, Rejected: p.Rejected, Blocked: p.Blocked}
		points = append(points, stackPoint{At: p.At, Covered: covered, Counts: requestCounts(&t), Note: plural(p.Requests, "request")})
	}
	return stackChart("Requests", requestBands, points, time.Minute, r)
}

// clientSearch leads to the page of the client that a form asks for.
func (u *UI) clientSearch(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasTraffic(r); err != nil {
		return err
	}
	key := strings.TrimSpace(cut(r.URL.Query().Get("key"), 500))
	if key == "" {
		http.Redirect(w, r, "/traffic#clients", http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, clientPath(key), http.StatusSeeOther) // #nosec G710 -- one escaped segment of a path of ours
	return nil
}
