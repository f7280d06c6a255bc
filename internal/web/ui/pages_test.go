package ui_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/statuspage"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

func TestCheckPageSaysWhatIsWrongSinceWhen(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/checks/post-refunds")
	want(t, doc, "h1", "down: POST /refunds")
	if got := text(doc.Find("#facts .sub")); !strings.HasPrefix(got, "down for 18 min, since 23 Nov 2026 11:42:00 UTC") {
		t.Errorf("facts: %q", got)
	}
	want(t, doc, "#reason .reason", "status = 503, want 200..299")
	want(t, doc, ".uptimes li:nth-child(1) h3", "24 h")
	if doc.Find("#chart path.phase").Length() < 3 || doc.Find("#chart path.failed").Length() != 1 {
		t.Error("the chart shows no phases, or no failures")
	}
	if n := doc.Find("#runs tbody tr").Length(); n != 30 {
		t.Errorf("%d runs, want 30", n)
	}
	want(t, doc, "#changes li:nth-child(1) strong", "down")
	if !strings.Contains(text(doc.Find(".fields")), "status in 200..299") {
		t.Error("the definition does not show the assertions")
	}
}

func TestConsequenceNamesItsCause(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/checks/checkout-journey")
	if got := text(doc.Find("#facts .sub")); !strings.Contains(got, "because POST /refunds is down") {
		t.Errorf("facts: %q", got)
	}
	want(t, doc, ".dep", "down POST /refunds")
}

func TestUptimeSaysSinceWhenTheHistoryGoes(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/checks/get-suggest") // 61 days of history
	for n, says := range map[string]string{"1": "", "3": "", "4": "since 24 Sep", "5": "since 24 Sep"} {
		got := text(doc.Find(".uptimes li:nth-child(" + n + ") .text"))
		if since := got[max(strings.Index(got, "since"), 0):]; says == "" && strings.Contains(got, "since") || says != "" && since != says {
			t.Errorf("window %s: %q, want %q", n, got, says)
		}
	}
	doc = page(t, u, "/checks/get-trending")
	want(t, doc, ".uptimes li:nth-child(1) .text", "no runs yet")
	want(t, page(t, u, "/status"), ".components li:has(.name:contains('trending')) .ends span:nth-child(2)", "no runs yet")
}

func TestWhoDidItIsSaidInWords(t *testing.T) {
	u := open(t, ui.Deps{Checks: &uitest.Source{
		Views:   []checks.View{{ID: "a", Name: "a \u202eb", State: checks.Paused, PausedBy: "local", Since: noon.Add(-time.Hour)}},
		Changes: []checks.Transition{{Check: "a", At: noon, From: checks.Up, To: checks.Paused, By: "local"}, {Check: "a", At: noon.Add(-time.Hour), To: checks.Up, By: "anna"}},
	}})
	doc := page(t, u, "/checks/a")
	want(t, doc, "#facts bdi", "someone on this machine")
	want(t, doc, "#changes bdi", "someone on this machineanna")
	want(t, doc, "title", "a b · Lapwing") // a title cannot be kept apart from what follows
}

func TestDefinitionOfAJourneyShowsEachStep(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/checks/checkout-journey")
	want(t, doc, ".step-list h3", "1. login2. add to cart3. refund4. log out always runs")
	want(t, doc, ".step-list li:nth-child(1) .fields", "RequestPOST http://127.0.0.1:8000/loginAssertstatus == 200Capturestoken")
	if n := page(t, u, "/checks/get-orders").Find(".step-list").Length(); n != 0 {
		t.Error("a check with one request has steps")
	}
}

