package schema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// compile reads a document whose components are the given schemas, and
// compiles the one called Root.
func compile(t testing.TB, version, components string) *Schema {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(fmt.Appendf(nil,
		`{"openapi":%q,"info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":%s}}`, version, components))
	if err != nil {
		t.Fatal(err)
	}
	return NewCompiler(doc.IsOpenAPI30()).Compile(doc.Components.Schemas["Root"])
}

func decode(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one value in %q", text)
	}
	return value
}

const shop = `{
  "Root": {"type":"object","required":["orders"],"properties":{
    "orders":{"type":"array","items":{"$ref":"#/components/schemas/Order"}},
    "next":{"anyOf":[{"type":"string"},{"type":"null"}]}}},
  "Order": {"type":"object","required":["id","status"],"additionalProperties":false,"properties":{
    "id":{"type":"integer","minimum":1},
    "status":{"type":"string","enum":["new","paid"]},
    "note":{"anyOf":[{"type":"string","maxLength":5},{"type":"null"}]},
    "total":{"type":"number","exclusiveMinimum":0,"multipleOf":0.01},
    "at":{"type":"string","format":"date-time"},
    "access_token":{"type":"integer"},
    "password":{"type":"string","writeOnly":true},
    "lines":{"type":"array","minItems":1,"uniqueItems":true,"items":{"type":["integer","string"]}},
    "payment":{"oneOf":[{"$ref":"#/components/schemas/Card"},{"$ref":"#/components/schemas/Invoice"}],"discriminator":{"propertyName":"type","mapping":{"card":"#/components/schemas/Card"}}},
    "parent":{"$ref":"#/components/schemas/Order"}}},
  "Card": {"type":"object","required":["type","last4"],"properties":{"type":{"const":"card"},"last4":{"type":"string","pattern":"^[0-9]{4}$"}}},
  "Invoice": {"type":"object","required":["type"],"properties":{"type":{"type":"string"},"days":{"type":"integer"}}}
}`

func TestAViolationIsOneSentenceWithItsPlace(t *testing.T) {
	order := func(members string) string { return `{"orders":[{"id":1,"status":"new"` + members + `}]}` }
	tests := []struct{ name, value, want string }{
		{"good", order(`,"note":null,"total":1.25,"at":"2026-11-23T08:00:00","lines":[1,"a"],"payment":{"type":"card","last4":"4242"},"parent":{"id":2,"status":"paid"}`), ""},
		{"wrong type at the root", `[]`, `want object, got an array of 0`},
		{"a missing member", `{}`, `member "orders" is missing`},
		{"wrong type below", `{"orders":[{"id":"x","status":"new"}]}`, `/orders/0/id: want integer, got string "x"`},
		{"a fraction for an integer", `{"orders":[{"id":1.5,"status":"new"}]}`, `/orders/0/id: want integer, got number 1.5`},
		{"a whole number written with a point", `{"orders":[{"id":1.0,"status":"new"}]}`, ``},
		{"too small", `{"orders":[{"id":0,"status":"new"}]}`, `/orders/0/id: want at least 1, got number 0`},
		{"not in the enum", `{"orders":[{"id":1,"status":"nex"}]}`, `/orders/0/status: want "new" or "paid", got string "nex"`},
		{"no alternative, the nearest is told", order(`,"note":"toolong"`), `/orders/0/note: want at most 5 characters, got string "toolong"`},
		{"no alternative by type", order(`,"note":true`), `/orders/0/note: want string or null, got true`},
		{"exclusive bound", order(`,"total":0`), `/orders/0/total: want more than 0, got number 0`},
		{"not a multiple", order(`,"total":0.005`), `/orders/0/total: want a multiple of 0.01, got number 0.005`},
		{"a multiple that binary fractions miss", order(`,"total":0.29`), ``},
		{"format", order(`,"at":"yesterday"`), `/orders/0/at: want a date-time, got string "yesterday"`},
		{"a secret is not repeated", order(`,"access_token":"hunter2"`), `/orders/0/access_token: want integer, got a string`},
		{"a write-only member leaks", order(`,"password":"hunter2"`), `/orders/0/password: is write-only and must not be in an answer`},
		{"an undocumented member", order(`,"extra":1`), `/orders/0: member "extra" is not in the schema`},
		{"too few elements", order(`,"lines":[]`), `/orders/0/lines: want at least 1 element, got an array of 0`},
		{"elements twice", order(`,"lines":[1,2,1]`), `/orders/0/lines: elements 0 and 2 are equal, but they must be unique`},
		{"several types", order(`,"lines":[null]`), `/orders/0/lines/0: want string or integer, got null`},
		{"the discriminator chooses", order(`,"payment":{"type":"card","last4":"x"}`), `/orders/0/payment/last4: want a match of ^[0-9]{4}$, got string "x"`},
		{"the discriminator is missing", order(`,"payment":{}`), `/orders/0/payment: member "type" is missing; it chooses between Invoice or card`},
		{"the discriminator is unknown", order(`,"payment":{"type":"cash"}`), `/orders/0/payment/type: want Invoice or card, got string "cash"`},
		{"in a recursive schema", order(`,"parent":{"id":2,"status":"paid","parent":{"id":3}}`), `/orders/0/parent/parent: member "status" is missing`},
		{"a long text is cut", `{"orders":"` + strings.Repeat("é", 100) + `"}`, `/orders: want array, got string "` + strings.Repeat("é", 30) + `…"`},
	}
	s := compile(t, "3.1.0", shop)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := s.Check(t.Context(), decode(t, test.value), 10_000); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestNullIsAllowedAsEachVersionSaysIt(t *testing.T) {
	tests := []struct {
		name, version, schema string
		holds                 bool
	}{
		{"3.0 nullable", "3.0.3", `{"type":"string","nullable":true}`, true},
		{"3.0 without", "3.0.3", `{"type":"string"}`, false},
		{"3.0 nullable beside allOf", "3.0.3", `{"nullable":true,"allOf":[{"$ref":"#/components/schemas/Text"}]}`, true},
		{"3.1 type list", "3.1.0", `{"type":["string","null"]}`, true},
		{"3.1 anyOf null", "3.1.0", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, true},
		{"3.1 knows no nullable", "3.1.0", `{"type":"string","nullable":true}`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := compile(t, test.version, `{"Text":{"type":"string"},"Root":`+test.schema+`}`)
			if err := s.Check(t.Context(), nil, 100); (err == nil) != test.holds {
				t.Errorf("null: %v", err)
			}
		})
	}
}

