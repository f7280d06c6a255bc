package ui_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// operations opens the endpoint pages over invented operations.
func operations(t testing.TB, list []slo.Endpoint, documents uitest.Inventory) *ui.UI {
	t.Helper()
	deps := ui.Deps{Checks: &uitest.Source{}, Endpoints: &uitest.Endpoints{At: noon, List: list}}
	if documents != nil {
		deps.Inventory = documents
	}
	return open(t, deps)
}

func TestEndpointsJoinWhatIsSeenWithWhatIsDocumented(t *testing.T) {
	doc := page(t, rush(t, nil), "/endpoints")
	want(t, doc, "h1", "2 operations of 11 fail too often")
	want(t, doc, "#sub", "10 operations with requests · 1 quiet now · 1 undocumented · 1 documented, but never used")
	want(t, doc, "nav [aria-current]", "Endpoints")
	want(t, doc, "#operations tbody tr:nth-child(1)", "criticalPOST/refundsorders0.58/s33.4 %61 ms2.10 s4.80 s−38 %")
	want(t, doc, "#operations tbody tr:nth-child(2) .st", "warning")
	want(t, doc, `#operations tr:has(a[href="/endpoints/GET/internal/debug/vars?api=orders"]) .note`, "undocumented")
	want(t, doc, `#operations tr:has(a[href="/endpoints/DELETE/orders/%7Bid%7D?api=orders"]) .pill`, "never used")
	want(t, doc, `#operations tr:has(a[href="/endpoints/GET/v1/orders?api=orders"]) .pill`, "deprecated")
	want(t, doc, `#operations tr:has(a[href="/endpoints/GET/v1/orders?api=orders"]) .hour`, "11 h ago")
	// Requests that match no operation are not one that a document could have.
	want(t, doc, `#operations tr:has(a[href="/endpoints/GET?api=orders"]) .nm`, "GETno operation of the API")
	want(t, doc, "#apis tbody tr:nth-child(2)", "okorders100/s0.30 %9.0 ms71 ms240 ms18 %")
	if n := doc.Find(`#operations .spark path.e`).Length(); n != 1 {
		t.Errorf("%d sparklines show failures, want that of the operation that fails much", n)
	}
}

func TestEndpointsWithoutDocumentsFlagNothing(t *testing.T) {
	doc := page(t, rush(t, func(d *ui.Deps) { d.Inventory = nil }), "/endpoints")
	if doc.Find("#operations .note").Length() != 0 || strings.Contains(doc.Find("#operations .pill").Text(), "never used") {
		t.Error("without a document, an operation is called undocumented")
	}
}

func TestEndpointsAreOrderedByEachColumn(t *testing.T) {
	u := rush(t, nil)
	for order, first := range map[string]string{
		"": "/refunds", "state": "/refunds", "name": "no operation of the API", "-name": "/v1/orders", "api": "/oauth/token", "rate": "/orders", "-rate": "/v1/orders", "errors": "/refunds",
		"p50": "/reports/{month}", "p95": "/reports/{month}", "p99": "/refunds", "budget": "/refunds", "nonsense": "/refunds", "-": "/refunds",
	} {
		doc := page(t, u, "/endpoints?sort="+order)
		if got := text(doc.Find("#operations tbody tr:nth-child(1) .nm a")); got != first {
			t.Errorf("by %q: first is %q, want %q", order, got, first)
		}
	}
	doc := page(t, u, "/endpoints?sort=p95&api=orders&state=ok")
	want(t, doc, "#operations th[aria-sort]", "p95")
	link, _ := doc.Find("#operations th[aria-sort] a").Attr("href")
	if link != "?api=orders&sort=-p95&state=ok" {
		t.Errorf("a second click leads to %q, want the order turned round and the filter kept", link)
	}
	if way, _ := doc.Find("#operations th[aria-sort]").Attr("aria-sort"); way != "descending" {
		t.Errorf("slowest first is called %s", way)
	}
	if way, _ := page(t, u, "/endpoints?sort=name").Find("#operations th[aria-sort]").Attr("aria-sort"); way != "ascending" {
		t.Errorf("from A to Z is called %s", way)
	}
}

