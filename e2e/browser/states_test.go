package browser_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/statuspage"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// state is a site as it is at times, and the pages that look different then.
type state struct {
	Name    string
	Deps    func(at time.Time) ui.Deps
	Pages   []page
	Refused bool // the pages are errors, which the browser notes
}

// as is how the pages know their reader.
func as(v ui.Viewer) func(context.Context) ui.Viewer {
	return func(context.Context) ui.Viewer { return v }
}

// calm is the invented company on a good day.
func calm(at time.Time) ui.Deps {
	source := uitest.Shop(at)
	views := source.List()
	for i := range views {
		v := &views[i]
		v.State, v.Reason, v.BecauseOf, v.Flaky, v.CertExpires = checks.Up, "", "", false, time.Time{}
	}
	source.Set(views)
	source.Changes = nil
	deps := uitest.Deps(source, at)
	deps.Health, deps.Config = &health.Registry{}, &uitest.Config{Settings: deps.Config.Effective(), Status: ui.Reload{At: at.Add(-time.Hour), OK: true}}
	deps.Tokens = &uitest.Tokens{}
	return deps
}

// fresh is a company whose checks have not run yet.
func fresh(at time.Time) ui.Deps {
	var stories []uitest.Story
	for _, v := range uitest.Shop(at).List() {
		v.State, v.Since, v.Reason, v.BecauseOf, v.PausedBy, v.Flaky = checks.Unknown, time.Time{}, "", "", "", false
		v.Last, v.Recent, v.Next, v.CertExpires = nil, nil, at.Add(20*time.Second), time.Time{}
		stories = append(stories, uitest.Story{View: v})
	}
	return uitest.Deps(uitest.Tell(at, stories...), at)
}

// wordy is a company that gives everything long names.
func wordy(at time.Time) ui.Deps {
	source := uitest.Shop(at)
	views := source.List()
	for i := range views {
		v := &views[i]
		v.Name = "GET /api/v2/customers/{customer_id}/subscriptions/{subscription_id}/invoices " + v.Name
		v.API = "payments-and-subscriptions-of-the-european-region"
		v.Target += "/a-path-that-goes-on-and-on/" + strings.Repeat("0123456789abcdef", 8)
		if v.Reason != "" {
			v.Reason += ": " + strings.Repeat("the payment provider did not answer within the time that was agreed on, ", 4)
		}
		v.Labels = map[string]string{"team": "customer-lifecycle-and-retention", "runbook": "https://wiki.example.com/runbooks/payments/subscriptions"}
	}
	source.Set(views)
	return uitest.Deps(source, at)
}

// broken is a company whose history cannot be read because of err.
func broken(err error) func(at time.Time) ui.Deps {
	return func(at time.Time) ui.Deps {
		source := uitest.Shop(at)
		source.Err = err
		return uitest.Deps(source, at)
	}
}

func states() []state {
	return []state{
		{Name: "calm", Deps: calm, Pages: []page{{"overview", "/"}, {"settings", "/settings"}, {"status", "/status"}}},
		{Name: "fresh", Deps: fresh, Pages: []page{{"overview", "/"}, {"checks", "/checks"}, {"status", "/status"}}},
		{Name: "wordy", Deps: wordy, Pages: []page{
			{"overview", "/"}, {"checks", "/checks"}, {"check", "/checks/post-refunds"}, {"journey", "/checks/checkout-journey"}, {"status", "/status"},
		}},
		{Name: "public", Deps: func(at time.Time) ui.Deps {
			deps := uitest.Deps(uitest.Shop(at), at)
			deps.Identity = as(ui.Viewer{Name: "anonymous"})
			deps.Status = func() statuspage.Config { return statuspage.Config{Title: "Shop status", Public: true} }
			return deps
		}, Pages: []page{{"status", "/status"}}},
		{Name: "reader", Deps: func(at time.Time) ui.Deps {
			deps := uitest.Deps(uitest.Shop(at), at)
			deps.Identity = as(ui.Viewer{Name: "guest", LoggedIn: true, CanRead: true})
			return deps
		}, Pages: []page{{"check", "/checks/post-refunds"}, {"settings", "/settings"}}},
		{Name: "many", Deps: func(at time.Time) ui.Deps { return uitest.Deps(uitest.Many(at, 500), at) }, Pages: []page{{"checks-page-2", "/checks?page=2"}}},
		{Name: "unread", Deps: broken(errors.New("history.db: malformed")), Pages: []page{{"overview", "/"}}},
		{Name: "broken", Deps: broken(errors.New("history.db: malformed")), Pages: []page{{"error-500", "/checks"}}, Refused: true},
		{Name: "full", Deps: broken(uitest.StorageFull()), Pages: []page{{"error-503", "/checks/get-orders"}}, Refused: true},
	}
}

func TestEveryStateIsCleanInLightDarkAndOnAPhone(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	for _, s := range states() {
		site, _ := startSite(t, s.Deps(now()))
		for _, l := range []look{light, dark, phone} {
			t.Run(s.Name+"/"+l.Name, func(t *testing.T) {
				tab := openTab(t, browser, site, l)
				for _, p := range s.Pages {
					tab.resize(t, l.Height)
					tab.visit(t, p.Path)
					if s.Refused {
						tab.forgive()
					}
					tab.fits(t)
					shoot(t, tab, filepath.Join(folder, s.Name+"-"+p.Name+"-"+l.Name+".png"))
				}
			})
		}
	}
}

func TestRefusedPasswordIsSaidAtTheForm(t *testing.T) {
	browser := startBrowser(t)
	folder := pictures(t)
	at := now()
	site, _ := startSite(t, uitest.Deps(uitest.Shop(at), at))
	for _, l := range []look{light, dark, phone} {
		tab := openTab(t, browser, site, l)
		tab.visit(t, "/login")
		eval[bool](t, tab, `(document.getElementById("password").value = "wrong", document.querySelector("form button").click(), true)`)
		tab.wait(t, `document.querySelector("[role=alert]")?.textContent === "This password is wrong."`)
		tab.forgive() // the browser notes the 401
		shoot(t, tab, filepath.Join(folder, "login-refused-"+l.Name+".png"))
	}
}

// fits fails the test when the page is wider than the window, or when what can
// be touched is too small for it.
func (p *tab) fits(t *testing.T) {
	t.Helper()
	if wide := eval[int64](t, p, "document.documentElement.scrollWidth"); wide > p.look.Width {
		t.Errorf("the page is %d px wide, more than the window's %d", wide, p.look.Width)
	}
	if p.look.Touch {
		noSmallTargets(t, p)
	}
}
