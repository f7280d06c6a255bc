package ui_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

func TestVerdictSaysFirstWhatIsWrong(t *testing.T) {
	view := func(id string, state checks.Status) checks.View {
		return checks.View{ID: id, Name: id, State: state, Reason: "status = 503"}
	}
	for _, test := range []struct {
		name         string
		views        []checks.View
		verdict, sub string
	}{
		{"no checks", nil, "No checks yet", ""},
		{"one check, up", []checks.View{view("a", checks.Up)}, "The check is up", "1 of 1 up"},
		{"all up", []checks.View{view("a", checks.Up), view("b", checks.Up)}, "All 2 checks are up", "2 of 2 up"},
		{"one down", []checks.View{view("a", checks.Up), view("b", checks.Down)}, "1 check down", "1 of 2 up"},
		{"down and degraded", []checks.View{view("a", checks.Down), view("b", checks.Down), view("c", checks.Degraded)}, "2 checks down, 1 degraded", "0 of 3 up"},
		{"degraded", []checks.View{view("a", checks.Up), view("b", checks.Degraded)}, "1 check degraded", "1 of 2 up"},
		{"all paused", []checks.View{view("a", checks.Paused)}, "All checks are paused", "0 of 1 up · 1 paused"},
		{"nothing ran yet", []checks.View{view("a", checks.Unknown)}, "Waiting for the first results", "0 of 1 up · 1 not run yet"},
		{"up, and some paused", []checks.View{view("a", checks.Up), view("b", checks.Paused)}, "Nothing is down", "1 of 2 up · 1 paused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := page(t, open(t, ui.Deps{Checks: &uitest.Source{Views: test.views}}), "/")
			want(t, doc, "h1", test.verdict)
			want(t, doc, ".verdict .sub", test.sub)
			want(t, doc, "title", test.verdict+" · Lapwing")
			if doc.Find("#verdict[aria-live=polite]").Length() != 1 {
				t.Error("the verdict is not announced when it changes")
			}
		})
	}
}

func TestVerdictTellsTheNewsThatMatter(t *testing.T) {
	ago := func(minutes int, check string, from, to checks.Status) checks.Transition {
		return checks.Transition{Check: check, At: noon.Add(-time.Duration(minutes) * time.Minute), From: from, To: to}
	}
	up := []checks.View{{ID: "a", Name: "a", State: checks.Up}, {ID: "b", Name: "b", State: checks.Up}}
	wrong := []checks.View{{ID: "a", Name: "a", State: checks.Up}, {ID: "b", Name: "b", State: checks.Down}}
	for _, test := range []struct {
		name    string
		views   []checks.View
		changes []checks.Transition
		sub     string
	}{
		{"first runs are no news", up, []checks.Transition{ago(1, "a", checks.Unknown, checks.Up), ago(2, "b", checks.Unknown, checks.Up)}, "2 of 2 up"},
		{"a recovery is, when all is well", up, []checks.Transition{ago(1, "a", checks.Unknown, checks.Up), ago(2, "b", checks.Down, checks.Up), ago(9, "b", checks.Up, checks.Down)}, "2 of 2 up · b came up 2 min ago"},
		{"what went down comes before what recovered", wrong, []checks.Transition{ago(1, "a", checks.Down, checks.Up), ago(4, "b", checks.Up, checks.Down)}, "1 of 2 up · b went down 4 min ago"},
		{"of checks that are gone nothing is told", up, []checks.Transition{ago(1, "gone", checks.Up, checks.Down)}, "2 of 2 up"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want(t, page(t, open(t, ui.Deps{Checks: &uitest.Source{Views: test.views, Changes: test.changes}}), "/"), ".verdict .sub", test.sub)
		})
	}
}