func TestEndpointsAreFilteredByTheirURL(t *testing.T) {
	u := rush(t, nil)
	for query, n := range map[string]int{
		"": 11, "state=critical": 1, "state=warning": 1, "state=ok": 7, "state=no_data": 1, "state=undocumented": 1, "state=unused": 1, "state=nonsense": 11,
		"api=orders": 9, "api=search": 1, "api=none": 0, "q=orders": 9, "q=post+ref": 1, "q=%3Cscript%3E": 0, "api=orders&state=unused&q=delete": 1,
	} {
		if got := page(t, u, "/endpoints?"+query).Find("#operations tbody tr").Length(); got != n {
			t.Errorf("%s: %d rows, want %d", query, got, n)
		}
	}
	want(t, page(t, u, "/endpoints?state=unused&api=orders"), "#states [aria-current]", "Unused 1")
	want(t, page(t, u, "/endpoints?q=nothing"), "#operations .empty", "No operation matches.Show all 11")
	if n := page(t, u, "/endpoints?api=orders").Find("#apis tbody tr").Length(); n != 1 {
		t.Errorf("%d APIs beside the operations of one", n)
	}
}

func TestNoOperationsSayTheNextCommand(t *testing.T) {
	doc := page(t, operations(t, nil, nil), "/endpoints")
	want(t, doc, "h1", "No operations yet")
	want(t, doc, "#start .command:first-of-type code", "lapwing serve -c lapwing.yamlcurl http://127.0.0.1:8480/")
	documented := uitest.Inventory{"a": {{Method: "GET", Path: "/x"}, {Method: "GET", Path: "/y"}}}
	doc = page(t, operations(t, nil, documented), "/endpoints")
	want(t, doc, "h1", "No requests to 2 operations yet")
	if n := doc.Find("#operations tbody tr").Length(); n != 2 {
		t.Errorf("%d rows", n)
	}
	one := []slo.Endpoint{{API: "a", Operation: "GET /x", Method: "GET", Route: "/x", State: "ok", Requests: 9, Rate: .03, Over: 5 * time.Minute}}
	want(t, page(t, operations(t, one, nil), "/endpoints"), "h1", "The operation answers as it should")
}

// manyOperations are n of them over four APIs, with an hour of history.
func manyOperations(n int) []slo.Endpoint {
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- invented data, as hard to compress as real
	list := make([]slo.Endpoint, n)
	for i := range list {
		e := slo.Endpoint{
			API: fmt.Sprintf("service-%d", i%4), Method: []string{"GET", "POST", "DELETE"}[i%3], Route: fmt.Sprintf("/v1/resource-%d/{id}/part-%d", i/7, i), State: "ok", Over: 5 * time.Minute,
			Requests: uint64(i*37%4000 + 1), Rate: float64(i*37%4000) / 300, Share: float64(i%50) / 10_000, P50: time.Duration(r.Uint64N(9e7)), P95: time.Duration(r.Uint64N(7e8)), P99: time.Duration(r.Uint64N(19e8)),
			Budgets: []slo.Budget{{API: "a", Left: float64(i%100) / 100}}, LastSeen: noon,
		}
		e.Operation = e.Method + " " + e.Route
		for m := range 60 {
			e.Recent = append(e.Recent, slo.Point{At: noon.Add(time.Duration(m-60) * time.Minute), Requests: 3 + r.Uint64N(97), Errors: r.Uint64N(9)})
		}
		list[i] = e
	}
	return list
}

func TestFiveHundredEndpointsAreSmall(t *testing.T) {
	u := operations(t, manyOperations(500), nil)
	body, err := io.ReadAll(get(t, u, "/endpoints").Body)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(body)
	_ = z.Close()
	t.Logf("%d bytes, %d gzipped", len(body), packed.Len())
	if packed.Len() > maxBytes {
		t.Errorf("%d bytes gzipped, want at most %d", packed.Len(), maxBytes)
	}
}