// Hostile documents: what makes other validators run for ever ends by budget.
func TestAHostileSchemaEndsByItsBudget(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString(`{"Root":{"$ref":"#/components/schemas/A0"}`)
	for i := range 40 {
		fmt.Fprintf(&bomb, `,"A%d":{"anyOf":[{"$ref":"#/components/schemas/A%d"},{"$ref":"#/components/schemas/A%d"}]}`, i, i+1, i+1)
	}
	bomb.WriteString(`,"A40":{"type":"string"}}`)
	var wide strings.Builder
	wide.WriteString(`{"Root":{"items":{"properties":{"p":{}`)
	for i := range 5000 {
		fmt.Fprintf(&wide, `,"p%d":{}`, i)
	}
	wide.WriteString(`}}}}`)
	deep := strings.Repeat(`{"x":`, 200) + `1` + strings.Repeat(`}`, 200)
	tests := []struct{ name, components, value string }{
		{"many members, many empty objects", wide.String(), `[{}` + strings.Repeat(`,{}`, 5000) + `]`},
		{"nested alternatives", bomb.String(), `1`},
		{"alternatives at every level of the value", `{"Root":{"type":"object","anyOf":[
			{"properties":{"x":{"$ref":"#/components/schemas/Root"}}},
			{"properties":{"x":{"$ref":"#/components/schemas/Root"}}}]}}`, deep},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := compile(t, "3.1.0", test.components).Check(t.Context(), decode(t, test.value), 50_000)
			if !errors.Is(err, ErrTooCostly) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a schema that is its own alternative", func(t *testing.T) {
		s := &Schema{}
		s.anyOf = []*Schema{s, s}
		if err := s.Check(t.Context(), "x", 1<<30); !errors.Is(err, ErrTooCostly) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a caller who gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s := compile(t, "3.1.0", bomb.String())
		if err := s.Check(ctx, decode(t, `1`), 1<<30); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s := compile(b, "3.1.0", shop)
	value := decode(b, `{"orders":[{"id":1,"status":"new","note":null,"total":1.5},{"id":2,"status":"paid","note":"x","total":3}],"next":null}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Check(b.Context(), value, 10_000); err != nil {
			b.Fatal(err)
		}
	}
}