func TestOverviewShowsWhatNeedsAttention(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/")
	want(t, doc, "h1", "2 checks down, 1 degraded")
	want(t, doc, "#attention li:nth-child(1) .what", "down POST /refunds orders")
	want(t, doc, "#attention li:nth-child(1) .why", "status = 503, want 200..299 + 1 because of it 33.4 % of requests fail 2 alerts")
	want(t, doc, "#attention li:nth-child(1) .since", "since 11:42:00 UTC, 18 min ago")
	want(t, doc, "#attention li:nth-child(1) .links", "last run of POST /refunds failures of POST /refunds alert of POST /refunds operation of POST /refunds")
	want(t, doc, "#attention li:nth-child(2) .what", "degraded GET /reports/{month} orders")
	want(t, doc, "#attention li:nth-child(2) .why", "latency = 812ms, want < 300ms 6.20 % of requests fail")
	want(t, doc, "#attention li:nth-child(3) .why", "the certificate expires in 11 d")
	want(t, doc, "#attention li:nth-child(5) .what", "degraded DiskWillFill")
	if n := doc.Find("#attention li").Length(); n != 5 {
		t.Errorf("%d things need attention, want 5: what a check, an alert and the error rate say of the same is one of them", n)
	}
	for tile, said := range map[string]string{
		"1": "Checks up 6 / 11 2 down · 1 degraded · uptime 99.10 %", "2": "Error rate, 5 min 0.24 % too high for 2 operations · budget −38 %", "3": "Latency p95, 5 min 71 ms p50 9.2 ms · p99 240 ms",
		"4": "Requests, 5 min 147 / s +7 % on last hour · 1.84 % limited", "5": "Alerts firing 3 1 acknowledged · 2 quiet",
	} {
		want(t, doc, ".tile:nth-child("+tile+")", said)
	}
	want(t, doc, `nav a[href="/alerts"]`, "Alerts 3 firing")
}

func TestOverviewWithoutRequestsTellsOfChecksAlone(t *testing.T) {
	deps := uitest.Deps(uitest.Shop(noon), noon)
	deps.Endpoints, deps.Alerts, deps.Inventory = &uitest.Endpoints{}, nil, nil
	doc := page(t, open(t, deps), "/")
	for tile, value := range map[string]string{"1": "6 / 11", "4": "12", "5": "11 d"} {
		want(t, doc, ".tile:nth-child("+tile+") .value", value)
	}
	if n := doc.Find("#attention li").Length(); n != 4 {
		t.Errorf("%d things need attention, want 4: the consequence of another is counted with it", n)
	}
	if doc.Find("#latency .chart path.p95").Length() != 1 {
		t.Error("there is no latency chart")
	}
}

func TestOverviewGroupsChecksByAPI(t *testing.T) {
	u, _ := shop(t)
	doc := page(t, u, "/")
	want(t, doc, ".group:nth-of-type(1) summary", "orders 6 checks 2 down 1 degraded")
	row := doc.Find(`.rows a[href="/checks/post-refunds"]`).Closest("tr")
	if !row.HasClass("is-down") || text(row.Find("td.st")) != "down" {
		t.Error("the row of a check that is down does not say so")
	}
	want(t, doc, `.rows tr:has(a[href="/checks/get-orders-id"]) .note`, "flaky")
	want(t, doc, `.rows tr:has(a[href="/checks/checkout-journey"]) .note`, "because of /refunds")
	bars := doc.Find(`.rows tr:has(a[href="/checks/post-refunds"]) svg.bars`)
	if label, _ := bars.Attr("aria-label"); label != "90 days: 84 up, 1 degraded, 5 down" {
		t.Errorf("bars say %q", label)
	}
	// What the tip of a bar says: 4 of 100 runs failed, and so on.
	if counts, _ := bars.Attr("data-c"); !regexp.MustCompile(`^(\d+:\d+:\d+:2880 ?){6}$`).MatchString(counts) {
		t.Errorf("counts of the bars: %q", counts)
	}
}

func TestOverviewIsFilteredByItsURL(t *testing.T) {
	u, _ := shop(t)
	for state, n := range map[string]int{"down": 2, "degraded": 1, "paused": 1, "": 11, "nonsense": 11} {
		if got := page(t, u, "/?state="+state).Find(".rows tbody tr").Length(); got != n {
			t.Errorf("state %q: %d rows, want %d", state, got, n)
		}
	}
	want(t, page(t, u, "/?state=down"), ".filters [aria-current]", "Down 2")
}

func TestPresentStateIsShownWhenHistoryCannotBeRead(t *testing.T) {
	source := uitest.Shop(noon)
	source.Err = errors.New("disk I/O error at /secret/path")
	doc := page(t, open(t, ui.Deps{Checks: source}), "/")
	want(t, doc, "h1", "2 checks down, 1 degraded")
	if !strings.Contains(text(doc.Find(".callout")), "history could not be read") {
		t.Error("the page does not say what is missing")
	}
	want(t, doc, ".tile:nth-child(4)", "Flaky runs, 24 h – not readable")
	want(t, doc, `.rows tr:has(a[href="/checks/get-orders"]) .up90`, "–")
	if strings.Contains(doc.Text(), "secret") {
		t.Error("the cause is for the log, not for the page")
	}
}