func TestTenThousandEndpointsComeInPages(t *testing.T) {
	u := operations(t, manyOperations(10_000), nil)
	doc := page(t, u, "/endpoints?page=20&sort=name&api=")
	want(t, doc, ".pager span", "Page 20 of 20")
	if n := doc.Find("#operations tbody tr").Length(); n != 500 {
		t.Errorf("%d rows on a page", n)
	}
	if prev, _ := doc.Find("[rel=prev]").Attr("href"); prev != "?page=19&sort=name" {
		t.Errorf("the page before is %q", prev)
	}
}

func TestOneEndpoint(t *testing.T) {
	doc := page(t, rush(t, nil), "/endpoints/POST/refunds?api=orders")
	want(t, doc, "h1", "POST /refunds critical")
	want(t, doc, "title", "POST /refunds · Lapwing")
	want(t, doc, "#tiles .tile:nth-child(2)", "Error rate, 5 min 33.4 % 58 of 174 failed")
	want(t, doc, "#tiles .tile:nth-child(6)", "Budget left −38 % refunds go through, 99.9 % over 30 d")
	if n := doc.Find("#conditions li").Length(); n != 2 {
		t.Errorf("%d conditions", n)
	}
	if got := text(doc.Find("#conditions li:nth-child(1)")); !strings.Contains(got, "33.4 %, the threshold is 20 %") {
		t.Errorf("condition %q", got)
	}
	want(t, doc, "#errors .legend", "warning from 5 %critical from 20 %error ratean alert fired")
	for _, path := range []string{"#chart .band.c5", "#errors .level.critical", "#errors .mark.down", "#latency .line.p99", ".budget-card .line.budget"} {
		if doc.Find(path).Length() == 0 {
			t.Errorf("there is no %s", path)
		}
	}
	want(t, doc, ".marks li:nth-child(1) a", "ErrorRateHigh")
	want(t, doc, "#top-errors tbody tr:nth-child(1) .what", "503payment provider: connection pool exhausted (size 20, waiting 118)")
	want(t, doc, "#top-errors tbody tr:nth-child(2) .what", "no answer upstream reset")
	want(t, doc, "#checks li", "down POST /refunds 65 ms, 8 s ago")
	want(t, doc, "#thresholds .fields", "Warningfrom 5 % failedCriticalfrom 20 % failedCounted over5 min")
	want(t, doc, ".who-gets .recipients:first-of-type li:nth-child(1)", `on-call webhook at once, again every 1 h{} > {severity="critical"}after 10 min without acknowledgement: head-of-shop`)
	if n := doc.Find("#requests tbody tr").Length(); n != 4 {
		t.Errorf("%d requests", n)
	}
	want(t, doc, `#requests .card-head a[href="/traffic?api=orders&operation=POST+%2Frefunds#requests"]`, "On the traffic page")
	// The whole API's objective is shown beside the operation's own.
	if n := doc.Find(".budget-card").Length(); n != 2 {
		t.Errorf("%d objectives", n)
	}
	want(t, page(t, rush(t, nil), "/endpoints/GET/orders?api=orders"), "#limits tbody tr", "per-client500/minute, 50 at once by client.address4")
}

func TestLinksOfAnEndpointLeadToIt(t *testing.T) {
	odd := []string{"", "/", "/a/{b}", "//", "/a//b", "/a/../b", "/a/", "/ü %2F?x=1#y", "no slash", "/" + strings.Repeat("long/", 50), `/<script>alert("x")</script>`}
	var list []slo.Endpoint
	for _, route := range odd {
		list = append(list, slo.Endpoint{API: "a/b & c", Method: "GET", Route: route, Operation: strings.TrimSpace("GET " + route), State: "ok", Over: time.Minute, LastSeen: noon})
	}
	u := operations(t, list, nil)
	links := page(t, u, "/endpoints").Find("#operations .nm a")
	if links.Length() != len(odd) {
		t.Fatalf("%d links", links.Length())
	}
	for _, link := range links.EachIter() {
		href, _ := link.Attr("href")
		answer := get(t, u, href)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d to %q", href, answer.StatusCode, answer.Header.Get("Location"))
			continue
		}
		if got := text(parse(t, answer).Find("h1 bdi")); got != text(link) {
			t.Errorf("%s leads to %q, want %q", href, got, text(link))
		}
	}
}

