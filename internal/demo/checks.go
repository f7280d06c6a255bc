package demo

import (
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// apiName is what the demo API is called in the configuration.
const apiName = "shop"

// APIs is the `apis:` section of the demo; base is where API is served.
func APIs(base string) []catalog.API {
	return []catalog.API{{Name: apiName, URL: base, OpenAPI: "/openapi.json", Labels: map[string]string{"team": "shop"}}}
}

// Checks is the `checks:` section of the demo: most are up, refunds is down,
// daily-report degraded and inventory flaky.
func Checks() []checks.Check {
	return []checks.Check{
		get("health", "/health", 2, "status == 200", "json.status == 'ok'", "latency < 100ms"),
		get("orders-list", "/orders?limit=5", 3, "status == 200", "len(json.orders) == 5", "contract", degrade("latency < 300ms")),
		get("order-detail", "/orders/17", 5, "status == 200", "json.id == 17", "contract"),
		get("order-not-found", "/orders/9999", 10, "status == 404", "json.detail contains 'not found'", "contract"),
		get("items-list", "/items", 4, "status == 200", "all(json, .price > 0)", "contract"),
		get("item-detail", "/items/3", 5, "status == 200", "json.name == 'Floor lamp'", "contract"),
		get("search", "/search?q=lamp", 5, "status == 200", "len(json.results) >= 3", "contract", degrade("ttfb < 150ms")),
		journey(),
		wrongPassword(),
		flaky(get("inventory", "/inventory", 3, "status == 200", "len(json) > 0")),
		get("daily-report", "/reports/daily", 10, "status == 200", "contract", degrade("latency < 300ms")),
		after(get("refunds", "/refunds", 5, "status == 200", "latency < 1s"), "health"),
	}
}

func get(name, url string, seconds int, asserts ...any) checks.Check {
	return checks.Check{
		Name: name, API: apiName, URL: url, Assert: assertions(asserts...),
		Every: units.Duration(time.Duration(seconds) * time.Second), Timeout: units.Duration(2 * time.Second),
	}
}

func flaky(c checks.Check) checks.Check {
	c.Retries = checks.Retries{Max: 2, Delay: units.Duration(200 * time.Millisecond)}
	return c
}

func after(c checks.Check, others ...string) checks.Check {
	c.DependsOn = others
	return c
}

// degrade marks an assertion whose failure degrades the run only.
func degrade(expr string) checks.Assertion { return checks.Assertion{Expr: expr, Else: "degraded"} }

func assertions(list ...any) []checks.Assertion {
	out := make([]checks.Assertion, 0, len(list))
	for _, a := range list {
		switch a := a.(type) {
		case string:
			out = append(out, checks.Assertion{Expr: a})
		case checks.Assertion:
			out = append(out, a)
		}
	}
	return out
}

// journey logs in, takes the token along and reads with it.
func journey() checks.Check {
	return after(checks.Check{
		Name: "login-journey", API: apiName, Every: units.Duration(10 * time.Second), Timeout: units.Duration(5 * time.Second),
		Steps: []checks.RequestStep{
			{
				Name:    "login",
				Request: login(demoPassword),
				Assert:  assertions("status == 200", "json.token_type == 'bearer'", "contract"),
				Capture: map[string]checks.Capture{"token": {Expr: "json.access_token"}},
			},
			{
				Name:    "me",
				Request: probe.HTTPRequest{URL: "/users/me", Auth: &probe.Auth{Bearer: secret.New("${token}")}},
				Assert:  assertions("status == 200", "json.name == 'Probe'", "contract"),
			},
			{
				Name:    "orders",
				Request: probe.HTTPRequest{URL: "/orders?limit=1"},
				Assert:  assertions("status == 200", "len(json.orders) == 1"),
			},
		},
	}, "health")
}

// wrongPassword is up when the API refuses.
func wrongPassword() checks.Check {
	request := login("wrong")
	return checks.Check{
		Name: "login-refused", API: apiName, Request: &request, Every: units.Duration(10 * time.Second), Timeout: units.Duration(2 * time.Second),
		Assert: assertions("status == 401", "headers['WWW-Authenticate'] == 'Bearer'", "contract"),
	}
}

func login(password string) probe.HTTPRequest {
	return probe.HTTPRequest{Method: "POST", URL: "/login", JSON: map[string]any{"user": demoUser, "password": password}}
}
