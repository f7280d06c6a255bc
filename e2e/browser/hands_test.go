package browser_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func press(text string) chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(text) }

func TestKeyboard(t *testing.T) {
	folder := pictures(t)
	_, tab := openShop(t, "/")
	tab.awake(t)
	tab.do(t, "go to the checks", press("g"), press("c"))
	tab.wait(t, `location.pathname === "/checks"`)
	tab.awake(t)
	tab.do(t, "two rows down, one up, open", press("j"), press("j"), press("k"), press(kb.Enter))
	tab.wait(t, `location.pathname === "/checks/get-health"`)
	tab.awake(t)
	tab.do(t, "earlier", press("["))
	tab.wait(t, `location.search.startsWith("?from=")`)
	tab.awake(t)
	tab.do(t, "help", press("?"))
	tab.wait(t, `document.getElementById("help").open`)
	save(t, filepath.Join(folder, "help.png"), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
	tab.do(t, "close", press(kb.Escape))
	tab.wait(t, `!document.getElementById("help").open`)
	tab.do(t, "search", press("/"))
	tab.wait(t, `document.activeElement.id === "q"`)
	tab.do(t, "type", press("refund"))
	tab.wait(t, `document.querySelectorAll("#hits li").length === 2`)
	save(t, filepath.Join(folder, "search.png"), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
	tab.do(t, "jump", press(kb.Enter))
	tab.wait(t, `location.pathname === "/checks/post-refunds"`)
}

func TestChosenColoursStay(t *testing.T) {
	_, tab := openShop(t, "/settings")
	tab.awake(t)
	tab.do(t, "choose dark", chromedp.Click(chromedp.CSS("#theme")), chromedp.Click(chromedp.CSS("#theme")))
	tab.visit(t, "/status")
	if got := eval[string](t, tab, `getComputedStyle(document.body).backgroundColor`); got != "rgb(15, 20, 26)" {
		t.Errorf("the page is %s, want it dark", got)
	}
}

func TestTooltipsTellTheValues(t *testing.T) {
	folder := pictures(t)
	_, tab := openShop(t, "/checks/post-refunds?range=1h")
	point := func(selector, x, says string) {
		t.Helper()
		tab.awake(t)
		place := eval[[]float64](t, tab, `(() => {
			const e = document.querySelector(`+strconv.Quote(selector)+`);
			e.scrollIntoView({ block: "center" });
			const r = e.getBoundingClientRect();
			return [`+x+`, r.top + r.height / 2];
		})()`)
		tab.do(t, "point at "+selector, chromedp.MouseEvent(chromedp.MouseMoved, place[0], place[1]))
		tab.wait(t, says+`.test(document.querySelector(".tip:not([hidden])")?.textContent || "")`)
	}
	today := time.Now().UTC().Format("2 Jan 2006")
	point(".chart .axis", "r.left + r.width / 2", `/Wait.*\nTransfer.*\nTotal .* ms\n1 run/s`)
	save(t, filepath.Join(folder, "tooltip.png"), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
	point(".long-bars .bars", "r.right - 3", `/^`+today+`: down, \d+ of 2880 failed$/`)
	tab.visit(t, "/status")
	point(".components li:nth-child(4) .bars", "r.right - 3", `/^`+today+`: down, \d+ of 2880 failed$/`)
	save(t, filepath.Join(folder, "tooltip-status.png"), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
	tab.visit(t, "/checks")
	point(".rows .ago", "r.right - 20", `/^\d+ \w+ [\d:]+ \(\d{4}-\d\d-\d\d [\d:]+ UTC\)$/`)
}

func TestNewTokenIsTheFirstThingOnThePage(t *testing.T) {
	folder := pictures(t)
	_, tab := openShop(t, "/settings#tokens")
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
	shop, tab := openShop(t, "/")
	kept, _ := shop.source.EvidenceRuns(t.Context(), "checkout-journey")
	tab.visit(t, fmt.Sprintf("/checks/checkout-journey/runs/%d", kept[0]))
	tab.wait(t, `document.querySelectorAll("details.step[open]").length === 1`)
	eval[bool](t, tab, `(document.querySelector('.water a[href="#step-1-1"]').click(), true)`)
	tab.wait(t, `document.getElementById("step-1-1").closest("details").open`)
}