func TestRangesOfAnEndpointKeepItsAPI(t *testing.T) {
	u := rush(t, nil)
	for _, key := range []string{"1h", "6h", "24h", "7d", "30d"} {
		doc := page(t, u, "/endpoints/GET/orders?api=orders&range="+key)
		want(t, doc, "#chart .filters [aria-current]", key)
		for _, link := range doc.Find("#chart .filters a[href]").EachIter() {
			if href, _ := link.Attr("href"); !strings.Contains(href, "api=orders") {
				t.Errorf("%s leads to %s, another API", text(link), href)
			}
		}
	}
	doc := page(t, u, fmt.Sprintf("/endpoints/GET/orders?api=orders&from=%d&to=%d", noon.Add(-30*time.Minute).Unix(), noon.Add(-20*time.Minute).Unix()))
	if doc.Find("#chart[data-part], #errors[data-part]").Length() != 0 || doc.Find(`[data-key="]"][href]`).Length() != 1 {
		t.Error("a range that stays moves with the time, or has no later one")
	}
	if answer := get(t, u, "/endpoints/GET/orders?api=orders&range=2y"); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestEndpointsThatAreSaidShort(t *testing.T) {
	list := []slo.Endpoint{{API: "a", Method: "GET", Route: "/x", Operation: "GET /x", State: "ok"}, {API: "b", Method: "GET", Route: "/x", Operation: "GET /x", State: "ok"}, {API: "b", Method: "GET", Route: "/y", Operation: "GET /y", State: "ok"}}
	u := operations(t, list, nil)
	if got := get(t, u, "/endpoints/GET/x").Header.Get("Location"); got != "/endpoints?q=GET+%2Fx" {
		t.Errorf("an operation of two APIs leads to %q", got)
	}
	want(t, page(t, u, "/endpoints/GET/y"), "h1", "GET /y ok")
	if answer := get(t, u, "/endpoints/GET/z?api=a"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestAnUnusedEndpointSaysWhatWouldCome(t *testing.T) {
	doc := page(t, rush(t, nil), "/endpoints/DELETE/orders/%7Bid%7D?api=orders")
	want(t, doc, "h1", "DELETE /orders/{id} never used")
	want(t, doc, "#unused h2", "Nobody has called it yet")
}

func TestAnEndpointWhoseHistoryCannotBeRead(t *testing.T) {
	u := rush(t, func(d *ui.Deps) {
		e := uitest.RushEndpoints(noon)
		e.Err = errors.New("disk I/O error at /secret/path")
		alerts := uitest.RushAlerts(noon)
		alerts.Err = e.Err
		d.Endpoints, d.Alerts = e, alerts
	})
	doc := page(t, u, "/endpoints/POST/refunds?api=orders")
	want(t, doc, "h1", "POST /refunds critical")
	want(t, doc, "#tiles .tile:nth-child(2) .value", "33.4 %")
	if got := text(doc.Find(".callout.bad")); !strings.Contains(got, "could not be read") || strings.Contains(doc.Text(), "secret") {
		t.Errorf("callout %q", got)
	}
	want(t, page(t, u, "/"), ".tile:nth-child(5)", "Alerts firing – not readable")
}

func TestWithoutEndpointsThereAreNoPagesOfThem(t *testing.T) {
	u := rush(t, func(d *ui.Deps) { d.Endpoints, d.Alerts = nil, nil })
	if n := page(t, u, "/").Find(`nav a[href="/endpoints"], nav a[href="/alerts"]`).Length(); n != 0 {
		t.Error("the navigation leads to pages that are not there")
	}
	for _, path := range []string{"/endpoints", "/endpoints/GET/orders", "/alerts", "/alerts/a", "/alerts/silences/new"} {
		if answer := get(t, u, path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d", path, answer.StatusCode)
		}
	}
	if n := page(t, u, "/traffic").Find(`.operations a.route`).Length(); n != 0 {
		t.Error("the traffic page leads to pages that are not there")
	}
}

func TestRequestsOfOneOperationOnTheTrafficPage(t *testing.T) {
	u := rush(t, nil)
	doc := page(t, u, "/traffic?range=15m&api=orders&operation="+url.QueryEscape("POST /refunds"))
	if n := doc.Find("#requests tbody tr").Length(); n != 4 {
		t.Errorf("%d requests", n)
	}
	want(t, doc, "#requests .small", "of POST /refunds of orders · all requests")
	if link, _ := doc.Find("#requests .small a:nth-of-type(2)").Attr("href"); link != "?range=15m#requests" {
		t.Errorf("all requests are at %q", link)
	}
	if link, _ := page(t, u, "/traffic").Find(".operations tr.is-down a.route").Attr("href"); link != "/endpoints/POST/refunds?api=orders" {
		t.Errorf("the operation's page is %q", link)
	}
}

func TestWhatComesFromOutsideIsTextOnThePageOfAnEndpoint(t *testing.T) {
	const bad = `<img src=x onerror=alert(1)>`
	e := uitest.RushEndpoints(noon)
	for i := range e.Kinds {
		e.Kinds[i].Message, e.Kinds[i].Example.Path, e.Kinds[i].Example.RequestID, e.Kinds[i].Class = bad+strings.Repeat("x", 100_000), bad, bad, bad
	}
	u := rush(t, func(d *ui.Deps) {
		d.Endpoints = e
		d.Inventory = uitest.Inventory{"orders": []catalog.Operation{{API: "orders", Method: "POST", Path: "/refunds", Summary: bad}}}
	})
	body, _ := io.ReadAll(get(t, u, "/endpoints/POST/refunds?api=orders").Body)
	if strings.Contains(string(body), "<img") {
		t.Error("what was observed is markup")
	}
	if len(body) > 100_000 {
		t.Errorf("a long message makes the page %d bytes long", len(body))
	}
}

func BenchmarkFiveHundredEndpoints(b *testing.B) {
	u := operations(b, manyOperations(500), nil)
	b.ReportAllocs()
	for b.Loop() {
		r, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, "/endpoints", nil)
		u.ServeHTTP(discard{http.Header{}}, r)
	}
	b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/1e6, "ms/page")
}

func TestFailuresThatAreTooFewToJudgeAreNotCalledFine(t *testing.T) {
	operation := func(route string, requests, failed uint64) slo.Endpoint {
		return slo.Endpoint{
			API: "orders", Operation: "GET " + route, Method: "GET", Route: route, Over: 5 * time.Minute, Requests: requests, Errors: failed,
			Rate: float64(requests) / 300, Share: float64(failed) / float64(requests), State: "ok", Warning: .05, Critical: .2,
		}
	}
	doc := page(t, operations(t, []slo.Endpoint{operation("/fine", 100, 1), operation("/few", 3, 3)}, nil), "/endpoints")
	want(t, doc, "h1", "No operation fails too often")
	want(t, doc, "#sub", "2 operations with requests · 1 with failures, but too few to judge")
	want(t, doc, "#operations tbody tr:nth-child(1) .st.unknown", "too few to judge")
	want(t, doc, "#operations tbody tr:nth-child(2) .st.up", "ok")
	doc = page(t, operations(t, []slo.Endpoint{operation("/few", 3, 3)}, nil), "/endpoints")
	want(t, doc, "h1.unknown", "Too few requests to judge")
}