func TestCheckThatRunsOftenOpensAtOneHour(t *testing.T) {
	source := uitest.Tell(noon,
		uitest.Story{View: checks.View{ID: "often", Name: "often", State: checks.Up, Interval: 10 * time.Second}, Base: time.Millisecond, Run: time.Hour},
		uitest.Story{View: checks.View{ID: "bad", Name: "bad", State: checks.Down}, Base: time.Millisecond, Run: time.Hour, DownFor: time.Hour},
		uitest.Story{View: checks.View{ID: "half", Name: "half", State: checks.Down}, Base: time.Millisecond, Run: time.Hour, DownFor: 10 * time.Minute},
	)
	u := open(t, ui.Deps{Checks: source})
	want(t, page(t, u, "/checks/often"), "#chart .filters [aria-current]", "1h")
	want(t, page(t, u, "/checks/bad"), "#chart .filters [aria-current]", "24h")
	for id, says := range map[string]string{
		"often": "Last 1h · each column is the mean over 30 s", "bad": "Last 1h · each column is one run · every run failed, so there is no latency to draw",
		"half": "Last 1h · each column is one run · failed runs are left out of the latency",
	} {
		want(t, page(t, u, "/checks/"+id+"?range=1h"), ".chart-note", says)
	}
}

func TestCheckPageRanges(t *testing.T) {
	u, _ := shop(t)
	for _, key := range []string{"1h", "24h", "7d", "30d", "90d"} {
		doc := page(t, u, "/checks/get-orders?range="+key)
		want(t, doc, "#chart .filters [aria-current]", key)
		if doc.Find("#chart path").Length() == 0 {
			t.Errorf("range %s: no chart", key)
		}
	}
	doc := page(t, u, "/checks/get-orders?from=2026-11-23T08:00:00Z&to=1795435200")
	if doc.Find("#chart[data-part]").Length() != 0 {
		t.Error("a range that stays is replaced by a live one")
	}
	back, _ := doc.Find(`[data-key="["]`).Attr("href")
	if back != "?from=1795406400&to=1795420800" {
		t.Errorf("earlier leads to %q", back)
	}
	for query, wanted := range map[string]string{"from=1795406400&to=1795420800": "?from=1795420800&to=1795435200", "from=1795420800&to=1795435200": "", "range=24h": ""} {
		if later, _ := page(t, u, "/checks/get-orders?"+query).Find(`[data-key="]"]`).Attr("href"); later != wanted {
			t.Errorf("%s: later leads to %q, want %q", query, later, wanted)
		}
	}
	for _, bad := range []string{"range=2y", "from=yesterday", "from=2026-11-23T08:00:00Z&to=2026-11-23T07:00:00Z", "from=-1&to=99999999999999999"} {
		if answer := get(t, u, "/checks/get-orders?"+bad); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", bad, answer.StatusCode)
		}
	}
}

func TestOlderRunsFollowWithoutGapOrRepetition(t *testing.T) {
	u, source := shop(t)
	seen := map[string]bool{}
	path := "/checks/get-orders?range=1h"
	for range 10 {
		doc := page(t, u, path)
		for _, link := range doc.Find("#runs .when a").EachIter() {
			href, _ := link.Attr("href")
			if seen[href] {
				t.Fatalf("%s is listed twice", href)
			}
			seen[href] = true
		}
		older, ok := doc.Find("#runs .more a").Attr("href")
		if !ok {
			break
		}
		path = "/checks/get-orders" + strings.TrimSuffix(older, "#runs")
	}
	wanted, _ := source.Results(t.Context(), "get-orders", noon.Add(-time.Hour), noon, 0)
	if len(seen) != len(wanted) {
		t.Errorf("%d runs listed over all pages, want %d", len(seen), len(wanted))
	}
}

func TestOnlyRunsThatWereNotCleanCanBeListed(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/checks/post-refunds?runs=problems")
	for _, row := range doc.Find("#runs tbody tr").EachIter() {
		if text(row.Find("td.st")) == "up" && row.Find(".note").Length() == 0 {
			t.Errorf("a clean run is listed: %s", text(row))
		}
	}
}

