package uitest

import (
	"fmt"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// Shop is a small company with three APIs: two checks down (and one because of
// another), one degraded, one flaky, one paused, one that never ran.
func Shop(now time.Time) *Source {
	view := func(name, api, method, target string, state checks.Status, since time.Duration, reason string) checks.View {
		v := checks.View{
			ID: slug(name), Name: name, API: api, Method: method, Target: target, State: state, Reason: reason,
			Asserts: []string{"status in 200..299", "latency < 300ms  (else degraded)"}, Labels: map[string]string{"team": "shop"},
		}
		if since > 0 {
			v.Since = now.Add(-since).Truncate(time.Millisecond)
		}
		return v
	}
	const day = 24 * time.Hour
	orders, auth, search := "http://127.0.0.1:8000", "https://auth.example.com", "https://search.example.com"
	refunds := view("POST /refunds", "orders", "POST", orders+"/refunds", checks.Down, 18*time.Minute, "status = 503, want 200..299")
	refunds.Operation = "POST /refunds"
	journey := view("checkout-journey", "orders", "POST", orders+"/login", checks.Down, 17*time.Minute, "step 3 (refund): status = 503, want 201")
	journey.Steps, journey.BecauseOf, journey.DependsOn = []string{"login", "add to cart", "refund", "log out"}, refunds.ID, []string{refunds.ID}
	journey.StepViews = []checks.StepView{
		{Name: "login", Method: "POST", Target: orders + "/login", Asserts: []string{"status == 200"}, Captures: []string{"token"}},
		{Name: "add to cart", Method: "POST", Target: orders + "/cart", Asserts: []string{"status == 201"}, Captures: []string{"cart", "order"}},
		{Name: "refund", Method: "POST", Target: orders + "/orders/${order}/refunds", Asserts: []string{"status == 201", "json.state == 'open'"}},
		{Name: "log out", Method: "POST", Target: orders + "/logout", Asserts: []string{"status == 204"}, Always: true},
	}
	slow := view("GET /reports/{month}", "orders", "GET", orders+"/reports/2026-11", checks.Degraded, 11*time.Minute, "latency = 812ms, want < 300ms")
	login := view("login", "auth", "POST", auth+"/oauth/token", checks.Up, 40*day, "")
	login.CertExpires = now.Add(11*day + 3*time.Hour)
	keys := view("jwks", "auth", "GET", auth+"/.well-known/jwks.json", checks.Up, 12*day, "")
	keys.CertExpires = now.Add(11*day + 3*time.Hour)
	suggest := view("GET /suggest", "search", "GET", search+"/suggest?q=tea", checks.Up, 3*day, "")
	suggest.CertExpires = now.Add(61 * day)
	reindex := view("POST /reindex", "search", "POST", search+"/reindex", checks.Paused, 2*day, "")
	reindex.PausedBy = "configuration"
	fresh := view("GET /trending", "search", "GET", search+"/trending", checks.Unknown, 0, "")
	return Tell(now,
		Story{View: view("GET /health", "orders", "GET", orders+"/health", checks.Up, 40*day, ""), Base: 4 * time.Millisecond, Days: 90, Bad: []int{31}, Run: 25 * time.Hour},
		Story{View: view("GET /orders", "orders", "GET", orders+"/orders?limit=20", checks.Up, 40*day, ""), Base: 28 * time.Millisecond, Days: 90, Bad: []int{31, 60}, Slow: []int{12, 13}, Run: 25 * time.Hour},
		Story{View: view("GET /orders/{id}", "orders", "GET", orders+"/orders/1", checks.Up, 40*day, ""), Base: 31 * time.Millisecond, Days: 90, Bad: []int{31}, Slow: []int{44}, Run: 25 * time.Hour, Flaky: true},
		Story{View: refunds, Base: 64 * time.Millisecond, Days: 90, Bad: []int{0, 5, 6, 31, 72}, Slow: []int{4}, Run: 25 * time.Hour, DownFor: 18 * time.Minute},
		Story{View: slow, Base: 240 * time.Millisecond, Days: 90, Slow: []int{0, 1, 2, 9, 30, 31}, Run: 25 * time.Hour},
		Story{View: journey, Base: 190 * time.Millisecond, Days: 74, Bad: []int{0, 5, 31}, Run: 25 * time.Hour, DownFor: 17 * time.Minute},
		Story{View: login, Base: 96 * time.Millisecond, Days: 90, Bad: []int{48}, Run: 25 * time.Hour, TLS: true},
		Story{View: keys, Base: 71 * time.Millisecond, Days: 90, Run: 25 * time.Hour, TLS: true},
		Story{View: suggest, Base: 118 * time.Millisecond, Days: 61, Slow: []int{20}, Run: 25 * time.Hour, TLS: true},
		Story{View: reindex, Base: 900 * time.Millisecond, Days: 40, Run: 0},
		Story{View: fresh, Base: 80 * time.Millisecond},
	)
}

// Many is n checks over eight APIs, most of them up, with 90 days of history.
func Many(now time.Time, n int) *Source {
	apis := []string{"checkout-api", "catalog-api", "identity", "billing", "search", "notifications", "media", "edge-gateway"}
	paths := []string{"/v1/orders/{id}", "/v1/orders", "/health", "/v1/items", "/metrics", "/v1/cart", "/v1/users/me", "/v1/refunds", "/login", "/v1/search"}
	stories := make([]Story, n)
	for i := range stories {
		api, path := apis[i*len(apis)/n], paths[i%len(paths)]
		v := checks.View{
			ID: fmt.Sprintf("%s-%d", api, i), Name: fmt.Sprintf("%s #%d", path, i), API: api, Method: "GET",
			Target: "https://" + api + ".example.com" + path, State: checks.Up, Since: now.Add(-time.Duration(i+1) * time.Hour),
		}
		story := Story{Base: time.Duration(20+i*7%380) * time.Millisecond, Days: 90, Run: 15 * time.Minute, TLS: true, Bad: []int{i * 13 % 90, i * 29 % 90}, Slow: []int{i * 7 % 90, i * 41 % 90}}
		switch {
		case i%70 == 5:
			v.State, v.Reason, v.Since = checks.Down, "status = 503, want 200..299", now.Add(-8*time.Minute)
			story.DownFor = 8 * time.Minute
		case i%50 == 11:
			v.State, v.Reason = checks.Degraded, "latency = 612ms, want < 300ms"
		case i%100 == 60:
			v.State, v.PausedBy = checks.Paused, "configuration"
		}
		story.View = v
		stories[i] = story
	}
	return Tell(now, stories...)
}

func slug(name string) string {
	out := []byte{}
	for _, r := range []byte(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			out = append(out, r)
		case r >= 'A' && r <= 'Z':
			out = append(out, r+'a'-'A')
		case len(out) > 0 && out[len(out)-1] != '-':
			out = append(out, '-')
		}
	}
	for len(out) > 0 && out[len(out)-1] == '-' {
		out = out[:len(out)-1]
	}
	return string(out)
}
