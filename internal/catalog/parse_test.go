package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
)

func TestDocumentsOfEveryVersionAreRead(t *testing.T) {
	tests := []struct {
		file, title, version, format string
		operations                   []string
	}{
		{"fastapi.json", "Orders", "2.3.0", "OpenAPI 3.1.0", []string{
			"GET /cache", "GET /events", "GET /go", "GET /health", "GET /items/{sku}", "GET /logout", "GET /optional-auth", "GET /orders", "POST /orders",
			"GET /orders/latest", "GET /orders/{order_id}", "DELETE /orders/{order_id}", "GET /reports", "GET /search", "GET /users/me",
		}},
		{"petstore.yaml", "Pets", "2024-01-01", "OpenAPI 3.0.3", []string{"GET /pets", "GET /pets/{id}", "HEAD /pets/{id}", "GET /pets/{id}/photo.{format}"}},
		{"swagger.json", "Stock", "7", "Swagger 2.0", []string{"GET /admin", "GET /items", "GET /items/{sku}", "PUT /items/{sku}"}},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			d := fixture(t, test.file, "http://shop.example")
			if d.Title() != test.title || d.Version() != test.version || d.Format() != test.format {
				t.Errorf("got %q %q %q", d.Title(), d.Version(), d.Format())
			}
			var operations []string
			for _, o := range d.Operations() {
				operations = append(operations, o.String())
			}
			if diff := cmp.Diff(test.operations, operations); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnOperationCarriesWhatTheDocumentSays(t *testing.T) {
	d := fixture(t, "fastapi.json", "http://shop.example")
	got, _ := d.Match("GET", "/health")
	want := Operation{API: "shop", Method: "GET", Path: "/health", ID: "health_health_get", Summary: "Health", Tags: []string{"ops"}, Safe: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestALocalDocumentMayBeSplitIntoFiles(t *testing.T) {
	d, err := ReadFile("testdata/split/openapi.yaml", Origin{})
	if err != nil {
		t.Fatal(err)
	}
	probes, skipped := d.Probes("")
	if len(probes) != 1 || probes[0].Path != "/users/1" || len(skipped) != 0 {
		t.Errorf("got %+v, %+v", probes, skipped)
	}
}

func TestALocalDocumentReadsNothingOutsideItsFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "spec"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("secret.yaml", "type: string")
	if err := os.Symlink(filepath.Join(dir, "secret.yaml"), filepath.Join(dir, "spec", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	for name, ref := range map[string]string{
		"upwards": "../secret.yaml", "absolute": filepath.Join(dir, "secret.yaml"), "a link": "link.yaml",
		"the network": "http://127.0.0.1:1/x.yaml", "a file URL": "file://" + filepath.Join(dir, "secret.yaml"),
	} {
		t.Run(name, func(t *testing.T) {
			write("spec/openapi.yaml", fmt.Sprintf("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents: {schemas: {A: {$ref: %q}}}\n", ref))
			if d, err := ReadFile(filepath.Join(dir, "spec", "openapi.yaml"), Origin{}); err == nil {
				t.Errorf("read %v", d.spec.Components.Schemas["A"].Value.Type)
			}
		})
	}
}

// aliasBomb is the billion laughs in YAML.
func aliasBomb() string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.0\nx0: &x0 [a, a, a, a, a, a, a, a, a, a]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	return b.String()
}

func schemas(text string) string {
	return `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":{` + text + `}}}`
}

func TestWhatIsNoDocumentIsRefusedWithAReason(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", " \n", "this is not an OpenAPI document: it is empty"},
		{"a page", "<!doctype html><html>", "this is not an OpenAPI document but a web page"},
		{"a text", "hello", "this is not an OpenAPI document: want a mapping at its top"},
		{"broken JSON", `{"openapi": "3.0.0", `, "this is not an OpenAPI document: neither JSON nor YAML"},
		{"a list", `[1]`, "this is not an OpenAPI document: want a mapping at its top"},
		{"other JSON", `{"status":"ok"}`, "it has neither `openapi` nor `swagger`"},
		{"an unknown version", `{"openapi":"4.0.0"}`, `OpenAPI version "4.0.0" is not known`},
		{"an old version", `{"swagger":"1.2"}`, `Swagger version "1.2" is not known`},
		{"paths of a wrong type", `{"openapi":"3.0.0","info":{"title":"t","version":"1"},"paths":"x"}`, "not well formed"},
		{"a schema of a wrong type", schemas(`"A":[1]`), "not well formed"},
		{"a path without a slash", `{"openapi":"3.0.0","info":{"title":"t","version":"1"},"paths":{"x":{"get":{"responses":{}}}}}`, `path "x" does not start with a slash`},
		{"an endless path", `{"openapi":"3.0.0","info":{"title":"t","version":"1"},"paths":{"` + strings.Repeat("/a", 100) + `":{"get":{"responses":{}}}}}`, "more than 64 segments"},
		{"a reference to nowhere", schemas(`"A":{"$ref":"#/components/schemas/B"}`), "leads nowhere"},
		{"a reference to the network", schemas(`"A":{"$ref":"http://169.254.169.254/latest"}`), "refers to another document"},
		{"a reference to a file", schemas(`"A":{"$ref":"/etc/passwd"}`), "refers to another document"},
		{"a reference into the unknown", schemas(`"A":{"$ref":"#/x-parts/0"}`), "references must lead to components or paths"},
		{"too deep", `{"openapi":"3.0.0","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, "nested deeper than 128 levels"},
		{"too large", `{"openapi":"` + strings.Repeat("3", MaxSize) + `"}`, "larger than 10 MiB"},
		{"too many references", schemas(`"A":{"anyOf":[` + strings.Repeat(`{"$ref":"#/components/schemas/A"},`, maxReferences+1) + `{}]}`), "more than 30000 references"},
		{"an alias bomb", aliasBomb(), "blow it up beyond reason"},
		{"an alias to itself", "openapi: 3.0.0\npaths: &a {x: *a}", "nested deeper than 128 levels"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.text), Origin{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}
			if fault.KindOf(err) != fault.KindInvalid {
				t.Errorf("kind %q", fault.KindOf(err))
			}
			if len(err.Error()) > 400 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
}

// Hostile but well formed: read within bounds, or refused, but never for long.
func TestHostileDocumentsEnd(t *testing.T) {
	var chain, web strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&chain, `"A%d":{"properties":{"x":{"$ref":"#/components/schemas/A%d"}}},`, i, i+1)
	}
	chain.WriteString(`"A2000":{}`)
	const n = 60
	for i := range n {
		fmt.Fprintf(&web, `"A%d":{"anyOf":[`, i)
		for j := range n {
			fmt.Fprintf(&web, `{"$ref":"#/components/schemas/A%d"},`, j)
		}
		web.WriteString(`{}]},`)
	}
	web.WriteString(`"B":{}`)
	tests := map[string]string{
		"a long chain":              schemas(chain.String()),
		"everything refers to all":  schemas(web.String()),
		"a schema refers to itself": schemas(`"A":{"$ref":"#/components/schemas/A"}`),
		"two refer to each other":   schemas(`"A":{"$ref":"#/components/schemas/B"},"B":{"$ref":"#/components/schemas/A"}`),
		"a recursive list":          schemas(`"A":{"type":"array","items":{"$ref":"#/components/schemas/A"}}`),
		"a drilled reference":       schemas(`"A":{"properties":{"x":{"anyOf":[{"$ref":"#/components/schemas/A/properties/x"}]}}}`),
		"null everywhere":           `{"openapi":"3.0.0","info":null,"paths":{"/a":null,"/b":{"get":null}},"components":null,"servers":[null],"tags":[null]}`,
		"no info":                   `{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[null],"responses":{"200":null}}}}}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if d, err := Parse([]byte(text), Origin{}); err == nil {
				exercise(d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"fastapi.json", "petstore.yaml", "swagger.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("openapi: 3.0.0\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"))
	f.Add([]byte(schemas(`"A":{"$ref":"#/components/schemas/A"}`)))
	f.Add([]byte("openapi: 3.1.0\npaths: {/a: {get: {<<: {responses: {200: {}}}}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data, Origin{API: "x", Base: "http://x/y", URL: "http://x/y/openapi.json"})
		if err != nil {
			if fault.KindOf(err) == "" {
				t.Errorf("an error without a kind: %v", err)
			}
			return
		}
		exercise(d)
	})
}

// exercise calls everything on a document: nothing may panic.
func exercise(d *Document) {
	_, _, _ = d.Title(), d.Version(), d.Format()
	probes, _ := d.Probes("http://x/y")
	for _, p := range probes {
		checkAnswers(d, p)
	}
}
