package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestVerdictsAgreeWithACompleteImplementation holds random schemas of the 2020-12
// vocabulary and random values to both, and wants the same verdict every time.
func TestVerdictsAgreeWithACompleteImplementation(t *testing.T) {
	const schemas, values = 300, 30
	held, broke := 0, 0
	for seed := range uint64(schemas) {
		g := &generator{r: rand.New(rand.NewPCG(seed, 7))}
		document := map[string]any{"Other": g.schema(2)}
		g.refs = true
		document["Root"] = g.schema(3)
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		ours := compile(t, "3.1.0", string(text))
		theirs := oracle(t, text)
		for range values {
			raw, err := json.Marshal(g.value(3))
			if err != nil {
				t.Fatal(err)
			}
			got := ours.Check(t.Context(), decode(t, string(raw)), 1_000_000)
			if errors.Is(got, ErrTooCostly) {
				t.Fatalf("too costly: %s", text)
			}
			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			want := theirs.Validate(instance)
			if (got == nil) != (want == nil) {
				t.Fatalf("seed %d\nschema %s\nvalue  %s\nours   %v\ntheirs %v", seed, text, raw, got, want)
			}
			if got == nil {
				held++
			} else {
				broke++
			}
		}
	}
	if held < schemas || broke < schemas {
		t.Errorf("the generator is one-sided: %d held, %d broke", held, broke)
	}
}

func oracle(t *testing.T, components []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(fmt.Appendf(nil, `{"components":{"schemas":%s}}`, components)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("mem:///doc.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///doc.json#/components/schemas/Root")
	if err != nil {
		t.Fatalf("%v\n%s", err, components)
	}
	return s
}

// generator makes small schemas and values over few names, so that they meet.
type generator struct {
	r    *rand.Rand
	refs bool // to the schema called Other
}

var genNames = []string{"a", "b", "ab", "c"}

func (g *generator) name() string         { return genNames[g.r.IntN(len(genNames))] }
func (g *generator) chance(of int) bool   { return g.r.IntN(of) == 0 }
func (g *generator) pick(list ...any) any { return list[g.r.IntN(len(list))] }

func (g *generator) schema(depth int) any {
	if g.chance(12) {
		return g.pick(true, false)
	}
	if g.refs && depth < 3 && g.chance(10) {
		return map[string]any{"$ref": "#/components/schemas/Other"}
	}
	s := map[string]any{}
	if g.chance(2) {
		s["type"] = g.pick("object", "array", "string", "integer", "number", "boolean", "null", []any{"string", "null"}, []any{"object", "array"})
	}
	add := func(of int, key string, value func() any) {
		if g.chance(of) {
			s[key] = value()
		}
	}
	add(8, "enum", func() any { return []any{g.value(1), g.value(0), g.value(0)} })
	add(15, "const", func() any { return g.pick("x", 1, true, []any{1}) })
	add(8, "minimum", func() any { return g.r.IntN(4) })
	add(8, "exclusiveMaximum", func() any { return g.r.IntN(6) })
	add(10, "multipleOf", func() any { return g.pick(1, 2, 0.5) })
	add(8, "minLength", func() any { return g.r.IntN(3) })
	add(8, "maxLength", func() any { return g.r.IntN(3) })
	add(10, "pattern", func() any { return g.pick("^a", "b$", "x") })
	add(8, "minItems", func() any { return g.r.IntN(3) })
	add(8, "uniqueItems", func() any { return true })
	add(6, "required", func() any { return []any{g.name()} })
	add(10, "maxProperties", func() any { return g.r.IntN(3) })
	add(12, "dependentRequired", func() any { return map[string]any{g.name(): []any{g.name()}} })
	if depth > 0 {
		sub := func() any { return g.schema(depth - 1) }
		list := func() any { return []any{sub(), sub()} }
		named := func() any { return map[string]any{g.name(): sub(), g.name(): sub()} }
		add(3, "properties", named)
		add(10, "patternProperties", func() any { return map[string]any{g.pick("^a", "b").(string): sub()} })
		add(6, "additionalProperties", sub)
		add(12, "propertyNames", sub)
		add(12, "dependentSchemas", named)
		add(4, "items", sub)
		add(10, "prefixItems", list)
		add(7, "anyOf", list)
		add(9, "oneOf", list)
		add(9, "allOf", list)
		add(14, "not", sub)
		if g.chance(10) {
			s["if"], s["then"], s["else"] = sub(), sub(), sub()
		}
		add(10, "unevaluatedProperties", sub)
		if g.chance(10) {
			s["unevaluatedItems"] = sub()
		} else if g.chance(8) {
			s["contains"] = sub()
		}
	}
	return s
}

func (g *generator) value(depth int) any {
	n := 7
	if depth == 0 {
		n = 5
	}
	switch g.r.IntN(n) {
	case 0:
		return nil
	case 1:
		return g.chance(2)
	case 2:
		return g.r.IntN(6)
	case 3:
		return g.pick(0.5, 1.0, 2.5)
	case 4:
		return g.pick("", "a", "ab", "x", "xb")
	case 5:
		list := make([]any, g.r.IntN(4))
		for i := range list {
			list[i] = g.value(depth - 1)
		}
		return list
	}
	object := map[string]any{}
	for range g.r.IntN(4) {
		object[g.name()] = g.value(depth - 1)
	}
	return object
}
