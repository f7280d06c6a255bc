package browser_test

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/delivery"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// alertPages are the pages of operations and alerts of the invented company.
var alertPages = []page{
	{"endpoints", "/endpoints"},
	{"endpoints-sorted", "/endpoints?sort=p95&api=orders"},
	{"endpoints-none", "/endpoints?q=nothing+like+this"},
	{"endpoint-critical", "/endpoints/POST/refunds?api=orders"},
	{"endpoint-ok", "/endpoints/GET/orders?api=orders&range=24h"},
	{"endpoint-quiet", "/endpoints/GET/v1/orders?api=orders"},
	{"endpoint-unused", "/endpoints/DELETE/orders/%7Bid%7D?api=orders"},
	{"alerts", "/alerts"},
	{"alerts-who", "/alerts?labels=severity%3D%22critical%22+api%3Dorders"},
	{"alert-firing", "/alerts/4f1a0c7be2d95a31"},
	{"alert-acknowledged", "/alerts/0a11ce5b0b0b0001"},
	{"alert-silenced", "/alerts/5eed5eed5eed5eed"},
	{"alert-resolved", "/alerts/ca11ab1eca11ab1e"},
	{"silence", "/alerts/silences/new?alert=4f1a0c7be2d95a31"},
	{"silence-wrong", "/alerts/silences/new?matchers=api%3D~%22%28%22"},
	{"traffic-of-one", "/traffic?api=orders&operation=POST+%2Frefunds"},
}

func TestAlertPagesInEveryLook(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	for _, l := range []look{light, dark, phone, night} {
		t.Run(l.Name, func(t *testing.T) {
			tab := openTab(t, browser, site, l)
			for _, p := range alertPages {
				t.Run(p.Name, func(t *testing.T) {
					tab.resize(t, l.Height)
					tab.visit(t, p.Path)
					tab.fits(t)
					shoot(t, tab, filepath.Join(folder, p.Name+"-"+l.Name+".png"))
					tab.nothingWrong(t)
				})
			}
		})
	}
}

// What somebody does who is woken up: open the alerts, acknowledge one, silence
// another, and try a notification again.
func TestAcknowledgeSilenceAndRetry(t *testing.T) {
	browser := startBrowser(t)
	for _, l := range []look{light, phone} {
		at := now()
		site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
		tab := openTab(t, browser, site, l)
		tab.visit(t, "/alerts")
		tab.live(t)
		eval[bool](t, tab, `(document.querySelector('#alert-4f1a0c7be2d95a31 form[action$="/acknowledge"] button').click(), true)`)
		tab.wait(t, `document.querySelector("#alert-4f1a0c7be2d95a31 .acked")`)
		tab.wait(t, `document.querySelector("#firing .pill").textContent.startsWith("2")`)
		eval[bool](t, tab, `(document.querySelector('#alert-d00dfeed00c0ffee a[href^="/alerts/silences/new"]').click(), true)`)
		tab.wait(t, `location.pathname === "/alerts/silences/new" && document.querySelector("#preview .would strong")?.textContent === "1 alert"`)
		eval[bool](t, tab, `(document.querySelector("textarea").value = 'severity="warning"', document.querySelector("button[formmethod=get]").click(), true)`)
		tab.wait(t, `document.querySelector("#preview .would strong")?.textContent === "4 alerts"`)
		eval[bool](t, tab, `(document.querySelector("input[name=comment]").value = "we know", document.querySelector(".silence-form button.primary").click(), true)`)
		tab.wait(t, `location.pathname === "/alerts" && location.hash === "#silence-new" && document.querySelector("#silence-new").textContent.includes("we know")`)
		eval[bool](t, tab, `(document.querySelector('#deliveries form button').click(), true)`)
		tab.wait(t, `document.querySelectorAll("#deliveries form").length === 1`)
	}
}

// An alert that begins shows on every page: in the badge at once, and in the
// lists.
func TestAnAlertArrivesOnOpenPages(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	alerts := uitest.RushAlerts(at)
	all := alerts.List
	alerts.List = all[1:]
	deps := uitest.Deps(uitest.Shop(at), at)
	deps.Alerts = alerts
	// A page asks at most once a second for the badge.
	deps.Now = now
	site, stream := startSite(t, deps)
	var tabs []*tab
	for _, path := range []string{"/alerts", "/", "/checks"} {
		tab := openTab(t, browser, site, light)
		tab.visit(t, path)
		tab.live(t)
		tab.wait(t, `document.querySelector("#firing .pill").textContent.startsWith("2")`)
		tabs = append(tabs, tab)
	}
	alerts.Set(all)
	stream.hub.Publish(alerting.Event, alerting.Change{ID: all[0].ID, Name: "ErrorRateHigh", State: alerting.Firing})
	for _, tab := range tabs {
		tab.wait(t, `document.querySelector("#firing .pill").textContent.startsWith("3")`)
	}
	tabs[0].wait(t, `document.querySelector("#alert-4f1a0c7be2d95a31")`)
}

// standIn takes the place of the browser's own notifications, which a browser
// without a screen does not show.
const standIn = `(() => {
	window.shown = [];
	class Stand {
		static permission = sessionStorage.getItem("may") || "default";
		static async requestPermission() { sessionStorage.setItem("may", "granted"); return (Stand.permission = "granted"); }
		constructor(title, options) { window.shown.push({ title, ...options }); Stand.last = this; }
		close() {}
	}
	Object.defineProperty(window, "Notification", { value: Stand, configurable: true });
	return true;
})()`

