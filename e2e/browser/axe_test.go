package browser_test

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/internal/web/uitest"
)

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
			for _, p := range append(shopPages(source), alertPages...) {
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