func TestActionsNeedTheRightToWrite(t *testing.T) {
	source := uitest.Shop(noon)
	deps := uitest.Deps(source, noon)
	deps.Identity = as(ui.Viewer{Name: "reader", CanRead: true})
	u := open(t, deps)
	if n := page(t, u, "/checks/get-orders").Find(".buttons button").Length(); n != 0 {
		t.Errorf("%d buttons for somebody who may only look", n)
	}
	for _, path := range []string{"/checks/get-orders/run", "/checks/get-orders/pause", "/checks/get-orders/resume", "/settings/reload", "/settings/tokens", "/settings/tokens/a1"} {
		if answer := post(t, u, path, nil); answer.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s: status %d, want 403", path, answer.StatusCode)
		}
	}
	deps.Identity = as(ui.Viewer{Name: "anna", CanRead: true, CanWrite: true})
	u = open(t, deps)
	for path, location := range map[string]string{
		"/checks/get-orders/pause":  "/checks/get-orders",
		"/checks/get-orders/resume": "/checks/get-orders",
		"/checks/get-orders/run":    fmt.Sprintf("/checks/get-orders/runs/%d", source.Runs["get-orders"][0].Run),
	} {
		answer := post(t, u, path, nil)
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != location {
			t.Errorf("POST %s: status %d to %q", path, answer.StatusCode, answer.Header.Get("Location"))
		}
	}
	if len(source.Called) != 3 {
		t.Errorf("called %q", source.Called)
	}
	if answer := post(t, u, "/checks/nothing/pause", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("pause of nothing: status %d", answer.StatusCode)
	}
}

func TestRunPageShowsRequestAnswerAndAssertions(t *testing.T) {
	u, source := shop(t)
	kept, _ := source.EvidenceRuns(t.Context(), "post-refunds")
	doc := page(t, u, fmt.Sprintf("/checks/post-refunds/runs/%d", kept[0]))
	want(t, doc, "h1", "Run failed")
	want(t, doc, ".asserts tr.is-down", "failsstatus in 200..299status = 503")
	if !strings.Contains(doc.Find(".message").Text(), "HTTP/1.1 503 Service Unavailable") {
		t.Error("the answer is missing")
	}
	curl, _ := doc.Find(".step button.copy").Attr("data-copy")
	if !strings.HasPrefix(curl, "curl ") || !strings.Contains(curl, "[redacted]") {
		t.Errorf("copies %q", curl)
	}
	want(t, doc, ".trace .command code", "4bf92f3577b34da6a3ce929d0e0e4736")
	if doc.Find(".water rect").Length() < 4 || doc.Find(`[rel=prev], [rel=next]`).Length() != 2 {
		t.Error("the waterfall or the way to the next run is missing")
	}
}

func TestRunPageShowsEveryAttempt(t *testing.T) {
	u, source := shop(t)
	run := source.Runs["get-orders-id"][0].Run
	doc := page(t, u, fmt.Sprintf("/checks/get-orders-id/runs/%d", run))
	want(t, doc, ".attempt:nth-of-type(1) h2", "down Attempt 1 of 2")
	if !strings.Contains(text(doc.Find(".verdict .note")), "flaky") {
		t.Error("a run that passed after a retry is not marked as flaky")
	}
}

func TestRunWithoutEvidenceLeadsToTheNearest(t *testing.T) {
	u, source := shop(t)
	run := source.Runs["post-refunds"][0].Run
	doc := page(t, u, fmt.Sprintf("/checks/post-refunds/runs/%d", run))
	if doc.Find(".callout a").Length() != 1 || doc.Find(".water").Length() != 1 {
		t.Error("want the phases, and a link to a run with evidence")
	}
}

