package catalog

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
)

// checkAnswers holds some answers to a probe's operation.
func checkAnswers(d *Document, p Probe) {
	u, err := url.Parse("http://x/y" + p.Path)
	if err != nil {
		return
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for _, body := range []string{``, `{}`, `[{"a":null}]`, `null`, `1`} {
		_ = d.ValidateResponse(discard, p.Operation.Method, u, 200, header, []byte(body))
	}
}

func TestAnAnswerIsHeldToItsOperation(t *testing.T) {
	const json = "application/json"
	order := func(members string) string {
		return `{"id":1,"status":"new","created":"2026-11-23T08:00:00Z"` + members + `}`
	}
	tests := []struct {
		name, request string
		status        int
		contentType   string
		body          string
		want          string // "" when it holds
	}{
		{"a good answer", "GET /orders/17", 200, json, order(`,"note":null`), ""},
		{"with a charset", "GET /orders/17", 200, "application/json; charset=utf-8", order(""), ""},
		{"a documented error", "GET /orders/17", 404, json, `{"detail":"no such order"}`, ""},
		{"nested", "GET /orders/17", 200, json, order(`,"replaces":` + order(`,"note":7`)), `body /replaces/note: want string or null, got number 7`},
		{"a wrong type", "GET /orders/17", 200, json, `{"id":"x","status":"new","created":"2026-11-23T08:00:00Z"}`, `body /id: want integer, got string "x"`},
		{"at the root", "GET /orders/17", 200, json, `[]`, `body: want object, got an array of 0`},
		{"the concrete route", "GET /orders/latest", 200, json, `{}`, `body: member "id" is missing`},
		{"an undocumented status", "GET /orders/17", 500, json, `{}`, `status 500 is not documented for GET /orders/{order_id}; documented: 200, 404`},
		{"an undocumented content type", "GET /orders/17", 200, "text/html; charset=utf-8", `<html>`, `content type text/html is not documented for status 200 of GET /orders/{order_id}; documented: application/json`},
		{"no content type", "GET /orders/17", 200, "", `{}`, `the answer has no Content-Type; documented for status 200 of GET /orders/{order_id}: application/json`},
		{"an undocumented operation", "GET /basket", 200, json, `{}`, `GET /basket is not in the OpenAPI document`},
		{"an undocumented method", "PUT /orders/17", 200, json, `{}`, `PUT /orders/17 is not in the OpenAPI document`},
		{"a missing header", "GET /orders", 200, json, `{"orders":[]}`, `header X-Total-Count is missing`},
		{"an empty body", "GET /health", 200, json, ``, `body: want JSON, got nothing`},
		{"a body cut short", "GET /health", 200, json, `{"status":`, `body: not JSON: cut short after 10 bytes`},
		{"two bodies", "GET /health", 200, json, `{"status":"ok"}{}`, `body: not JSON: more after the value, at byte 16`},
		{"a fixed value", "GET /health", 200, json, `{"status":"down"}`, `body /status: want "ok", got string "down"`},
		{"HEAD has no body", "HEAD /health", 200, json, ``, ``},
		{"no body documented", "DELETE /orders/17", 204, "", ``, ``},
		{"a text", "GET /search", 200, "text/plain", `toolong`, `body: want at most 5 characters, got string "toolong"`},
	}
	d := fixture(t, "fastapi.json", "http://shop.example")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := validate(t, d, test.request, test.status, test.contentType, nil, test.body)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func validate(t *testing.T, d *Document, request string, status int, contentType string, header http.Header, body string) string {
	t.Helper()
	method, path, _ := cutRequest(request)
	u, err := url.Parse("http://shop.example" + path)
	if err != nil {
		t.Fatal(err)
	}
	if header == nil {
		header = http.Header{}
	}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	err = d.ValidateResponse(t.Context(), method, u, status, header, []byte(body))
	if err == nil {
		return ""
	}
	var v *Violation
	if !errors.As(err, &v) {
		t.Fatalf("no violation but %v", err)
	}
	return v.Error()
}

func TestHeadersAreHeldToTheirSchemas(t *testing.T) {
	d := fixture(t, "fastapi.json", "http://shop.example")
	for value, want := range map[string]string{
		"12": "", "-1": `header X-Total-Count: want at least 0, got number -1`,
		"many": `header X-Total-Count: want integer, got string "many"`,
		"1,2":  `header X-Total-Count: want integer, got string "1,2"`,
	} {
		header := http.Header{"X-Total-Count": {value}}
		if got := validate(t, d, "GET /orders", 200, "application/json", header, `{"orders":[],"next":null}`); got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}

func TestVersion30HasItsOwnWords(t *testing.T) {
	d := fixture(t, "petstore.yaml", "http://shop.example")
	tests := []struct{ name, body, want string }{
		{"nullable", `[{"id":1,"name":"Tom","born":null,"owner":null}]`, ""},
		{"a recursive schema", `[{"id":1,"name":"Tom","owner":{"name":"Ann","pets":[{"id":2}]}}]`, `body /0/owner/pets/0: member "name" is missing`},
		{"exclusiveMinimum as a flag", `[{"id":1,"name":"Tom","weight":0}]`, `body /0/weight: want more than 0, got number 0`},
		{"int32", `[{"id":3000000000,"name":"Tom"}]`, `body /0/id: want an int32, got number 3000000000`},
		{"date", `[{"id":1,"name":"Tom","born":"2020-13-01"}]`, `body /0/born: want a date, got string "2020-13-01"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := validate(t, d, "GET /api/v1/pets", 200, "application/json", nil, test.body); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	t.Run("a range of statuses", func(t *testing.T) {
		if got := validate(t, d, "GET /api/v1/pets", 418, "application/problem+json", nil, `{}`); got != `body: member "title" is missing` {
			t.Error(got)
		}
	})
	t.Run("converted from 2.0", func(t *testing.T) {
		d := fixture(t, "swagger.json", "http://shop.example")
		if got := validate(t, d, "GET /stock/items/A-1", 200, "application/json", nil, `{"sku":1}`); got != `body /sku: want string, got number 1` {
			t.Error(got)
		}
	})
}

func BenchmarkValidateResponse(b *testing.B) {
	d := fixture(b, "fastapi.json", "http://shop.example")
	u := &url.URL{Scheme: "http", Host: "shop.example", Path: "/orders"}
	header := http.Header{"Content-Type": {"application/json"}, "X-Total-Count": {"2"}}
	body := []byte(`{"orders":[{"id":1,"status":"new","created":"2026-11-23T08:00:00Z","note":null},{"id":2,"status":"paid","created":"2026-11-23T08:00:00Z"}],"next":null}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := d.ValidateResponse(b.Context(), "GET", u, 200, header, body); err != nil {
			b.Fatal(err)
		}
	}
}
