package browser_test

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// trafficPages are the traffic pages of the invented company.
var trafficPages = []page{
	{"traffic", "/traffic"},
	{"traffic-15m", "/traffic?range=15m&sort=errors&requests=notable"},
	{"client", "/traffic/clients/key:mobile-app"},
	{"client-throttled", "/traffic/clients/203.0.113.7"},
	{"client-blocked", "/traffic/clients/192.0.2.66"},
	{"client-prefix", "/traffic/clients/2001:db8:77:12::%2F64"},
	{"client-unknown", "/traffic/clients/203.0.113.250"},
}

// shown are the pictures of the guide.
var shown = map[string]string{"traffic-light": "traffic.png", "traffic-dark": "traffic-dark.png"}

func TestTrafficPagesInEveryLook(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	for _, l := range []look{light, dark, phone, night} {
		for _, p := range trafficPages {
			t.Run(p.Name+"/"+l.Name, func(t *testing.T) {
				tab := openTab(t, browser, site, l)
				tab.visit(t, p.Path)
				tab.fits(t)
				shoot(t, tab, filepath.Join(folder, p.Name+"-"+l.Name+".png"))
				if name := shown[p.Name+"-"+l.Name]; *update && name != "" {
					tab.resize(t, 1332) // the operations are the last card
					save(t, filepath.Join(images, name), get(t, tab, "take a picture", chromedp.CaptureScreenshot()))
				}
			})
		}
	}
}

func TestTrafficBeforeTheFirstRequest(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	for name, gateway := range map[string]string{"empty-traffic": "", "empty-gateway": "http://127.0.0.1:8480/"} {
		source := &uitest.Traffic{At: now()}
		site, stream := startSite(t, ui.Deps{
			Checks:  &uitest.Source{},
			Traffic: &ui.Traffic{Requests: source, Gateway: func() string { return gateway }},
		})
		for _, l := range []look{light, phone} {
			tab := openTab(t, browser, site, l)
			tab.visit(t, "/traffic")
			shoot(t, tab, filepath.Join(folder, name+"-"+l.Name+".png"))
		}
		// The first request changes the page by itself.
		tab := openTab(t, browser, site, light)
		tab.visit(t, "/traffic")
		tab.live(t)
		tab.wait(t, `document.querySelector("h1").textContent === "No requests yet"`)
		busy, ok := uitest.Rush(now()).Requests.(*uitest.Traffic)
		if !ok {
			t.Fatal("the invented traffic is of another kind")
		}
		*source = *busy
		stream.hub.Publish(traffic.LiveEvent, traffic.Live{Rate: 12})
		tab.wait(t, `document.querySelector("#tiles .tile")`)
	}
}

func TestTheRateOfNowFollowsEverySecond(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	site, stream := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/traffic")
	tab.live(t)
	for rate, shown := range map[float64]string{1234: "1\u202f234/s now", 12.34: "12.3/s now", 1.5: "1.50/s now"} {
		stream.hub.Publish(traffic.LiveEvent, traffic.Live{Rate: rate})
		tab.wait(t, `document.querySelector('[data-live="rate"]').textContent === "`+shown+`"`)
	}
	stream.hub.Publish(traffic.LiveEvent, traffic.Live{})
	tab.wait(t, `document.querySelector('[data-live="rate"]').textContent === "0/s now"`)
}

// What somebody does who sees an abuser: open the client, block it with a reason,
// and take it back.
func TestBlockAClientAndUndoIt(t *testing.T) {
	browser := startBrowser(t)
	for _, l := range []look{light, phone} {
		at := now()
		site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
		tab := openTab(t, browser, site, l)
		tab.visit(t, "/traffic")
		eval[bool](t, tab, `(document.querySelector('#clients a[href="/traffic/clients/198.51.100.140#block"]').click(), true)`)
		tab.wait(t, `location.pathname === "/traffic/clients/198.51.100.140" && document.querySelector('#block input[name="reason"]')`)
		eval[bool](t, tab, `(document.querySelector('#block input[name="reason"]').value = "guesses passwords", document.querySelector("#block form button").click(), true)`)
		tab.wait(t, `document.querySelector("h1 .is")?.textContent === "blocked"`)
		tab.wait(t, `document.querySelector("#block").textContent.includes("guesses passwords")`)
		eval[bool](t, tab, `(document.querySelector("#block form button").click(), true)`)
		tab.wait(t, `document.querySelector("h1 .is")?.textContent === "calling"`)
	}
}

func TestTheKeyboardLeadsToTrafficAndItsRows(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.live(t)
	tab.do(t, "go to traffic", press("g"), press("f"))
	tab.wait(t, `location.pathname === "/traffic" && document.querySelector("#tiles")`)
	tab.live(t)
	tab.do(t, "an earlier range", press("["))
	tab.wait(t, `location.search.startsWith("?from=")`)
	without, _ := startSite(t, ui.Deps{Checks: uitest.Tell(at, uitest.Story{View: checks.View{ID: "a", Name: "a"}})})
	tab = openTab(t, browser, without, light)
	tab.visit(t, "/checks")
	tab.live(t)
	tab.do(t, "go nowhere", press("g"), press("f"))
	if path := eval[string](t, tab, "location.pathname"); path != "/checks" {
		t.Errorf("without traffic, g f leads to %s", path)
	}
}

func TestClientsAreFoundByTheSearchBox(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.live(t)
	eval[bool](t, tab, `(document.getElementById("q").focus(), true)`)
	tab.do(t, "type", press("mobile-app"))
	tab.wait(t, `document.querySelector("#hits li bdi")?.textContent === "key:mobile-app"`)
	tab.do(t, "open", press(kb.Enter))
	tab.wait(t, `location.pathname === "/traffic/clients/key:mobile-app"`)
}

// The demo's clients come through the real gateway: one of them is throttled, one
// is blocked, and the page follows by itself.
func TestTheDemoHasLiveTraffic(t *testing.T) {
	browser := startBrowser(t)
	site := startDemo(t)
	folder := pictures(t)
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/traffic")
	tab.live(t)
	tab.wait(t, `document.querySelector("#clients .pill.down")?.textContent === "blocked"`)
	tab.wait(t, `[...document.querySelectorAll(".limits td[data-l=Delayed]")].some((cell) => cell.textContent)`)
	tab.wait(t, `/^[1-9].*\/s now$/.test(document.querySelector('[data-live="rate"]').textContent)`)
	shoot(t, tab, filepath.Join(folder, "demo-traffic.png"))
	eval[bool](t, tab, `(document.querySelector("#clients .nm a").click(), true)`)
	tab.wait(t, `location.pathname.startsWith("/traffic/clients/") && document.querySelector("#tiles .tile")`)
	shoot(t, tab, filepath.Join(folder, "demo-client.png"))
}