func TestStepsAreShownOneByOne(t *testing.T) {
	source := uitest.Shop(noon)
	res := &source.Runs["checkout-journey"][0]
	phases := probe.Phases{TTFB: 20 * time.Millisecond}
	source.Kept["checkout-journey"] = map[checks.RunID]*checks.Evidence{res.Run: {Check: "checkout-journey", Run: res.Run, Attempts: []checks.AttemptEvidence{{Steps: []checks.StepEvidence{
		{Name: "login", Phases: phases, Captured: map[string]string{"token": "[redacted]"}, Request: checks.Message{Line: "POST http://127.0.0.1/login"}},
		{Name: "refund", Phases: phases, Error: "status = 503, want 201", Request: checks.Message{Line: "POST http://127.0.0.1/refunds"}},
		{Name: "log out", Skipped: true},
	}}}}}
	doc := page(t, open(t, ui.Deps{Checks: source}), fmt.Sprintf("/checks/checkout-journey/runs/%d", res.Run))
	want(t, doc, ".water tbody th", "up logindown refundunknown log out")
	want(t, doc, ".water tr.is-down a[href='#step-1-2']", "refund")
	want(t, doc, ".check-head + .reason.down a[href='#step-1-2']", "step 3 (refund): status = 503, want 201")
	want(t, doc, "details.step[open] summary h2", "down refund")
	want(t, doc, "details.step:has(#step-1-1) .fields", "token[redacted]")
	want(t, doc, "details.step:has(#step-1-3) .waiting", "Skipped: an earlier step failed.")
	want(t, doc, "title", "checkout-journey, run of "+res.At().UTC().Format("2 Jan 2006 15:04:05")+" UTC · Lapwing")
	if strings.Contains(text(doc.Find(".attempt .card-head")), "into the run") {
		t.Error("a single attempt has an offset")
	}
}

func TestStepsOfARunThatPassedAreAllOpen(t *testing.T) {
	source := uitest.Shop(noon)
	res := &source.Runs["get-orders"][0]
	held := []checks.Outcome{{Assertion: "status == 200", Holds: true}}
	source.Kept["get-orders"] = map[checks.RunID]*checks.Evidence{res.Run: {Attempts: []checks.AttemptEvidence{{Steps: []checks.StepEvidence{
		{Name: "login", Assertions: []checks.Outcome{{Assertion: "status == 200", Holds: true, Detail: "status = 200"}}},
		{Assertions: held},
	}}}}}
	doc := page(t, open(t, ui.Deps{Checks: source}), fmt.Sprintf("/checks/get-orders/runs/%d", res.Run))
	want(t, doc, "details.step[open] summary h2", "up loginup Step 2")
	want(t, doc, "#step-1-1 .asserts", "OutcomeAssertionMeasuredholdsstatus == 200status = 200")
	want(t, doc, "#step-1-2 .asserts", "OutcomeAssertionholdsstatus == 200") // no empty column
}

func TestSettingsShowWhereEachValueIsFrom(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/settings")
	want(t, doc, `.config tr:has(th:contains("apis[0].url")) td`, "http://127.0.0.1:8000lapwing.yaml:5")
	want(t, doc, `.config tr:has(th:contains("history.results")) .place`, "default")
	want(t, doc, ".problems .place", "/etc/lapwing/lapwing.yaml:14:9 checks[2].assert[0]")
	want(t, doc, ".notices li:nth-child(1) h3", "Results are not being stored failing")
	want(t, doc, `nav a[href="/settings"] .pill`, "2 warnings")
	want(t, doc, `.notices a[href="#configuration"]`, "What is wrong with the file")
	if !strings.Contains(doc.Find(".problems pre").Text(), "^~~~~~") {
		t.Error("the caret under the mistake is missing")
	}
}

