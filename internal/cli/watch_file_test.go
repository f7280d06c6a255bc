package cli

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/units"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestWhatWatchWritesCanBeLoaded(t *testing.T) {
	apis := []watched{
		{
			name: "orders", url: "http://127.0.0.1:8000", openapi: "/openapi.json", skipped: 3,
			checks: []watchedCheck{
				{name: "GET /health", path: "/health"},
				{name: "GET /orders/{id}", path: "/orders/17?expand=a b&x=${y}"},
				{name: "HEAD /yes: # no", path: "/on", head: true, headers: map[string]string{"X-Tenant": "yes", "Accept": "a: b"}},
			},
		},
		{name: "true", url: "http://[::1]:8001/base", checks: []watchedCheck{{name: "true", path: "/"}}},
	}
	text := watchFile("lapwing.yaml", apis, units.Duration(30*time.Second), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	loaded, err := config.Parse("lapwing.yaml", []byte(text), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got := loaded.File.Checks[2].Request.Headers; got["X-Tenant"] != "yes" || got["Accept"] != "a: b" {
		t.Errorf("headers %v", got)
	}
	if got := loaded.File.Checks[1].URL; got != "/orders/17?expand=a b&x=$${y}" {
		t.Errorf("the path has become %s", got) // the prober undoes $${
	}
	if *update {
		if err := os.WriteFile("testdata/watch.golden.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/watch.golden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), text); diff != "" {
		t.Error(diff)
	}
}

func TestNamesAreUnique(t *testing.T) {
	apis := []watched{
		{name: "a", checks: []watchedCheck{{name: "GET /x"}, {name: "GET /x/{id}"}, {name: "GET /x-{id}"}, {name: "GET /\x1b[31m\u202eevil"}}},
		{name: "b", checks: []watchedCheck{{name: "GET /x"}}},
	}
	nameChecks(apis)
	var names []string
	for _, api := range apis {
		for _, c := range api.checks {
			names = append(names, c.name)
		}
	}
	want := []string{"a GET /x", "a GET /x/{id}", "a GET /x-{id} (2)", "GET /_[31m_evil", "b GET /x"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestAPINames(t *testing.T) {
	taken := map[string]bool{}
	for _, tt := range []struct{ title, host, want string }{
		{"Orders API", "x", "orders"},
		{"Orders", "x", "orders-2"},
		{"", "localhost:8000", "localhost-8000"},
		{"A title that is much too long to be a name of anything", "api.example.com", "api-example-com"},
	} {
		if got := apiName(tt.title, tt.host, taken); got != tt.want {
			t.Errorf("%q at %s is called %s, want %s", tt.title, tt.host, got, tt.want)
		}
	}
}
