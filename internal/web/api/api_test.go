package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/web/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func runOf(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func TestFiltersOfChecks(t *testing.T) {
	all := ids(newFakeChecks().views)
	tests := []struct {
		query string
		want  []string
	}{
		{"", all},
		{"?state=down", []string{"reports"}},
		{"?state=up&state=degraded", []string{"login", "orders-list"}},
		{"?state=up,degraded", []string{"login", "orders-list"}},
		{"?api=reports", []string{"reports"}},
		{"?label=tier", []string{"reports"}},
		{"?label=team=bi&label=tier=2", []string{"reports"}},
		{"?label=team=bi&label=tier=3", nil},
		{"?label=team", all},
		{"?q=ORDERS", []string{"orders-health", "orders-list"}},
		{"?q=%7Bid%7D", []string{"reports"}},
		{"?q=nothing", nil},
		{"?q=orders&state=paused", nil},
	}
	h := newHouse(t)
	for _, test := range tests {
		var got struct{ Checks []struct{ ID string } }
		decode(t, h.get(t, api.Base+"/checks"+test.query), &got)
		var names []string
		for _, c := range got.Checks {
			names = append(names, c.ID)
		}
		if diff := cmp.Diff(test.want, names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.query, diff)
		}
	}
}

func TestListsAreReadInPages(t *testing.T) {
	h := newHouse(t)
	pages := func(target string, entries func(body string) (names []string, next string)) (all []string, n int) {
		cursor := ""
		for {
			names, next := entries(h.get(t, target+cursor))
			all = append(all, names...)
			n++
			if next == "" || n > 10 {
				return all, n
			}
			cursor = "&cursor=" + next
		}
	}
	got, n := pages(api.Base+"/checks?limit=2", func(body string) (names []string, next string) {
		var page struct {
			Checks []struct{ ID string }
			Next   string
		}
		decode(t, body, &page)
		for _, c := range page.Checks {
			names = append(names, c.ID)
		}
		return names, page.Next
	})
	if diff := cmp.Diff(ids(h.checks.views), got); diff != "" || n != 3 {
		t.Errorf("checks in %d pages (-want +got):\n%s", n, diff)
	}

	var want []string
	for _, r := range h.checks.results["login"] {
		want = append(want, r.Run.String())
	}
	got, n = pages(api.Base+"/checks/login/results?limit=2", func(body string) (names []string, next string) {
		var page struct {
			Results []struct{ Run int64 }
			Next    string
		}
		decode(t, body, &page)
		for _, r := range page.Results {
			names = append(names, strconv.FormatInt(r.Run, 10))
		}
		return names, page.Next
	})
	if diff := cmp.Diff(want, got); diff != "" || n != 3 {
		t.Errorf("results in %d pages (-want +got):\n%s", n, diff)
	}
	if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("results are not newest first: %v", got)
	}
}

// TestAResultAsClientsSeeIt keeps the names and units of the most used answer.
func TestAResultAsClientsSeeIt(t *testing.T) {
	body := newHouse(t).get(t, api.Base+"/checks/login/results?limit=1")
	var got any
	decode(t, body, &got)
	var want any
	decode(t, `{
		"results": [{
			"check": "login", "run": 1795435200000, "at": "2026-11-23T12:00:00.000Z", "status": "up", "state": "up", "flaky": true,
			"latency_ms": 13.596, "code": 200, "evidence": true,
			"attempts": [
				{"offset_ms": 0, "status": "down", "latency_ms": 0, "size": 0, "class": "timeout", "reason": "no answer within 10s",
				 "phases": {"dns_ms": 0, "connect_ms": 0, "tls_ms": 0, "ttfb_ms": 0, "transfer_ms": 0}},
				{"offset_ms": 11000, "status": "up", "latency_ms": 13.596, "size": 12, "code": 200,
				 "phases": {"dns_ms": 0, "connect_ms": 0.25, "tls_ms": 0, "ttfb_ms": 12.346, "transfer_ms": 1}}
			]
		}],
		"next": "`+cursorOf(t, body)+`"
	}`, &want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func cursorOf(t *testing.T, body string) string {
	t.Helper()
	var page struct{ Next string }
	decode(t, body, &page)
	return page.Next
}

func TestPausingSaysWhoDidIt(t *testing.T) {
	h := newHouse(t)
	_, w := h.do(t, "POST", api.Base+"/checks/login/pause", "")
	var got struct {
		State    string
		PausedBy string `json:"paused_by"`
	}
	decode(t, w.Body.String(), &got)
	if got.State != "paused" || got.PausedBy != "tester" {
		t.Errorf("%+v", got)
	}
}

func TestATokenIsShownOnce(t *testing.T) {
	h := newHouse(t)
	_, w := h.do(t, "POST", api.Base+"/tokens", `{"name":"ci","scopes":["write"]}`)
	var made struct{ ID, Token string }
	decode(t, w.Body.String(), &made)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+made.Token)
	id, err := h.access.Identify(r)
	if err != nil || id.Name != "ci" || !id.Can(access.Write) || id.Can(access.Admin) {
		t.Fatalf("the new token is %+v, %v", id, err)
	}
	list := h.get(t, api.Base+"/tokens")
	if !strings.Contains(list, made.ID) || strings.Contains(list, made.Token) || strings.Contains(list, "hash") {
		t.Errorf("the list is\n%s", list)
	}
	if cache := w.Header().Get("Cache-Control"); cache != "no-store" {
		t.Errorf("the answer may be cached: %q", cache)
	}
}

func TestEveryRouteNeedsItsScope(t *testing.T) {
	fill := strings.NewReplacer("{id}", "login", "{run}", runOf(noon), "{name}", "reports", "{code}", "forbidden")
	for _, route := range newHouse(t).Routes() {
		if route.Path == "/events" {
			continue // ends with its client; TestEventsStartWhereTheClientWas has it
		}
		for _, held := range []access.Scope{"", access.Read, access.Write, access.Admin} {
			h := newHouse(t)
			h.scope = held
			_, w := h.do(t, route.Method, api.Base+fill.Replace(route.Path), "")
			refused := w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized
			want := route.Scope != "" && !(access.Identity{Scopes: []access.Scope{held}}).Can(route.Scope)
			if refused != want {
				t.Errorf("%s %s with scope %q: %d", route.Method, route.Path, held, w.Code)
			}
			if want && held == "" && w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s by nobody: %d, want 401", route.Method, route.Path, w.Code)
			}
		}
	}
}

func TestEventsStartWhereTheClientWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.hub.Publish("check", "one")
		go func() {
			time.Sleep(time.Second)
			h.hub.Publish("check", "two")
			time.Sleep(time.Second)
			h.streams.Close()
		}()
		body := h.get(t, api.Base+"/events?last_event_id=other-7")
		for _, want := range []string{"event: reset\n", "event: check\ndata: \"two\"\n"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is not in\n%s", want, body)
			}
		}
		if strings.Contains(body, `"one"`) {
			t.Errorf("told twice:\n%s", body)
		}
	})
}

func TestHealthIsAsBadAsTheWorstNotice(t *testing.T) {
	h := newHouse(t)
	status := func() string {
		var got struct{ Status string }
		decode(t, h.get(t, api.Base+"/health"), &got)
		return got.Status
	}
	if got := status(); got != "ok" {
		t.Errorf("status %q, want ok", got)
	}
	unwell(t, h)
	if got := status(); got != "failing" {
		t.Errorf("status %q, want failing", got)
	}
	h.health.Clear("disk_full")
	if got := status(); got != "warning" {
		t.Errorf("status %q, want warning", got)
	}
}