func TestSettingsOfManyChecksAreCompact(t *testing.T) {
	config := &uitest.Config{}
	for i := range 500 {
		for n, leaf := range []string{"name", "api", "request.url", "request.method", "every", "labels.team", "assert[0]", "assert[1]"} {
			value := fmt.Sprintf("value %d", i)
			config.Settings = append(config.Settings, ui.Setting{Path: fmt.Sprintf("checks[%d].%s", i, leaf), Value: value, File: "/etc/lapwing/lapwing.yaml", Line: 9*i + n + 1})
		}
		for n := range 20 {
			value := "10s"
			if n == 7 && i == 3 {
				value = "20s" // a default that follows from something else
			}
			config.Settings = append(config.Settings, ui.Setting{Path: fmt.Sprintf("checks[%d].request.option%d", i, n), Value: value, Default: true})
		}
	}
	answer := get(t, open(t, ui.Deps{Checks: &uitest.Source{}, Config: config}), "/settings")
	body, _ := io.ReadAll(answer.Body)
	t.Logf("%d bytes", len(body))
	if len(body) > 200<<10 {
		t.Errorf("%d bytes for 500 checks, want at most 200 KB", len(body))
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	want(t, doc, ".setting-group > summary", "checks 500 checks, 14 000 settings")
	want(t, doc, ".cs:nth-of-type(4) summary", "value 3 lapwing.yaml:28")
	want(t, doc, ".cs:nth-of-type(4) pre", "28 name: value 3 29 api: value 3 30 request.url: value 3 31 request.method: value 3 32 every: value 3 33 labels.team: value 3 34 assert[0]: value 3 35 assert[1]: value 3 request.option7: 20s")
	if n := doc.Find(".config tr.default").Length(); n != 20 {
		t.Errorf("%d defaults are told, want each of the 20 once", n)
	}
	want(t, doc, `.config tr:has(th:contains("checks[…].request.option7")) td:nth-child(2)`, "10s")
}

func TestTokenIsShownOnce(t *testing.T) {
	source := uitest.Shop(noon)
	deps := uitest.Deps(source, noon)
	u := open(t, deps)
	answer := post(t, u, "/settings/tokens", url.Values{"name": {"deploy"}, "scope": {"write"}, "expires": {"30d"}})
	if got := answer.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the page with the token may be stored: %q", got)
	}
	doc := parse(t, answer)
	want(t, doc, "main > .callout.good code", "lw_new_0123456789abcdef")
	if doc.Find(".callout.good[autofocus] button[data-copy=lw_new_0123456789abcdef]").Length() != 1 {
		t.Error("the token cannot be copied, or the page does not begin with it")
	}
	if again := get(t, u, "/settings/tokens"); again.StatusCode != http.StatusSeeOther || again.Header.Get("Location") != "/settings#tokens" {
		t.Errorf("loading it again: status %d to %q", again.StatusCode, again.Header.Get("Location"))
	}
	made := deps.Tokens.(*uitest.Tokens).Rows[2]
	wanted := ui.Token{ID: "new", Name: "deploy", Scopes: []string{"read", "write"}, Expires: noon.Add(30 * 24 * time.Hour)}
	if diff := cmp.Diff(wanted, made); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(page(t, u, "/settings").Text(), "0123456789abcdef") {
		t.Error("the token is shown again")
	}
	for name, form := range map[string]url.Values{
		"no name": {"scope": {"read"}}, "unknown scope": {"name": {"x"}, "scope": {"root"}}, "bad expiry": {"name": {"x"}, "scope": {"read"}, "expires": {"soon"}},
	} {
		if answer := post(t, u, "/settings/tokens", form); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", name, answer.StatusCode)
		}
	}
	if answer := post(t, u, "/settings/tokens/a1", nil); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("revoke: status %d", answer.StatusCode)
	}
}

func TestStatusPageTellsThePublicNothingElse(t *testing.T) {
	deps := uitest.Deps(uitest.Shop(noon), noon)
	deps.Identity = as(ui.Viewer{Name: "anonymous"})
	deps.Status = func() statuspage.Config { return statuspage.Config{Title: "Shop", Public: true} }
	deps.Demo = true
	u := open(t, deps)
	for _, path := range []string{"/status", "/status.json"} {
		body, _ := io.ReadAll(get(t, u, path).Body)
		for _, secret := range []string{"127.0.0.1", "example.com", "503", "812ms", "team", "assert", "/settings", "/api/v1", `href="/checks`, "disk"} {
			if strings.Contains(string(body), secret) {
				t.Errorf("%s has %q in it", path, secret)
			}
		}
	}
	doc := page(t, u, "/status")
	want(t, doc, "h1", "2 of 11 down")
	if doc.Find("nav, .search, #demo, #stream").Length() != 0 {
		t.Error("the public page has a way in")
	}
}