func TestLivePartsComeWithoutTheRest(t *testing.T) {
	u, _ := shop(t)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Lapwing-Part", "live")
	doc := parse(t, send(t, u, r))
	if doc.Find("#verdict, #tiles, #attention, #latency").Length() != 4 || doc.Find("nav, table").Length() != 0 {
		t.Error("want the parts that change, and nothing else")
	}
}

// The figures of the overview with 500 checks and 90 days.
const (
	maxBytes = 100 << 10
	maxNodes = 12_000
)

func TestNumbersOfTheFirstRunsAgree(t *testing.T) {
	source := &uitest.Source{
		Views: []checks.View{{ID: "a", Name: "a", State: checks.Up}}, Uptimes: map[string]checks.Uptime{},
		Daily: map[string][]checks.Rollup{}, Hourly: map[string][]checks.Rollup{},
	}
	u := open(t, ui.Deps{Checks: source})
	doc := page(t, u, "/")
	want(t, doc, ".rows .up90", "no runs yet")
	want(t, doc, ".tile:nth-child(2) .value", "–")
	// One run later, at the same moment, everything knows of it.
	one := checks.Share{Total: 1}
	source.Uptimes["a"] = checks.Uptime{Day: one, Quarter: one}
	source.Daily["a"] = []checks.Rollup{{Start: checks.Daily.Start(noon), Down: 1}}
	source.Hourly["a"] = []checks.Rollup{{Start: checks.Hourly.Start(noon), Down: 1, Missed: 2}}
	doc = page(t, u, "/")
	want(t, doc, ".rows .up90", "0 %")
	want(t, doc, ".tile.is-degraded:nth-child(2) .text", "1 of 1 runs failed") // below 99 %
	want(t, doc, ".tile:nth-child(4) .text", "2 runs missed")
	if label, _ := doc.Find(".rows svg.bars").Attr("aria-label"); label != "90 days: 0 up, 1 down" {
		t.Errorf("bars say %q", label)
	}
}

func TestOverviewOf500ChecksIsSmall(t *testing.T) {
	u := open(t, uitest.Deps(uitest.Many(noon, 500), noon))
	body, err := io.ReadAll(get(t, u, "/").Body)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(body)
	_ = z.Close()
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	elements, nodes := 0, 0
	for n := range root.Descendants() {
		nodes++
		if n.Type == html.ElementNode {
			elements++
		}
	}
	t.Logf("%d bytes, %d gzipped; %d elements, %d nodes with texts", len(body), packed.Len(), elements, nodes)
	if packed.Len() > maxBytes {
		t.Errorf("%d bytes gzipped, want at most %d", packed.Len(), maxBytes)
	}
	if elements > maxNodes {
		t.Errorf("%d elements, want at most %d", elements, maxNodes)
	}
}

func TestOverviewOfVeryManyChecksIsBounded(t *testing.T) {
	doc := page(t, open(t, ui.Deps{Checks: uitest.Many(noon, 2000)}), "/")
	if rows := doc.Find(".rows tbody tr").Length(); rows > 600 {
		t.Errorf("%d rows for 2,000 checks", rows)
	}
	if doc.Find(".more a").Length() == 0 {
		t.Error("there is no way to the rest")
	}
}

func BenchmarkOverviewOf500Checks(b *testing.B) {
	u := open(b, uitest.Deps(uitest.Many(noon, 500), noon))
	get(b, u, "/") // days are read once
	b.ReportAllocs()
	for b.Loop() {
		r, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
		u.ServeHTTP(discard{http.Header{}}, r)
	}
	b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/1e6, "ms/page")
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func TestOldTroubleIsToldWithItsDate(t *testing.T) {
	source := uitest.Shop(noon)
	views := source.List()
	for i := range views {
		if views[i].ID == "get-reports-month" {
			views[i].Since = noon.AddDate(0, 0, -3)
		}
	}
	source.Set(views)
	doc := page(t, open(t, ui.Deps{Checks: source}), "/")
	want(t, doc, "#attention li:nth-child(1) .since", "since 11:42:00 UTC, 18 min ago")
	want(t, doc, "#attention li:nth-child(2) .since", "since 20 Nov 2026 12:00:00 UTC, 3 d ago")
}

func TestNothingIsSaidToBeWellBeforeTheFirstResult(t *testing.T) {
	source := uitest.Shop(noon)
	views := source.List()
	for i := range views {
		views[i] = checks.View{ID: views[i].ID, Name: views[i].Name}
	}
	source.Set(views)
	want(t, page(t, open(t, ui.Deps{Checks: source}), "/"), "#attention .calm", "Nothing is known yet.")
}
