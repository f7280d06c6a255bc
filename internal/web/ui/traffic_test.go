package ui_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
	"lapwing.dev/lapwing/middleware/block"
)

// rush is the pages of the shop on a busy day, changed by with.
func rush(t testing.TB, with func(d *ui.Deps)) *ui.UI {
	t.Helper()
	deps := uitest.Deps(uitest.Shop(noon), noon)
	if with != nil {
		with(&deps)
	}
	return open(t, deps)
}

func TestTrafficPageSaysTheVerdictFirst(t *testing.T) {
	const ms = time.Millisecond
	all := func(t *traffic.Totals, n uint64) { t.Requests, t.Status[2], t.P50, t.P95, t.P99 = n, n, ms, ms, ms }
	pool := func(name string, states ...upstream.State) upstream.PoolStatus {
		p := upstream.PoolStatus{Name: name}
		for _, s := range states {
			p.Servers = append(p.Servers, upstream.ServerStatus{URL: "http://10.0.0.1", State: s})
		}
		return p
	}
	up := uitest.Upstreams{pool("orders/default", upstream.Up)}
	tests := []struct {
		name      string
		upstreams uitest.Upstreams
		now       func(t *traffic.Totals)
		want, sub string
	}{
		{"nothing wrong", up, func(t *traffic.Totals) { all(t, 42_600) }, "up: 142 requests a second, none of them fails", "nobody is held back"},
		{"few fail", up, func(t *traffic.Totals) { all(t, 600); t.Failed = 6 }, "up: 2 requests a second, 1.00 % fail", "nobody is held back"},
		{"many fail", up, func(t *traffic.Totals) { all(t, 600); t.Failed = 60 }, "degraded: 10.0 % of requests fail", "2 requests a second"},
		{"most fail", up, func(t *traffic.Totals) { all(t, 600); t.Failed = 300 }, "down: 50.0 % of requests fail", "2 requests a second"},
		{"refusals are no failures", up, func(t *traffic.Totals) { all(t, 600); t.Rejected = 590 }, "up: 2 requests a second, none of them fails", "98.3 % over a limit"},
		{"too few to tell", up, func(t *traffic.Totals) { all(t, 10); t.Failed = 9 }, "up: 2 requests a minute, 90.0 % fail", "nobody is held back"},
		{"quiet", up, func(*traffic.Totals) {}, "unknown: No requests in the last 5 minutes", "nobody is held back"},
		{"one of two servers", uitest.Upstreams{pool("orders/default", upstream.Ejected, upstream.Returning)}, func(t *traffic.Totals) { all(t, 600) }, "degraded: 1 of 2 upstream servers down", "2 requests a second"},
		{"no server", uitest.Upstreams{pool("orders/fast", upstream.Down), up[0]}, func(t *traffic.Totals) { all(t, 600) }, "down: No server of orders/fast is up", "2 requests a second"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			source := &uitest.Traffic{At: noon, Slots: []traffic.Point{{At: noon.Add(-5 * time.Minute), Length: 30 * time.Second}}}
			source.Slots[0].Requests = 1
			test.now(&source.OfTheLast5)
			u := open(t, ui.Deps{Checks: &uitest.Source{}, Traffic: &ui.Traffic{Requests: source, Upstreams: test.upstreams}})
			doc := page(t, u, "/traffic")
			class, _ := doc.Find("h1").Attr("class")
			if got := strings.TrimPrefix(class, "st ") + ": " + text(doc.Find("h1")); got != test.want {
				t.Errorf("verdict %q, want %q", got, test.want)
			}
			want(t, doc, "#sub", test.sub)
		})
	}
}

// A blocked client never gets as far as an API: that is another row than paths
// which an API does not have.
func TestRequestsOfNoAPIAreToldFromThoseOfNoOperation(t *testing.T) {
	source := &uitest.Traffic{At: noon, Slots: []traffic.Point{{At: noon.Add(-5 * time.Minute), Length: 30 * time.Second}}}
	source.Slots[0].Requests = 3
	for i, api := range []string{"shop", ""} {
		source.Ops = append(source.Ops, traffic.Operation{API: api, Method: "GET", Name: "GET", Totals: traffic.Totals{Requests: uint64(2 - i)}})
	}
	doc := page(t, open(t, ui.Deps{Checks: &uitest.Source{}, Traffic: &ui.Traffic{Requests: source}}), "/traffic")
	want(t, doc, "#operations tbody tr:nth-child(1) .muted", "no operation of the API")
	want(t, doc, "#operations tbody tr:nth-child(2) .muted", "of no API")
}