func TestStatusPageShowsOnlyWhatIsListed(t *testing.T) {
	deps := ui.Deps{Checks: uitest.Shop(noon), Status: func() statuspage.Config { return statuspage.Config{Checks: []string{"login"}} }}
	u := open(t, deps)
	doc := page(t, u, "/status")
	want(t, doc, "h1", "Everything is up")
	want(t, doc, ".components .name", "up login")
	if counts, _ := doc.Find(".days .bars").Attr("data-c"); !regexp.MustCompile(`^41:\d+:0:2880$`).MatchString(counts) {
		t.Errorf("the tips of bars count %q, want the failures of the day 48 days ago", counts)
	}
	for path, status := range map[string]int{
		"/status/badge/login.svg": 200, "/status/badge/login/uptime.svg?window=7d": 200, "/status/badge/post-refunds.svg": 404,
		"/status/badge/post-refunds/uptime.svg": 404, "/status/badge/login/uptime.svg?window=3y": 400, "/status/badge/login": 404, "/status/badge/login/x.svg": 404,
	} {
		if got := get(t, u, path).StatusCode; got != status {
			t.Errorf("%s: status %d, want %d", path, got, status)
		}
	}
}

func TestBadgeErrorsArePictures(t *testing.T) {
	u, source := shop(t)
	source.Err = errors.New("disk I/O error")
	for path, says := range map[string]string{
		"/status/badge/nothing.svg": "lapwing: not found", "/status/badge/nothing/uptime.svg": "lapwing: not found",
		"/status/badge/login/uptime.svg": "lapwing: not readable",
	} {
		answer := get(t, u, path)
		if got := text(parse(t, answer).Find("title")); got != says || answer.Header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%s: %q as %s, want %q", path, got, answer.Header.Get("Content-Type"), says)
		}
	}
	source.Err = nil
	answer := get(t, u, "/status/badge/login/uptime.svg?window=3y")
	if got := text(parse(t, answer).Find("title")); got != "lapwing: bad window" || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, %q", answer.StatusCode, got)
	}
}

func TestBadgeIsNotSentTwice(t *testing.T) {
	u, _ := shop(t)
	first := get(t, u, "/status/badge/login.svg")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/status/badge/login.svg", nil)
	r.Header.Set("If-None-Match", first.Header.Get("ETag"))
	if got := send(t, u, r).StatusCode; got != http.StatusNotModified {
		t.Errorf("status %d, want 304", got)
	}
}

func TestLogin(t *testing.T) {
	deps := uitest.Deps(uitest.Shop(noon), noon)
	deps.Identity = as(ui.Viewer{Name: "anonymous"})
	u := open(t, deps)
	want(t, page(t, u, "/login?next=/checks%3Fstate%3Ddown"), "h1", "Log in")
	for _, test := range []struct {
		name, password, next string
		status               int
		location             string
	}{
		{"right", "correct horse", "/checks?state=down", 303, "/checks?state=down"},
		{"wrong", "battery staple", "/", 401, ""},
		{"too often", "again", "/", 429, ""},
		{"to another site", "correct horse", "https://evil.example/", 303, "/"},
		{"to another site without a scheme", "correct horse", "//evil.example/", 303, "/"},
		{"to another site with a backslash", "correct horse", `/\evil.example/`, 303, "/"},
		{"to another site with a tab", "correct horse", "/\t/evil.example/", 303, "/"},
		{"in a circle", "correct horse", "/login?next=/login", 303, "/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := post(t, u, "/login", url.Values{"password": {test.password}, "next": {test.next}})
			if answer.StatusCode != test.status || answer.Header.Get("Location") != test.location {
				t.Errorf("status %d to %q, want %d to %q", answer.StatusCode, answer.Header.Get("Location"), test.status, test.location)
			}
			if test.status >= 400 && parse(t, answer).Find("[role=alert]").Length() != 1 {
				t.Error("the page does not say why")
			}
		})
	}
	if answer := post(t, u, "/logout", nil); answer.Header.Get("Location") != "/login" {
		t.Error("logging out does not lead to the login")
	}
}

