package browser_test

import (
	"path/filepath"
	"testing"

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