func TestNotificationsOfTheDesktop(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	site, stream := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.before(t, standIn)
	tab.visit(t, "/alerts")
	tab.live(t)
	news := func(tag, state string) delivery.Event {
		return delivery.Event{Tag: tag, State: delivery.State(state), Severity: "critical", Title: "Critical: POST /refunds fails <b>", Text: "33.4 % of 174 requests", Link: "/alerts/4f1a0c7be2d95a31"}
	}
	eval[bool](t, tab, `(document.getElementById("desktop-switch").click(), true)`)
	tab.wait(t, `document.getElementById("desktop-switch").getAttribute("aria-pressed") === "true"`)
	stream.hub.Publish(delivery.LiveEvent, news("b", "firing"))
	stream.hub.Publish(delivery.LiveEvent, news("b", "resolved"))
	tab.wait(t, `window.shown.length === 2`)
	if got := eval[string](t, tab, `JSON.stringify(window.shown.map(({ title, body, tag, silent, icon }) => [title, body, tag, silent, new URL(icon).origin === location.origin]))`); got != `[["Critical: POST /refunds fails <b>","33.4 % of 174 requests","lapwing-b",false,true],["Critical: POST /refunds fails <b>","33.4 % of 174 requests","lapwing-b",true,true]]` {
		t.Errorf("shown: %s", got)
	}
	// On another page they show too, a storm is one notification, and a click leads
	// nowhere but to pages of ours.
	tab.visit(t, "/checks")
	tab.live(t)
	evil := news("c", "firing")
	evil.Link = "https://evil.example/"
	for range 8 {
		stream.hub.Publish(delivery.LiveEvent, evil)
	}
	tab.wait(t, `window.shown.length === 8 && window.shown[7].tag === "lapwing-many"`)
	eval[bool](t, tab, `(Notification.last.onclick(), true)`)
	tab.wait(t, `location.pathname === "/alerts" && document.getElementById("desktop-switch")?.getAttribute("aria-pressed") === "true"`)
	eval[bool](t, tab, `(document.getElementById("desktop-switch").click(), true)`)
	tab.wait(t, `document.getElementById("desktop-switch").textContent === "Show alerts here"`)
	tab.visit(t, "/traffic")
	tab.live(t)
	stream.hub.Publish(delivery.LiveEvent, news("d", "firing"))
	stream.hub.Publish(traffic.LiveEvent, traffic.Live{Rate: 12.34}) // comes after it
	tab.wait(t, `document.querySelector('[data-live="rate"]').textContent === "12.3/s now"`)
	if n := eval[int](t, tab, `window.shown.length`); n != 0 {
		t.Errorf("%d notifications for a reader who wants none", n)
	}
}

func TestTheKeyboardLeadsToEndpointsAndAlerts(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/")
	tab.live(t)
	tab.do(t, "go to the endpoints", press("g"), press("e"))
	tab.wait(t, `location.pathname === "/endpoints" && document.querySelector("#operations .nm a")`)
	tab.live(t)
	tab.do(t, "open the first operation of the list", press("j"), press("j"), press("j"), press("j"), press(kb.Enter))
	tab.wait(t, `location.pathname === "/endpoints/POST/refunds" && document.querySelector("#chart .chart")`)
	tab.live(t)
	tab.do(t, "an earlier range", press("["))
	tab.wait(t, `new URLSearchParams(location.search).get("api") === "orders" && new URLSearchParams(location.search).has("from")`)
	tab.live(t)
	tab.do(t, "go to the alerts", press("g"), press("a"))
	tab.wait(t, `location.pathname === "/alerts"`)
}

func TestAlertPagesAreReadableWithoutJavaScript(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	for _, p := range []page{{"nojs-endpoints", "/endpoints?sort=p95"}, {"nojs-endpoint", "/endpoints/POST/refunds?api=orders"}, {"nojs-alerts", "/alerts"}} {
		l := light
		l.NoJS = true
		tab := openTab(t, browser, site, l)
		tab.visit(t, p.Path)
		shoot(t, tab, filepath.Join(folder, p.Name+".png"))
	}
}

func TestAlertPagesBeforeAnything(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	site, _ := startSite(t, ui.Deps{Checks: &uitest.Source{}, Endpoints: &uitest.Endpoints{}, Alerts: &uitest.Alerts{}})
	for _, l := range []look{light, phone} {
		for _, p := range []page{{"empty-endpoints", "/endpoints"}, {"empty-alerts", "/alerts"}, {"empty-silence", "/alerts/silences/new"}} {
			tab := openTab(t, browser, site, l)
			tab.visit(t, p.Path)
			tab.fits(t)
			shoot(t, tab, filepath.Join(folder, p.Name+"-"+l.Name+".png"))
		}
	}
}

// The first request changes the page of endpoints by itself.
func TestEndpointsBeforeTheFirstRequest(t *testing.T) {
	browser := startBrowser(t)
	at := now()
	deps := uitest.Deps(uitest.Shop(at), at)
	empty := &uitest.Endpoints{}
	deps.Endpoints, deps.Inventory = empty, nil
	site, stream := startSite(t, deps)
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/endpoints")
	tab.live(t)
	tab.wait(t, `document.querySelector("#start")`)
	empty.List = uitest.RushEndpoints(at).List
	stream.hub.Publish(traffic.LiveEvent, traffic.Live{Rate: 12})
	tab.wait(t, `document.querySelector("#operations tbody tr")`)
}