func TestSearchJumpsToTheCheckThatIsMeant(t *testing.T) {
	u, _ := shop(t)
	for query, location := range map[string]string{
		"jwks": "/checks/jwks", "GET /orders": "/checks/get-orders", "get-orders-id": "/checks/get-orders-id",
		"orders": "/checks?q=orders", "": "/checks?q=", "reports": "/checks/get-reports-month", "nothing like it": "/checks?q=nothing+like+it",
		"debug": "/endpoints/GET/internal/debug/vars?api=orders", "delete": "/endpoints/DELETE/orders/%7Bid%7D?api=orders", "v1 ders": "/endpoints/GET/v1/orders?api=orders",
	} {
		if got := get(t, u, "/search?q="+url.QueryEscape(query)).Header.Get("Location"); got != location {
			t.Errorf("%q leads to %q, want %q", query, got, location)
		}
	}
	body, _ := io.ReadAll(get(t, u, "/search.json?q=refunds").Body)
	if got, wanted := string(body), `[{"name":"POST /refunds","api":"orders","state":"down","url":"/checks/post-refunds"},{"name":"POST /refunds","api":"orders","state":"down","url":"/endpoints/POST/refunds?api=orders"}]`; got != wanted {
		t.Errorf("suggestions: %s, want %s", got, wanted)
	}
}

func TestCheckListIsFilteredSortedAndPaged(t *testing.T) {
	u, _ := shop(t)
	for query, first := range map[string]string{
		"": "GET /health", "sort=state": "POST /refunds", "sort=name": "POST checkout-journey", "sort=uptime": "POST /refunds",
		"api=auth": "POST login", "q=refund": "POST /refunds", "state=paused": "POST /reindex", "label=team": "GET /health", "label=team%3Dshop&q=jwks": "GET jwks",
	} {
		doc := page(t, u, "/checks?"+query)
		if got := text(doc.Find(".rows tbody tr:nth-child(1) .mt")) + " " + text(doc.Find(".rows tbody tr:nth-child(1) .nm a")); got != first {
			t.Errorf("%s: first is %q, want %q", query, got, first)
		}
	}
	want(t, page(t, u, "/checks?q=nothing"), ".empty p:first-child", "No check matches.")
	many := open(t, ui.Deps{Checks: uitest.Many(noon, 450)})
	doc := page(t, many, "/checks?page=3&sort=name")
	want(t, doc, ".pager span", "Page 3 of 3")
	if n := doc.Find(".rows tbody tr").Length(); n != 50 {
		t.Errorf("%d rows on the last page, want 50", n)
	}
	if prev, _ := doc.Find("[rel=prev]").Attr("href"); prev != "?sort=name&page=2" {
		t.Errorf("previous is %q", prev)
	}
}

func TestErrorPages(t *testing.T) {
	source := uitest.Shop(noon)
	u := open(t, ui.Deps{Checks: source})
	for path, status := range map[string]int{
		"/nowhere": 404, "/checks/nothing": 404, "/checks/get-orders/runs/12": 404, "/checks/get-orders/runs/abc": 404, "/static/x/nothing.js": 404, "/login": 404,
	} {
		answer := get(t, u, path)
		doc := parse(t, answer)
		if answer.StatusCode != status || text(doc.Find("h1")) != "Not found" {
			t.Errorf("%s: status %d, %q", path, answer.StatusCode, text(doc.Find("h1")))
		}
	}
	source.Err = errors.New("open /var/lib/lapwing: disk I/O error")
	answer := get(t, u, "/checks/get-orders")
	doc := parse(t, answer)
	if answer.StatusCode != http.StatusInternalServerError || strings.Contains(doc.Text(), "I/O") {
		t.Errorf("status %d, %q: a cause is for the log only", answer.StatusCode, text(doc.Find(".error-page")))
	}
}

