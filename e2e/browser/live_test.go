package browser_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/internal/web/uitest"
)

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

func press(text string) chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(text) }

func TestRowsChangeAsRunsEnd(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	source := uitest.Shop(at)
	site, stream := startSite(t, uitest.Deps(source, at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.live(t)
	const row = `document.querySelector('.rows a[href="/checks/get-orders"]').closest("tr")`
	before := eval[string](t, tab, row+`.querySelector(".spark path").getAttribute("d")`)

	stream.hub.Publish("check", event{ID: "get-orders", State: checks.Down, LatencyMS: 1234, Run: checks.RunID(at.UnixMilli() + 1), At: at, Failures: 1})
	tab.wait(t, row+`.classList.contains("is-down")`)
	if got := eval[string](t, tab, row+`.querySelector(".lat").textContent`); got != "1.23\u00a0s" {
		t.Errorf("latency %q", got)
	}
	if after := eval[string](t, tab, row+`.querySelector(".spark path").getAttribute("d")`); after == before {
		t.Error("the sparkline stays as it was")
	}
	stream.hub.Publish("check", event{ID: "get-orders", State: checks.Up, LatencyMS: 31, Run: checks.RunID(at.UnixMilli() + 2), At: at, Flaky: true})
	tab.wait(t, `!`+row+`.classList.contains("is-down") && `+row+`.querySelector(".note")?.textContent === "flaky"`)
}

// A spike flattens what came before it, and must not tear it apart: when it has
// left the picture, the runs after it are one line.
func TestSparklineStaysWholeAfterASpike(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	source := uitest.Shop(at)
	site, stream := startSite(t, uitest.Deps(source, at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.live(t)
	const row = `document.querySelector('.rows a[href="/checks/get-orders"]').closest("tr")`
	latency, run := []float64{30_000}, at.UnixMilli()
	for i := range 24 {
		latency = append(latency, 3+float64(i%4)/10)
	}
	for _, ms := range latency {
		run++
		stream.hub.Publish("check", event{ID: "get-orders", State: checks.Up, LatencyMS: ms, Run: checks.RunID(run), At: time.UnixMilli(run)})
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
	browser := startBrowser(t)
	at := now()
	source := uitest.Shop(at)
	site, stream := startSite(t, uitest.Deps(source, at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.live(t)
	views := source.List()
	for i := range views {
		views[i].State = checks.Up
	}
	source.Set(views)
	stream.hub.Publish("reset", nil)
	tab.wait(t, `document.querySelector("h1").textContent === "All 11 checks are up"`)
	tab.wait(t, `document.querySelector("#attention li") === null || !document.querySelector("#attention .st.down")`)
}

func TestTabsShareOneStream(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	site, stream := startSite(t, uitest.Deps(uitest.Shop(at), at))
	var tabs []*tab
	for range 8 {
		tab := openTab(t, browser, site, light)
		tab.visit(t, "/checks")
		tab.live(t)
		tabs = append(tabs, tab)
	}
	stream.hub.Publish("check", event{ID: "jwks", State: checks.Down, Run: checks.RunID(at.UnixMilli() + 1), At: at})
	for _, tab := range tabs {
		tab.wait(t, `document.querySelector('.rows a[href="/checks/jwks"]').closest("tr").classList.contains("is-down")`)
	}
	if n := len(stream.open); n != 1 {
		t.Errorf("%d streams were opened by eight tabs, want 1", n)
	}
	// The tab with the stream goes; another takes over and misses nothing.
	tabs[0].do(t, "leave", chromedp.Navigate("about:blank"))
	stream.hub.Publish("check", event{ID: "login", State: checks.Down, Run: checks.RunID(at.UnixMilli() + 2), At: at})
	for _, tab := range tabs[1:] {
		tab.wait(t, `document.querySelector('.rows a[href="/checks/login"]').closest("tr").classList.contains("is-down")`)
	}
}

func TestLostStreamGreysWhatIsStale(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, stream := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.live(t)
	stream.refuse.Store(true)
	site.CloseClientConnections()
	tab.wait(t, `/^as of \d\d:\d\d:\d\d$/.test(document.getElementById("stream-text").textContent) && document.body.classList.contains("stale")`)
	shoot(t, tab, filepath.Join(folder, "overview-stale.png"))
	if rows := eval[int](t, tab, `document.querySelectorAll(".rows tbody tr").length`); rows != 11 {
		t.Errorf("%d rows are left of the last good data, want 11", rows)
	}
	stream.refuse.Store(false)
	tab.wait(t, `document.getElementById("stream-text").textContent === "live" && !document.body.classList.contains("stale")`)
	tab.forgive() // the browser notes the connections that were cut
}

func TestKeyboard(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.wait(t, `!document.getElementById("theme").hidden`) // the modules run
	tab.do(t, "go to the checks", press("g"), press("c"))
	tab.wait(t, `location.pathname === "/checks" && document.readyState === "complete" && !document.getElementById("theme").hidden`)
	tab.do(t, "two rows down, one up, open", press("j"), press("j"), press("k"), press(kb.Enter))
	tab.wait(t, `location.pathname === "/checks/get-health" && document.readyState === "complete" && !document.getElementById("theme").hidden`)
	tab.do(t, "earlier", press("["))
	tab.wait(t, `location.search.startsWith("?from=") && document.readyState === "complete" && !document.getElementById("theme").hidden`)
	tab.do(t, "help", press("?"))
	tab.wait(t, `document.getElementById("help").open`)
	save(t, filepath.Join(folder, "help.png"), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
	tab.do(t, "close", press(kb.Escape))
	tab.wait(t, `!document.getElementById("help").open`)
	tab.do(t, "search", press("/"))
	tab.wait(t, `document.activeElement.id === "q"`)
	tab.do(t, "type", press("refund"))
	tab.wait(t, `document.querySelectorAll("#hits li").length === 1`)
	save(t, filepath.Join(folder, "search.png"), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
	tab.do(t, "jump", press(kb.Enter))
	tab.wait(t, `location.pathname === "/checks/post-refunds"`)
}

func TestChosenColoursStay(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/settings")
	tab.wait(t, `!document.getElementById("theme").hidden`)
	tab.do(t, "choose dark", chromedp.Click(chromedp.CSS("#theme")), chromedp.Click(chromedp.CSS("#theme")))
	tab.visit(t, "/status")
	if got := eval[string](t, tab, `getComputedStyle(document.body).backgroundColor`); got != "rgb(15, 20, 26)" {
		t.Errorf("the page is %s, want it dark", got)
	}
}

func TestTooltipsTellTheValues(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/checks/post-refunds?range=1h")
	tab.wait(t, `!document.getElementById("theme").hidden`)
	place := eval[[]float64](t, tab, `(() => { const r = document.querySelector(".chart .axis").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	tab.do(t, "point at the chart", chromedp.MouseEvent(chromedp.MouseMoved, place[0], place[1]))
	tab.wait(t, `/Wait.*\nTransfer.*\nTotal .* ms\n1 run/s.test(document.querySelector(".tip")?.textContent || "")`)
	save(t, filepath.Join(folder, "tooltip.png"), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
	place = eval[[]float64](t, tab, `(() => { const r = document.querySelector(".long-bars .bars").getBoundingClientRect(); return [r.right - 3, r.top + 9]; })()`)
	tab.do(t, "point at today", chromedp.MouseEvent(chromedp.MouseMoved, place[0], place[1]))
	tab.wait(t, fmt.Sprintf(`/^%s: down, \d+ of 2880 failed$/.test(document.querySelector(".tip").textContent)`, time.Now().UTC().Format("2 Jan 2006")))
}

// TestAccessibility runs axe-core, which LAPWING_AXE names (axe.min.js out of
// the npm package axe-core), over every page.
func TestAccessibility(t *testing.T) {
	path := os.Getenv("LAPWING_AXE")
	if path == "" {
		testneeds.Missing(t, "axe-core", "LAPWING_AXE does not name an axe.min.js")
	}
	axe, err := os.ReadFile(path) // #nosec G304 G703 -- chosen by who runs the test
	if err != nil {
		t.Fatal(err)
	}
	browser := startBrowser(t)
	at := now()
	source := uitest.Shop(at)
	deps := uitest.Deps(source, at)
	deps.Demo = true
	site, _ := startSite(t, deps)
	for _, l := range []look{light, dark, phone} {
		t.Run(l.Name, func(t *testing.T) {
			tab := openTab(t, browser, site, l)
			for _, p := range shopPages(source) {
				t.Run(p.Name, func(t *testing.T) {
					tab.visit(t, p.Path)
					tab.forgive()
					tab.do(t, "load axe", chromedp.Evaluate[chromedp.Void](string(axe)))
					for _, v := range eval[[]string](t, tab, `axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
						.then((r) => r.violations.map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join(" | ")))`) {
						t.Error(v)
					}
				})
			}
		})
	}
}

func TestNewTokenIsTheFirstThingOnThePage(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/settings#tokens")
	eval[bool](t, tab, `(document.querySelector(".new-token input").value = "ci", document.querySelector(".new-token button").click(), true)`)
	tab.wait(t, `document.activeElement?.id === "new-token" && location.pathname === "/settings"`)
	if top := eval[float64](t, tab, `document.getElementById("new-token").getBoundingClientRect().top`); top < 0 || top > 300 {
		t.Errorf("the token is at %.0f px, outside of what is looked at first", top)
	}
	shoot(t, tab, filepath.Join(folder, "settings-token-light.png"))
	tab.do(t, "load again", chromedp.Reload())
	tab.wait(t, `document.getElementById("tokens") && !document.getElementById("new-token")`)
}

func TestStepOfTheWaterfallOpensItsCard(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	source := uitest.Shop(at)
	site, _ := startSite(t, uitest.Deps(source, at))
	tab := openTab(t, browser, site, light)
	kept, _ := source.EvidenceRuns(t.Context(), "checkout-journey")
	tab.visit(t, fmt.Sprintf("/checks/checkout-journey/runs/%d", kept[0]))
	tab.wait(t, `document.querySelectorAll("details.step[open]").length === 1`)
	eval[bool](t, tab, `(document.querySelector('.water a[href="#step-1-1"]').click(), true)`)
	tab.wait(t, `document.getElementById("step-1-1").closest("details").open`)
}
