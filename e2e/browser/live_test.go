package browser_test

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// shop is the pages of the invented company, and what feeds them.
type shop struct {
	browser browser
	site    *httptest.Server
	stream  *stream
	source  *uitest.Source
	at      time.Time // when the pages believe that it is
}

// openShop opens a page of the invented company in a browser of its own.
func openShop(t *testing.T, path string, change ...func(*ui.Deps)) (*shop, *tab) {
	t.Helper()
	s := &shop{browser: startBrowser(t), at: now()}
	s.source = uitest.Shop(s.at)
	deps := uitest.Deps(s.source, s.at)
	for _, f := range change {
		f(&deps)
	}
	s.site, s.stream = startSite(t, deps)
	return s, s.open(t, path)
}

// open opens a page in one more tab.
func (s *shop) open(t *testing.T, path string) *tab {
	t.Helper()
	p := openTab(t, s.browser, s.site, light)
	p.visit(t, path)
	return p
}

// awake waits until the modules of the page run.
func (p *tab) awake(t *testing.T) {
	t.Helper()
	p.wait(t, `document.readyState === "complete" && !document.getElementById("theme").hidden`)
}

// event is what the API sends when a run has ended.
type event struct {
	ID        string        `json:"id"`
	State     checks.Status `json:"state"`
	LatencyMS float64       `json:"latency_ms"`
	Run       checks.RunID  `json:"run"`
	At        time.Time     `json:"at"`
	Failures  int           `json:"failures"`
	Flaky     bool          `json:"flaky"`
}

func TestRowsChangeAsRunsEnd(t *testing.T) {
	shop, tab := openShop(t, "/")
	tab.live(t)
	const row = `document.querySelector('.rows a[href="/checks/get-orders"]').closest("tr")`
	before := eval[string](t, tab, row+`.querySelector(".spark path").getAttribute("d")`)

	shop.stream.hub.Publish("check", event{ID: "get-orders", State: checks.Down, LatencyMS: 1234, Run: checks.RunID(shop.at.UnixMilli() + 1), At: shop.at, Failures: 1})
	tab.wait(t, row+`.classList.contains("is-down")`)
	if got := eval[string](t, tab, row+`.querySelector(".lat").textContent`); got != "1.23\u00a0s" {
		t.Errorf("latency %q", got)
	}
	if after := eval[string](t, tab, row+`.querySelector(".spark path").getAttribute("d")`); after == before {
		t.Error("the sparkline stays as it was")
	}
	shop.stream.hub.Publish("check", event{ID: "get-orders", State: checks.Up, LatencyMS: 31, Run: checks.RunID(shop.at.UnixMilli() + 2), At: shop.at, Flaky: true})
	tab.wait(t, `!`+row+`.classList.contains("is-down") && `+row+`.querySelector(".note")?.textContent === "flaky"`)
}

func TestSparklineStaysWholeAfterASpike(t *testing.T) {
	shop, tab := openShop(t, "/")
	tab.live(t)
	const row = `document.querySelector('.rows a[href="/checks/get-orders"]').closest("tr")`
	latency, run := []float64{30_000}, shop.at.UnixMilli()
	for i := range 24 {
		latency = append(latency, 3+float64(i%4)/10)
	}
	for _, ms := range latency {
		run++
		shop.stream.hub.Publish("check", event{ID: "get-orders", State: checks.Up, LatencyMS: ms, Run: checks.RunID(run), At: time.UnixMilli(run)})
		// The page takes only the newest of the runs that end at once.
		tab.wait(t, fmt.Sprintf(`%s.querySelector(".ago").dataset.t === "%d"`, row, run))
	}
	path := eval[string](t, tab, row+`.querySelector(".spark path").getAttribute("d")`)
	if pens, points := strings.Count(path, "M"), len(strings.Fields(path))/2; pens != 1 || points != 24 {
		t.Errorf("%d lines of %d points, want one of 24: %s", pens, points, path)
	}
	values := eval[string](t, tab, row+`.querySelector(".spark").dataset.r`)
	if strings.Count(values, ",") != 23 || !strings.HasSuffix(values, "3,3.1,3.2,3.3") {
		t.Errorf("values %q", values)
	}
}

func TestVerdictFollowsTheServer(t *testing.T) {
	shop, tab := openShop(t, "/", func(d *ui.Deps) { d.Alerts, d.Endpoints, d.Heartbeats = nil, nil, nil }) // checks alone
	tab.live(t)
	views := shop.source.List()
	for i := range views {
		views[i].State = checks.Up
	}
	shop.source.Set(views)
	shop.stream.hub.Publish("reset", nil)
	tab.wait(t, `document.querySelector("h1").textContent === "All 11 checks are up"`)
	tab.wait(t, `document.querySelector("#attention li") === null || !document.querySelector("#attention .st.down")`)
}

func TestTabsShareOneStream(t *testing.T) {
	shop, first := openShop(t, "/checks")
	tabs := []*tab{first}
	for range 7 {
		tabs = append(tabs, shop.open(t, "/checks"))
	}
	for _, tab := range tabs {
		tab.live(t)
	}
	shop.stream.hub.Publish("check", event{ID: "jwks", State: checks.Down, Run: checks.RunID(shop.at.UnixMilli() + 1), At: shop.at})
	for _, tab := range tabs {
		tab.wait(t, `document.querySelector('.rows a[href="/checks/jwks"]').closest("tr").classList.contains("is-down")`)
	}
	if n := len(shop.stream.open); n != 1 {
		t.Errorf("%d streams were opened by eight tabs, want 1", n)
	}
	// The tab with the stream goes; another takes over and misses nothing.
	tabs[0].do(t, "leave", chromedp.Navigate("about:blank"))
	shop.stream.hub.Publish("check", event{ID: "login", State: checks.Down, Run: checks.RunID(shop.at.UnixMilli() + 2), At: shop.at})
	for _, tab := range tabs[1:] {
		tab.wait(t, `document.querySelector('.rows a[href="/checks/login"]').closest("tr").classList.contains("is-down")`)
	}
}

func TestLostStreamGreysWhatIsStale(t *testing.T) {
	folder := pictures(t)
	shop, tab := openShop(t, "/")
	tab.live(t)
	shop.stream.refuse.Store(true)
	shop.site.CloseClientConnections()
	tab.wait(t, `/^as of \d\d:\d\d:\d\d$/.test(document.getElementById("stream-text").textContent) && document.body.classList.contains("stale")`)
	shoot(t, tab, filepath.Join(folder, "overview-stale.png"))
	if rows := eval[int](t, tab, `document.querySelectorAll(".rows tbody tr").length`); rows != 11 {
		t.Errorf("%d rows are left of the last good data, want 11", rows)
	}
	shop.stream.refuse.Store(false)
	tab.wait(t, `document.getElementById("stream-text").textContent === "live" && !document.body.classList.contains("stale")`)
	tab.forgive() // the browser notes the connections that were cut
}
