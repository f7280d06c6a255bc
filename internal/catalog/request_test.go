package catalog

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const shopDocument = `
openapi: 3.1.0
info: {title: shop, version: "1"}
servers: [{url: /api/v1}]
paths:
  /orders:
    post:
      parameters:
        - {name: X-Idempotency-Key, in: header, required: true, schema: {type: string, format: uuid}}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [id, quantity, note]
              properties:
                id: {type: integer, readOnly: true}
                quantity: {type: integer, minimum: 1}
                note: {type: string, maxLength: 10}
                password: {type: string, writeOnly: true, minLength: 8}
              additionalProperties: false
          multipart/form-data: {schema: {type: object}}
      responses: {201: {description: ok}}
    get:
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
        - {name: status, in: query, schema: {anyOf: [{enum: [new, paid]}, {type: "null"}]}}
        - {name: tag, in: query, schema: {type: array, items: {type: string, maxLength: 3}, maxItems: 2}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: pipes, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {type: boolean}}}
        - {name: filter, in: query, style: deepObject, required: true, schema: {type: object, properties: {a: {type: string}}}}
        - {name: where, in: query, content: {application/json: {schema: {type: object, required: [a]}}}}
        - {name: either, in: query, schema: {anyOf: [{type: integer, maximum: 5}, {type: string, pattern: "^x|^9"}]}}
        - {name: flag, in: query, allowEmptyValue: true, schema: {type: boolean}}
        - {name: sid, in: cookie, required: true, schema: {type: string, minLength: 4}}
        - {name: X-Levels, in: header, schema: {type: array, items: {type: integer}}}
        - {name: Accept, in: header, required: true, schema: {type: integer}}
      responses: {200: {description: ok}}
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get: {responses: {200: {description: ok}}}
    patch:
      requestBody: {content: {application/merge-patch+json: {}}}
      responses: {200: {description: ok}}
  /files/{name}.{ext}/v{version}:
    get:
      parameters:
        - {name: name, in: path, required: true, schema: {type: string, maxLength: 4}}
        - {name: ext, in: path, required: true, schema: {enum: [png, jpg]}}
        - {name: version, in: path, required: true, schema: {type: number}}
      responses: {200: {description: ok}}
  /points/{at}:
    get:
      parameters: [{name: at, in: path, required: true, schema: {type: array, minItems: 2, items: {type: number}}}]
      responses: {200: {description: ok}}
`

