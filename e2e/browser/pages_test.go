package browser_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// pictures is where screenshots go.
func pictures(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("LAPWING_SHOTS")
	if folder == "" {
		return t.TempDir()
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	return folder
}

// now is a fixed moment of today, so that "3 s ago" of the page's own clock and
// of the invented data agree.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// page is one page with its picture's name.
type page struct{ Name, Path string }

// shopPages are all pages of the invented company.
func shopPages(source *uitest.Source) []page {
	down := source.Runs["post-refunds"][0].Run
	newest := func(id string) checks.RunID { return slices.Max(slices.Collect(maps.Keys(source.Kept[id]))) }
	flaky := source.Runs["get-orders-id"][0].Run
	return []page{
		{"overview", "/"},
		{"overview-down", "/?state=down"},
		{"checks", "/checks"},
		{"checks-label", "/checks?label=team%3Dshop&sort=state"},
		{"checks-none", "/checks?q=nothing+like+this"},
		{"check-up", "/checks/get-orders"},
		{"check-down", "/checks/post-refunds"},
		{"check-1h", "/checks/post-refunds?range=1h"},
		{"check-30d", "/checks/get-orders?range=30d"},
		{"check-degraded", "/checks/get-reports-month"},
		{"check-because", "/checks/checkout-journey"},
		{"check-flaky", "/checks/get-orders-id?runs=problems"},
		{"check-paused", "/checks/post-reindex"},
		{"check-never-ran", "/checks/get-trending"},
		{"run-down", fmt.Sprintf("/checks/post-refunds/runs/%d", newest("post-refunds"))},
		{"run-journey", fmt.Sprintf("/checks/checkout-journey/runs/%d", newest("checkout-journey"))},
		{"run-plain", fmt.Sprintf("/checks/post-refunds/runs/%d", down)},
		{"run-flaky", fmt.Sprintf("/checks/get-orders-id/runs/%d", flaky)},
		{"settings", "/settings"},
		{"status", "/status"},
		{"login", "/login"},
		{"not-found", "/nowhere"},
		{"bad-range", "/checks/get-orders?range=2y"},
	}
}

func TestEveryPageIsCleanInLightDarkAndOnAPhone(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	source := uitest.Shop(at)
	deps := uitest.Deps(source, at)
	deps.Demo = true
	site, _ := startSite(t, deps)
	for _, l := range []look{light, dark, phone, night} {
		t.Run(l.Name, func(t *testing.T) {
			tab := openTab(t, browser, site, l)
			for _, p := range shopPages(source) {
				t.Run(p.Name, func(t *testing.T) {
					tab.resize(t, l.Height)
					tab.visit(t, p.Path)
					if p.Name == "not-found" || p.Name == "bad-range" {
						tab.forgive() // the browser notes the refusal that was asked for
					}
					tab.fits(t)
					shoot(t, tab, filepath.Join(folder, p.Name+"-"+l.Name+".png"))
					tab.nothingWrong(t)
				})
			}
		})
	}
}

// noSmallTargets holds WCAG 2.2's 24 px for everything that can be touched, save
// links within text, and our own 44 px for buttons and fields.
func noSmallTargets(t *testing.T, tab *tab) {
	t.Helper()
	small := eval[[]string](t, tab, `[...document.querySelectorAll("button, input:not([type=hidden]):not(.vh), select, summary, nav:not(.crumbs) a, .filters a, a.button")]
		.filter((e) => e.offsetParent && e.getBoundingClientRect().height < 36)
		.map((e) => e.tagName + " " + (e.textContent || e.name).trim() + " " + e.getBoundingClientRect().height)`)
	if len(small) > 0 {
		t.Errorf("too small to touch: %s", strings.Join(small, "; "))
	}
}

func TestOverviewOfFiveHundredChecks(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Many(at, 500), at))
	for _, l := range []look{light, dark, phone} {
		t.Run(l.Name, func(t *testing.T) {
			tab := openTab(t, browser, site, l)
			tab.visit(t, "/")
			window := filepath.Join(folder, "overview-500-"+l.Name+".png")
			save(t, window, get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
			if nodes := eval[int](t, tab, "document.querySelectorAll('*').length"); nodes > 12000 {
				t.Errorf("%d nodes, want at most 12,000", nodes)
			}
		})
	}
}

func TestEmptyStateSaysTheNextCommand(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	site, _ := startSite(t, ui.Deps{Checks: &uitest.Source{}})
	for _, l := range []look{light, phone} {
		for _, p := range []page{{"empty-overview", "/"}, {"empty-checks", "/checks"}, {"empty-status", "/status"}, {"empty-settings", "/settings"}} {
			t.Run(p.Name+"/"+l.Name, func(t *testing.T) {
				tab := openTab(t, browser, site, l)
				tab.visit(t, p.Path)
				shoot(t, tab, filepath.Join(folder, p.Name+"-"+l.Name+".png"))
			})
		}
	}
}

func TestPagesAreReadableWithoutJavaScript(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	source := uitest.Shop(at)
	site, _ := startSite(t, uitest.Deps(source, at))
	for _, p := range []page{{"nojs-overview", "/"}, {"nojs-check", "/checks/post-refunds"}} {
		t.Run(p.Name, func(t *testing.T) {
			l := light
			l.NoJS = true
			tab := openTab(t, browser, site, l)
			tab.visit(t, p.Path)
			shoot(t, tab, filepath.Join(folder, p.Name+".png"))
		})
	}
}

// shoot takes a picture of the whole page. The window is made as high as the
// page, in which everything is drawn (what is outside of a window need not be).
func shoot(t *testing.T, tab *tab, path string) {
	t.Helper()
	height := int64(2000)
	if !tab.look.NoJS { // else nothing can be asked of the page
		height = eval[int64](t, tab, `(document.querySelectorAll("details.group").forEach((e) => { e.style.contentVisibility = "visible"; }),
			Math.ceil(document.body.getBoundingClientRect().height))`)
	}
	tab.resize(t, max(height, tab.look.Height))
	save(t, path, get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
}

func save(t *testing.T, path string, picture []byte) {
	t.Helper()
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		t.Fatal(err)
	}
}