func TestTrafficPageShowsWhoIsHeldBackAndWhy(t *testing.T) {
	doc := page(t, rush(t, nil), "/traffic")
	want(t, doc, "#sub", "147 requests a second · 34 requests waiting in queues · 1.84 % over a limit · 3 blocks in force · 1 block proposed")
	want(t, doc, "#tiles .tile:nth-child(1)", "Requests 147/s 151/s now · 493 975 in 1h")
	want(t, doc, "#tiles .tile:nth-child(5)", "Waiting now 34 2 clients throttled")
	want(t, doc, ".limits tbody tr:nth-child(1) .nm", "per-client500/minute, 50 at once by client.address · waits, at most 100 requests and 2s · since the start 6 812 queue full, 214 queue wait")
	want(t, doc, ".limits + .data tbody tr:nth-child(1) td:nth-child(3)", "31")
	want(t, doc, ".operations tbody tr.is-down", "POST/refunds orders0.58/s0.46 %33.4 %61 ms2.10 s4.80 s")
	want(t, doc, ".clients tbody tr:nth-child(2) .pill", "throttled")
	want(t, doc, ".clients tbody tr.is-blocked .nm", "192.0.2.66 blocked")
	want(t, doc, ".upstreams tbody tr.is-down .res", "ejected, 18 s left 5 failures in a row: connection refused")
	want(t, doc, ".proposals li p:first-child", "proposed 198.51.100.140 for 10 min by rule many-errors, 1 min ago")
	want(t, doc, ".block-list tbody tr:nth-child(1) [data-l=Ends]", "56 min left")
	want(t, doc, "nav [aria-current]", "Traffic")
	if n := doc.Find("#requests tbody tr").Length(); n != 15 {
		t.Errorf("%d requests", n)
	}
	for _, row := range page(t, rush(t, nil), "/traffic?requests=notable").Find("#requests .res").EachIter() {
		if text(row) == "served" {
			t.Error("a request that was served as usual is listed as notable")
		}
	}
}

func TestOperationsCanBeOrdered(t *testing.T) {
	u := rush(t, nil)
	for sort, first := range map[string]string{"": "/orders", "errors": "/refunds", "p95": "/reports/{month}", "limited": "/orders"} {
		doc := page(t, u, "/traffic?range=3h&sort="+sort)
		want(t, doc, ".operations tbody tr:nth-child(1) .route", first)
		for _, link := range doc.Find("#operations .filters a").EachIter() {
			if href, _ := link.Attr("href"); !strings.HasPrefix(href, "?range=3h") {
				t.Errorf("order by %s leads to %s, another range", text(link), href)
			}
		}
	}
}