func TestHostileTextsStayTexts(t *testing.T) {
	evil := `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`
	long := strings.Repeat("verylongname", 40)
	source := uitest.Tell(noon,
		uitest.Story{View: checks.View{
			ID: "evil", Name: evil, API: evil, Method: "GET", Target: "javascript:alert(3)", State: checks.Down, Reason: evil, Since: noon.Add(-time.Minute),
			Labels: map[string]string{evil: evil}, Asserts: []string{evil}, BecauseOf: "evil", DependsOn: []string{evil}, PausedBy: evil, Schedule: evil,
		}, Base: time.Millisecond, Days: 3, Run: time.Hour, DownFor: 10 * time.Minute},
		uitest.Story{View: checks.View{ID: "rtl", Name: "بررسی سفارش\u200cها \u202e", API: "فروشگاه", State: checks.Up}, Base: time.Millisecond, Run: time.Hour},
		uitest.Story{View: checks.View{ID: "long", Name: long, API: long, State: checks.Degraded, Reason: long}, Base: time.Millisecond, Run: time.Hour},
	)
	deps := uitest.Deps(source, noon)
	deps.Status = func() statuspage.Config { return statuspage.Config{Title: evil} }
	registry := &health.Registry{}
	registry.Raise(health.Notice{Code: evil, Title: evil, Text: evil})
	deps.Health = registry
	deps.Config = &uitest.Config{Settings: []ui.Setting{{Path: evil, Value: evil, File: evil, Line: 1}}, Status: ui.Reload{At: noon, Problems: []ui.ConfigProblem{{File: evil, Message: evil, Hint: evil, Excerpt: evil, Path: evil}}}}
	u := open(t, deps)
	kept, _ := source.EvidenceRuns(t.Context(), "evil")
	paths := []string{
		"/", "/checks", "/checks?q=" + url.QueryEscape(evil), "/checks?label=" + url.QueryEscape(evil), "/checks?api=" + url.QueryEscape(evil), "/checks/evil", fmt.Sprintf("/checks/evil/runs/%d", kept[0]),
		"/settings", "/status", "/status/badge/evil.svg", "/login?next=" + url.QueryEscape(evil), "/checks/rtl", "/checks/long",
	}
	for _, path := range paths {
		doc := page(t, u, path)
		for _, script := range doc.Find("script").EachIter() {
			if src, _ := script.Attr("src"); !strings.HasPrefix(src, "/static/") {
				t.Errorf("%s: there is a script that is not ours", path)
			}
		}
		if doc.Find("[onerror], [onclick], [style], style, img[src=x], a[href^='javascript:']").Length() != 0 {
			t.Errorf("%s: something became markup", path)
		}
	}
	if dir, _ := page(t, u, "/checks").Find(`a[href="/checks/rtl"]`).Attr("dir"); dir != "auto" {
		t.Error("a name that is written from right to left turns the page around")
	}
}

func TestStaticFilesAreKeptForEver(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/")
	href, _ := doc.Find("link[rel=stylesheet]").Attr("href")
	answer := get(t, u, href)
	if got := answer.Header.Get("Cache-Control"); answer.StatusCode != 200 || got != "public, max-age=31536000, immutable" {
		t.Errorf("%s: status %d, %q", href, answer.StatusCode, got)
	}
	old := get(t, u, "/static/000000000000/lapwing.css")
	if got := old.Header.Get("Cache-Control"); old.StatusCode != 200 || got != "no-cache" {
		t.Errorf("another version: status %d, %q", old.StatusCode, got)
	}
	body, _ := io.ReadAll(answer.Body)
	if strings.Contains(string(body), "http:") || strings.Contains(string(body), "https:") || strings.Contains(string(body), "@import") {
		t.Error("the style sheet asks for something elsewhere")
	}
}

func TestDevelopmentReadsFromTheFolder(t *testing.T) {
	u := open(t, ui.Deps{Checks: &uitest.Source{}, Dev: "."})
	if href, _ := page(t, u, "/").Find("link[rel=stylesheet]").Attr("href"); href != "/static/dev/lapwing.css" {
		t.Errorf("style sheet at %q", href)
	}
	if answer := get(t, u, "/static/dev/lapwing.css"); answer.StatusCode != 200 || answer.Header.Get("Cache-Control") != "no-cache" {
		t.Error("a style sheet in development must not be kept")
	}
	if _, err := ui.New(ui.Deps{Checks: &uitest.Source{}, Dev: "no/such/folder"}); err == nil {
		t.Error("a wrong folder is not noticed")
	}
}