func shop(t testing.TB) *Document {
	t.Helper()
	d, err := Parse([]byte(shopDocument), Origin{API: "shop", Base: "http://shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// hold holds a request to a document; headers are "Name: value". The body "-" is
// one that was not read.
func hold(t testing.TB, d *Document, request, body string, headers ...string) string {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	u, err := url.Parse("http://shop.example" + target)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		header.Add(name, value)
	}
	text := []byte(body)
	if body == "-" {
		text = nil
	}
	err = d.ValidateRequest(t.Context(), method, u, header, text)
	if err == nil {
		return ""
	}
	v, ok := errors.AsType[*Violation](err)
	if !ok {
		t.Fatalf("no violation but %v", err)
	}
	return v.Error()
}

func TestABodyIsHeldToItsOperation(t *testing.T) {
	const key, json = "X-Idempotency-Key: 8c5a3b1e-6f0d-4f6e-9d7c-2b1a0f9e8d7c", "Content-Type: application/json"
	d := shop(t)
	for _, test := range []struct {
		name, body string
		headers    []string
		want       string
	}{
		{"good", `{"quantity":1,"note":"x"}`, []string{key, json}, ""},
		{"with what only answers need", `{"id":7,"quantity":1,"note":"x"}`, []string{key, json}, ""},
		{"with what only requests have", `{"quantity":1,"note":"x","password":"12345678"}`, []string{key, json}, ""},
		{"with a charset", `{"quantity":1,"note":"x"}`, []string{key, json + "; charset=utf-8"}, ""},
		{"a secret is not repeated", `{"quantity":1,"note":"x","password":"hunter2"}`, []string{key, json}, "body /password: want at least 8 characters, got a string"},
		{"a wrong type", `{"quantity":"1","note":"x"}`, []string{key, json}, `body /quantity: want integer, got string "1"`},
		{"a missing member", `{"quantity":1}`, []string{key, json}, `body: member "note" is missing`},
		{"an unknown member", `{"quantity":1,"note":"x","admin":true}`, []string{key, json}, `body: member "admin" is not in the schema`},
		{"cut short", `{"quantity":`, []string{key, json}, "body: not JSON: cut short after 12 bytes"},
		{"two values", `{"quantity":1,"note":"x"} {}`, []string{key, json}, "body: not JSON: more after the value, at byte 27"},
		{"nothing", ``, []string{key, json}, "the body is missing"},
		{"no content type", `{}`, []string{key}, "the body has no Content-Type; documented: application/json, multipart/form-data"},
		{"another content type", `a=b`, []string{key, "Content-Type: application/x-www-form-urlencoded"}, "content type application/x-www-form-urlencoded is not documented for the body; documented: application/json, multipart/form-data"},
		{"a format that is not looked at", `--x`, []string{key, "Content-Type: multipart/form-data; boundary=x"}, ""},
		{"a body that was not read", "-", []string{key, json}, ""},
		{"an unread body of another content type", "-", []string{key, "Content-Type: text/csv"}, "content type text/csv is not documented for the body; documented: application/json, multipart/form-data"},
		{"too large", `"` + strings.Repeat("x", MaxRequestBody) + `"`, []string{key, json}, "body: 1048578 bytes are too many to check; at most 1048576"},
		{"a missing header", `{"quantity":1,"note":"x"}`, []string{json}, "header parameter X-Idempotency-Key is missing"},
		{"a wrong header", `{"quantity":1,"note":"x"}`, []string{json, "X-Idempotency-Key: 1"}, `header parameter X-Idempotency-Key: want a uuid, got string "1"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := hold(t, d, "POST /api/v1/orders", test.body, test.headers...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestParametersAreHeldToTheirSchemas(t *testing.T) {
	const sid = "Cookie: theme=dark; sid=abcd"
	d := shop(t)
	for query, want := range map[string]string{
		"":                      "",
		"limit=5":               "",
		"limit=0":               "query parameter limit: want at least 1, got number 0",
		"limit=five":            `query parameter limit: want integer, got string "five"`,
		"limit=5.5":             "query parameter limit: want integer, got number 5.5",
		"limit=%205":            `query parameter limit: want integer, got string " 5"`,
		"limit=":                `query parameter limit: want integer, got string ""`,
		"limit=5&limit=500":     "query parameter limit: want at most 100, got number 500",
		"status=paid":           "",
		"status=":               "",
		"status=lost":           `query parameter status: want "new" or "paid", got string "lost"`,
		"tag=a&tag=b":           "",
		"tag=a&tag=b&tag=c":     "query parameter tag: want at most 2 elements, got an array of 3",
		"tag=abcd":              `query parameter tag /0: want at most 3 characters, got string "abcd"`,
		"ids=1,2,3":             "",
		"ids=1,x":               `query parameter ids /1: want integer, got string "x"`,
		"pipes=true%7Cfalse":    "",
		"pipes=true|maybe":      `query parameter pipes /1: want boolean, got string "maybe"`,
		"filter[a]=1":           "",
		"where=%7B%22a%22:1%7D": "",
		"where=%7B%7D":          `query parameter where: member "a" is missing`,
		"where=x":               "query parameter where: not JSON: invalid character 'x' looking for beginning of value at byte 0",
		"either=5":              "",
		"either=99":             "",
		"either=x":              "",
		"either=77":             `query parameter either: want at most 5, got number 77`,
		"flag":                  "",
		"flag=true":             "",
		"flag=perhaps":          `query parameter flag: want boolean, got string "perhaps"`,
		"unknown=1":             "",
		"limit=%zz":             `query parameter limit: want integer, got string "%zz"`,
		"&&&=&=1&":              "",
		"limit=5;status=lost":   `query parameter limit: want integer, got string "5;status=lost"`,
	} {
		if got := hold(t, d, "GET /api/v1/orders?"+query, "", sid); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, got, want)
		}
	}
	for _, test := range []struct {
		name, want string
		headers    []string
	}{
		{"no cookie", "cookie parameter sid is missing", nil},
		{"a short cookie", `cookie parameter sid: want at least 4 characters, got string "abc"`, []string{"Cookie: sid=abc"}},
		{"a header of numbers", "", []string{sid, "X-Levels: 1, 2", "X-Levels: 3"}},
		{"a header of words", `header parameter X-Levels /2: want integer, got string "x"`, []string{sid, "X-Levels: 1, 2", "X-Levels: x"}},
	} {
		if got := hold(t, d, "GET /api/v1/orders", "", test.headers...); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestPathsAreHeldToTheirTemplates(t *testing.T) {
	d := shop(t)
	for request, want := range map[string]string{
		"GET /api/v1/orders/17":                       "",
		"HEAD /api/v1/orders/17/":                     "",
		"GET /api/v1/orders/%31%37":                   "",
		"GET /api/v1/orders/x":                        `path parameter id: want integer, got string "x"`,
		"GET /api/v1/orders/1%2F2":                    `path parameter id: want integer, got string "1/2"`,
		"GET /api/v1/files/a.png/v1.5":                "",
		"GET /api/v1/files/a.gif/v1":                  `path parameter ext: want "png" or "jpg", got string "gif"`,
		"GET /api/v1/files/abcde.png/v1":              `path parameter name: want at most 4 characters, got string "abcde"`,
		"GET /api/v1/files/a.png/vx":                  `path parameter version: want number, got string "x"`,
		"GET /api/v1/points/1.5,2":                    "",
		"GET /api/v1/points/1":                        "path parameter at: want at least 2 elements, got an array of 1",
		"DELETE /api/v1/orders/17":                    "DELETE /api/v1/orders/17 is not in the OpenAPI document",
		"GET /api/v1/basket":                          "GET /api/v1/basket is not in the OpenAPI document",
		"OPTIONS /api/v1/orders/17":                   "",
		"GET /" + strings.Repeat("a/", 500):           "GET /" + strings.Repeat("a/", 59) + "a… is not in the OpenAPI document",
		"GET /api/v1/orders/" + "9999999999999999999": "",
	} {
		if got := hold(t, d, request, ""); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", request, got, want)
		}
	}
	if got := hold(t, d, "PATCH /api/v1/orders/17", `{"anything":1}`, "Content-Type: application/merge-patch+json"); got != "" {
		t.Errorf("a body without a schema: %s", got)
	}
}

func TestAContextEndsTheCheck(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := &url.URL{Path: "/api/v1/points/" + strings.Repeat("1,", 9000) + "1"}
	if err := shop(t).ValidateRequest(ctx, "GET", u, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAnAPIWithoutDocumentTakesEveryRequest(t *testing.T) {
	c := New(Deps{})
	if err := c.ValidateRequest(t.Context(), "nowhere", "GET", &url.URL{Path: "/x"}, nil, nil); err != nil {
		t.Error(err)
	}
}

func FuzzValidateRequest(f *testing.F) {
	d := shop(f)
	f.Add("GET", "/api/v1/orders", "limit=5&tag=a&ids=1,2&where={}", "sid=abcd", `{}`)
	f.Add("POST", "/api/v1/orders", "", "", `{"quantity":1,"note":"x"}`)
	f.Add("GET", "/api/v1/files/a.png/v1", "", "", ``)
	f.Add("GET", "/api/v1/points/1,,2", "a&=&&", "=;=", `[`)
	f.Fuzz(func(t *testing.T, method, path, query, cookie, body string) {
		header := http.Header{"Cookie": {cookie}, "Content-Type": {"application/json"}, "X-Levels": {cookie}}
		err := d.ValidateRequest(t.Context(), method, &url.URL{Path: path, RawQuery: query}, header, []byte(body))
		if v, ok := errors.AsType[*Violation](err); err != nil && (!ok || v.Problem == "" || len(v.Problem) > 1000) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

func BenchmarkValidateRequest(b *testing.B) {
	d := shop(b)
	u := &url.URL{Path: "/api/v1/orders"}
	header := http.Header{"Content-Type": {"application/json"}, "X-Idempotency-Key": {"8c5a3b1e-6f0d-4f6e-9d7c-2b1a0f9e8d7c"}}
	body := []byte(`{"quantity":3,"note":"thank you"}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := d.ValidateRequest(b.Context(), "POST", u, header, body); err != nil {
			b.Fatal(err)
		}
	}
}