func TestTrafficRanges(t *testing.T) {
	u := rush(t, nil)
	for _, key := range []string{"15m", "1h", "3h"} {
		doc := page(t, u, "/traffic?range="+key)
		want(t, doc, "#chart .filters [aria-current]", key)
		if n := doc.Find("#chart path").Length(); n < 4 {
			t.Errorf("range %s: %d bands", key, n)
		}
	}
	// The history began 2 h 42 min ago.
	if got := text(page(t, u, "/traffic?range=3h").Find(".chart-note").First()); !strings.Contains(got, "counted since 23 Nov 2026 09:18:30 UTC") {
		t.Errorf("note %q", got)
	}
	doc := page(t, u, fmt.Sprintf("/traffic?from=%d&to=%d", noon.Add(-30*time.Minute).Unix(), noon.Add(-20*time.Minute).Unix()))
	if doc.Find("#chart[data-part]").Length() != 0 || doc.Find(`[data-key="]"][href]`).Length() != 1 {
		t.Error("a range that stays moves with the time, or has no later one")
	}
	if answer := get(t, u, "/traffic?range=2y"); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestTrafficBeforeTheFirstRequestSaysWhatToDo(t *testing.T) {
	for gateway, command := range map[string]string{"": "lapwing serve -c lapwing.yaml", "http://127.0.0.1:8480/": "curl http://127.0.0.1:8480/"} {
		u := open(t, ui.Deps{Checks: &uitest.Source{}, Traffic: &ui.Traffic{Requests: &uitest.Traffic{At: noon}, Gateway: func() string { return gateway }}})
		doc := page(t, u, "/traffic")
		want(t, doc, "h1", "No requests yet")
		if got := text(doc.Find("#start .command code").First()); got != command {
			t.Errorf("command %q, want %q", got, command)
		}
	}
}

func TestWithoutTrafficThereAreNoTrafficPages(t *testing.T) {
	u := rush(t, func(d *ui.Deps) { d.Traffic = nil })
	if n := page(t, u, "/").Find(`nav a[href="/traffic"]`).Length(); n != 0 {
		t.Error("the navigation leads to a page that is not there")
	}
	for _, path := range []string{"/traffic", "/traffic/clients", "/traffic/clients/x"} {
		if answer := get(t, u, path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d", path, answer.StatusCode)
		}
	}
	if answer := post(t, u, "/traffic/blocks", url.Values{"target": {"203.0.113.7"}}); answer.StatusCode != http.StatusNotFound {
		t.Errorf("POST: status %d", answer.StatusCode)
	}
}

func TestClientPage(t *testing.T) {
	u := rush(t, nil)
	for key, h1 := range map[string]string{
		"key:mobile-app": "key:mobile-app calling", "203.0.113.7": "203.0.113.7 throttled", "192.0.2.66": "192.0.2.66 blocked",
		"2001:db8:77:12::/64": "2001:db8:77:12::/64 calling", "sub:9002": "sub:9002 quiet", "nobody": "nobody not seen lately",
		"198.18.7.7": "198.18.7.7 blocked", `<script>alert("x")</script>`: `<script>alert("x")</script> not seen lately`, "a/../b": "a/../b not seen lately",
	} {
		doc := page(t, u, "/traffic/clients/"+url.PathEscape(key))
		want(t, doc, "h1", h1)
	}
	doc := page(t, u, "/traffic/clients/203.0.113.7")
	want(t, doc, "#tiles .tile:nth-child(5)", "Delayed 21 231 43.9 % of its requests")
	want(t, doc, "#waiting tbody tr td:nth-child(3)", "31")
	if got := text(doc.Find("#about .fields")); !strings.Contains(got, "Last held backby per-client, 2 s ago") {
		t.Errorf("who it is: %q", got)
	}
	if target, _ := page(t, u, "/traffic/clients/2001:db8:77:12::%2F64").Find(`#block input[name="target"]`).Attr("value"); target != "2001:db8:77:12::/64" {
		t.Errorf("a client that is a network is blocked as %q", target)
	}
	if n := page(t, u, "/traffic/clients/nobody").Find("#block form").Length(); n != 0 {
		t.Error("what no block can name is offered to be blocked")
	}
}

func TestBlockingAndUndoing(t *testing.T) {
	var blocks *uitest.Blocks
	u := rush(t, func(d *ui.Deps) {
		d.Identity = as(ui.Viewer{Name: "anna", CanRead: true, CanWrite: true})
		blocks = uitest.RushBlocks(noon)
		d.Traffic.Blocks = blocks
	})
	tests := []struct {
		name, path string
		form       url.Values
		status     int
		to         string
	}{
		{"from the page of a client", "/traffic/blocks", url.Values{"target": {"203.0.113.9"}, "client": {"203.0.113.9"}, "reason": {" scans "}, "for": {"1h"}}, 303, "/traffic/clients/203.0.113.9#block"},
		{"a network, from the traffic page", "/traffic/blocks", url.Values{"target": {"203.0.113.0/24"}, "for": {"0"}, "stay": {"1"}}, 303, "/traffic#block"},
		{"a key", "/traffic/blocks", url.Values{"target": {"key:a/b"}, "for": {"7d"}}, 303, "/traffic/clients/key:a%2Fb#block"},
		{"nobody", "/traffic/blocks", url.Values{"for": {"1h"}}, 400, ""},
		{"nonsense", "/traffic/blocks", url.Values{"target": {"all of them"}, "for": {"1h"}}, 400, ""},
		{"for no time that there is", "/traffic/blocks", url.Values{"target": {"203.0.113.9"}, "for": {"soon"}}, 400, ""},
		{"ourselves", "/traffic/blocks", url.Values{"target": {"127.0.0.1"}, "for": {"1h"}}, 409, ""},
		{"undo", "/traffic/blocks/b7", nil, 303, "/traffic#blocks"},
		{"undo from the page of a client", "/traffic/blocks/b5", url.Values{"client": {"//evil.example/"}}, 303, "/traffic/clients/%2F%2Fevil.example%2F#block"},
		{"undo what is gone", "/traffic/blocks/b7", nil, 404, ""},
		{"accept", "/traffic/proposals/p3", url.Values{"do": {"accept"}}, 303, "/traffic#blocks"},
		{"dismiss what is gone", "/traffic/proposals/p3", url.Values{"do": {"dismiss"}}, 404, ""},
		{"neither", "/traffic/proposals/p3", url.Values{"do": {"think"}}, 400, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := post(t, u, test.path, test.form)
			if answer.StatusCode != test.status || answer.Header.Get("Location") != test.to {
				t.Errorf("status %d to %q, want %d to %q", answer.StatusCode, answer.Header.Get("Location"), test.status, test.to)
			}
		})
	}
	var got []string
	for _, b := range blocks.List() {
		got = append(got, fmt.Sprintf("%s by %s: %s", b.Target, b.Author, b.Reason))
	}
	if want := "198.51.100.140 by anna: 58 answers 401 within 1 min|key:a/b by anna: |203.0.113.0/24 by anna: |203.0.113.9 by anna: scans|key:old-partner by local: contract ended"; strings.Join(got, "|") != want {
		t.Errorf("blocks %q", got)
	}
	if e, _ := blocks.Find(block.Target{}.Prefix.Addr(), "key:a/b"); e.Expires.Sub(noon) != 7*24*time.Hour {
		t.Errorf("the block ends %v", e.Expires)
	}
}

