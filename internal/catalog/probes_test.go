package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plan writes what would be probed and what not, one line each.
func plan(d *Document, base string) []string {
	var lines []string
	probes, skipped := d.Probes(base)
	for _, p := range probes {
		line := fmt.Sprintf("%s → %s", p.Operation, p.Path)
		if p.Headers != nil {
			line += fmt.Sprint(" ", p.Headers)
		}
		if p.Reason != "" {
			line += " (" + p.Reason + ")"
		}
		lines = append(lines, line)
	}
	for _, s := range skipped {
		lines = append(lines, fmt.Sprintf("%s ✕ %s", s.Operation, s.Reason))
	}
	return lines
}

func TestProbesAreWhatIsSafeAndCanBeFilledIn(t *testing.T) {
	tests := []struct {
		file, base string
		want       []string
	}{
		{"fastapi.json", "http://shop.example", []string{
			"GET /health → /health",
			"GET /optional-auth → /optional-auth",
			"GET /orders → /orders",
			"GET /orders/latest → /orders/latest",
			"GET /orders/{order_id} → /orders/17 (order_id from its example)",
			"GET /search → /search?q=blue+shoes+%26+socks&tag=a&tag=b&kind=new map[X-Region:eu] (q from its example, tag from its example, X-Region from its fixed value, kind from its first allowed value)",
			`GET /cache ✕ looks as if it did something ("reset")`,
			"GET /events ✕ streams without end (text/event-stream)",
			"GET /go ✕ documents no successful answer (2xx)",
			"GET /items/{sku} ✕ needs path parameter sku, which has no example or default",
			`GET /logout ✕ looks as if it did something ("logout")`,
			"POST /orders ✕ POST may change something",
			"DELETE /orders/{order_id} ✕ DELETE may change something",
			"GET /reports ✕ needs an API key in header X-API-Key",
			"GET /users/me ✕ needs bearer authentication",
		}},
		{"petstore.yaml", "http://shop.example", []string{
			"GET /pets → /api/v1/pets",
			"GET /pets/{id} → /api/v1/pets/3 (id from its example)",
			"HEAD /pets/{id} ✕ its GET is probed",
			"GET /pets/{id}/photo.{format} ✕ needs OAuth 2 authentication",
		}},
		{"petstore.yaml", "http://shop.example/api", []string{
			"GET /pets → /v1/pets",
			"GET /pets/{id} → /v1/pets/3 (id from its example)",
			"HEAD /pets/{id} ✕ its GET is probed",
			"GET /pets/{id}/photo.{format} ✕ needs OAuth 2 authentication",
		}},
		{"swagger.json", "http://shop.example", []string{
			"GET /items → /stock/items?page=1 (page from its default)",
			"GET /items/{sku} → /stock/items/A-1 (sku from its first allowed value)",
			"GET /admin ✕ needs basic authentication",
			"PUT /items/{sku} ✕ PUT may change something",
		}},
	}
	for _, test := range tests {
		t.Run(test.file+" on "+test.base, func(t *testing.T) {
			if diff := cmp.Diff(test.want, plan(fixture(t, test.file, test.base), test.base)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryProbeMatchesItsOperation(t *testing.T) {
	for _, file := range []string{"fastapi.json", "petstore.yaml", "swagger.json"} {
		d := fixture(t, file, "http://shop.example")
		probes, _ := d.Probes("http://shop.example")
		for _, p := range probes {
			path, _, _ := strings.Cut(p.Path, "?")
			if o, ok := d.Match(p.Operation.Method, path); !ok || o.Path != p.Operation.Path {
				t.Errorf("%s: %s matched %q", file, p.Path, o)
			}
		}
	}
}

func TestParametersAreWrittenAsTheirStyleSays(t *testing.T) {
	tests := []struct{ name, path, parameter, want string }{
		{"a value with a slash", "/a/{p}", `"in":"path","example":"x/y z"`, "/a/x%2Fy%20z"},
		{"a value that climbs", "/a/{p}", `"in":"path","example":".."`, "the example of path parameter p cannot stand in a path"},
		{"a list in a path", "/a/{p}", `"in":"path","example":[1,2]`, "/a/1,2"},
		{"a label", "/a/{p}", `"in":"path","style":"label","example":"x"`, "/a/.x"},
		{"a matrix", "/a/{p}", `"in":"path","style":"matrix","example":"x"`, "/a/;p=x"},
		{"a list not exploded", "/a", `"in":"query","required":true,"explode":false,"example":["b","c"]`, "/a?p=b,c"},
		{"an object in a query", "/a", `"in":"query","required":true,"example":{"k":1}`, "/a?p=%7B%22k%22%3A1%7D"},
		{"a large number", "/a", `"in":"query","required":true,"example":12345678`, "/a?p=12345678"},
		{"named examples", "/a", `"in":"query","required":true,"examples":{"z":{"value":"last"},"b":{"value":"first"}}`, "/a?p=first"},
		{"an optional union", "/a", `"in":"query","required":true,"schema":{"anyOf":[{"type":"null"},{"type":"string","enum":["x"]}]}`, "/a?p=x"},
		{"only null", "/a", `"in":"query","required":true,"schema":{"default":null}`, "needs query parameter p, which has no example or default"},
		{"a header that would split", "/a", `"in":"header","required":true,"example":"a\r\nb"`, "the example of header parameter p cannot stand in a header"},
		{"a cookie", "/a", `"in":"cookie","required":true,"example":"x"`, "needs cookie parameter p"},
		{"an undocumented parameter", "/a/{q}", `"in":"query"`, "has a path parameter that is not documented"},
		{"a template beyond ASCII", "/ä b/{p}", `"in":"path","example":"é"`, "/%C3%A4%20b/%C3%A9"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := Parse(fmt.Appendf(nil, `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{%q:{"get":{"parameters":[{"name":"p",%s}],"responses":{}}}}}`,
				test.path, test.parameter), Origin{})
			if err != nil {
				t.Fatal(err)
			}
			probes, skipped := d.Probes("")
			got := ""
			if len(probes) == 1 {
				got = probes[0].Path
			} else {
				got = skipped[0].Reason
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRiskyWordsAreFoundInNames(t *testing.T) {
	for text, want := range map[string]string{
		"sign-out": "signout", "log_out": "logout", "resetOrders": "reset", "DELETEAll": "", "orders": "", "presets": "", "getExportFile": "export", "Synced": "",
	} {
		if got := riskyIn(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