func TestWhoMayOnlyLookCannotBlock(t *testing.T) {
	u := rush(t, func(d *ui.Deps) { d.Identity = as(ui.Viewer{Name: "reader", CanRead: true}) })
	for _, path := range []string{"/traffic", "/traffic/clients/203.0.113.7", "/traffic/clients/192.0.2.66"} {
		if n := page(t, u, path).Find(`main form, main a[href$="#block"]`).Length(); n != 0 {
			t.Errorf("%s: %d ways to block for somebody who may only look", path, n)
		}
	}
	for _, path := range []string{"/traffic/blocks", "/traffic/blocks/b7", "/traffic/proposals/p3"} {
		if answer := post(t, u, path, url.Values{"target": {"203.0.113.9"}, "for": {"1h"}, "do": {"accept"}}); answer.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s: status %d", path, answer.StatusCode)
		}
	}
}

func TestSearchFindsClients(t *testing.T) {
	u := rush(t, nil)
	for query, to := range map[string]string{
		"203.0.113.7": "/traffic/clients/203.0.113.7", "anna@": "/traffic/clients/sub:4711", "2001:db8:77:12::/64": "/traffic/clients/2001:db8:77:12::%2F64",
		"jwks": "/checks/jwks", "sub:": "/checks?q=sub%3A", "login": "/checks/login",
	} {
		if got := get(t, u, "/search?q="+url.QueryEscape(query)).Header.Get("Location"); got != to {
			t.Errorf("%s leads to %q, want %q", query, got, to)
		}
	}
	if got := get(t, u, "/traffic/clients?key="+url.QueryEscape("10.0.0.0/8")).Header.Get("Location"); got != "/traffic/clients/10.0.0.0%2F8" {
		t.Errorf("a client by its key: %q", got)
	}
}
