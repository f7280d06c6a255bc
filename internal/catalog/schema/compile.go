package schema

import (
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Compiler turns resolved OpenAPI schemas into Schemas. Equal inputs give the
// same Schema, and so recursive schemas end. It is not safe for concurrent use;
// the Schemas that it returned are, also while it compiles more.
type Compiler struct {
	draft30 bool
	done    map[*openapi3.Schema]*Schema
	regexps map[string]*regexp.Regexp
}

// NewCompiler compiles schemas of an OpenAPI 3.0 document, or of a later one.
// They differ in `nullable` and in the exclusive bounds.
func NewCompiler(draft30 bool) *Compiler {
	return &Compiler{draft30: draft30, done: map[*openapi3.Schema]*Schema{}, regexps: map[string]*regexp.Regexp{}}
}

// Compile returns the Schema of ref; nil (anything goes) when ref is nil or was not resolved.
func (c *Compiler) Compile(ref *openapi3.SchemaRef) *Schema {
	if ref == nil || ref.Value == nil {
		return nil
	}
	in := ref.Value
	if s, ok := c.done[in]; ok {
		return s
	}
	s := &Schema{}
	c.done[in] = s // before its parts, so that a cycle finds it
	s.name = componentName(ref.Ref)
	s.always = in.Always
	s.types = kindsOf(in.Type)
	s.nullable = c.draft30 && in.Nullable
	s.enum = in.Enum
	s.constant, s.hasConst = in.Const, in.Const != nil
	c.numbers(s, in)
	s.minLength, s.maxLength = in.MinLength, in.MaxLength
	s.pattern = c.regexp(in.Pattern)
	s.format = in.Format
	c.arrays(s, in)
	c.objects(s, in)
	s.allOf, s.anyOf, s.oneOf = c.list(in.AllOf), c.list(in.AnyOf), c.list(in.OneOf)
	s.not = c.Compile(in.Not)
	s.condition, s.then, s.otherwise = c.Compile(in.If), c.Compile(in.Then), c.Compile(in.Else)
	s.discriminator = c.discriminator(in)
	return s
}

func (c *Compiler) numbers(s *Schema, in *openapi3.Schema) {
	s.minimum, s.maximum, s.multipleOf = in.Min, in.Max, in.MultipleOf
	s.exclusiveMin, s.exclusiveMax = in.ExclusiveMin.Value, in.ExclusiveMax.Value
	if in.ExclusiveMin.IsTrue() && in.ExclusiveMin.Bool != nil { // 3.0: a flag on the bound
		s.minimum, s.exclusiveMin = nil, in.Min
	}
	if in.ExclusiveMax.IsTrue() && in.ExclusiveMax.Bool != nil {
		s.maximum, s.exclusiveMax = nil, in.Max
	}
}

func (c *Compiler) arrays(s *Schema, in *openapi3.Schema) {
	s.items, s.prefixItems = c.Compile(in.Items), c.list(in.PrefixItems)
	s.minItems, s.maxItems, s.uniqueItems = in.MinItems, in.MaxItems, in.UniqueItems
	s.contains, s.minContains, s.maxContains = c.Compile(in.Contains), 1, in.MaxContains
	if in.MinContains != nil {
		s.minContains = *in.MinContains
	}
	s.unevaluatedItems = c.boolSchema(in.UnevaluatedItems)
}

func (c *Compiler) objects(s *Schema, in *openapi3.Schema) {
	s.properties = c.named(in.Properties)
	s.byName = make(map[string]*Schema, len(s.properties))
	for _, p := range s.properties {
		s.byName[p.name] = p.schema
	}
	s.readOnly, s.writeOnly = in.ReadOnly, in.WriteOnly
	s.required = in.Required
	s.minProps, s.maxProps = in.MinProps, in.MaxProps
	for _, p := range c.named(in.PatternProperties) {
		if re := c.regexp(p.name); re != nil {
			s.patternProps = append(s.patternProps, patternProperty{re, p.schema})
		}
	}
	s.additional = c.boolSchema(in.AdditionalProperties)
	if len(s.patternProps) < len(in.PatternProperties) {
		s.additional = nil // a pattern that cannot be evaluated may cover any name
	}
	s.propertyNames = c.Compile(in.PropertyNames)
	for name, wants := range in.DependentRequired {
		s.dependentRequired = append(s.dependentRequired, dependency{name, wants})
	}
	slices.SortFunc(s.dependentRequired, func(a, b dependency) int { return strings.Compare(a.name, b.name) })
	s.dependentSchemas = c.named(in.DependentSchemas)
	s.unevaluatedProps = c.boolSchema(in.UnevaluatedProperties)
}

func (c *Compiler) list(refs openapi3.SchemaRefs) []*Schema {
	var list []*Schema
	for _, ref := range refs {
		s := c.Compile(ref)
		if s == nil {
			s = &Schema{}
		}
		list = append(list, s)
	}
	return list
}

func (c *Compiler) named(refs openapi3.Schemas) []property {
	list := make([]property, 0, len(refs))
	for name, ref := range refs {
		s := c.Compile(ref)
		if s == nil {
			s = &Schema{}
		}
		list = append(list, property{name, s})
	}
	slices.SortFunc(list, func(a, b property) int { return strings.Compare(a.name, b.name) })
	return list
}

// boolSchema returns nil for "anything goes".
func (c *Compiler) boolSchema(b openapi3.BoolSchema) *Schema {
	if b.Schema != nil {
		return c.Compile(b.Schema)
	}
	if b.Has != nil && !*b.Has {
		return &Schema{always: b.Has}
	}
	if b.Has != nil {
		return &Schema{} // true: evaluates everything, which matters to an outer unevaluated…
	}
	return nil
}

// regexp compiles a pattern once; nil when there is none or RE2 cannot express it.
func (c *Compiler) regexp(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	if re, ok := c.regexps[pattern]; ok {
		return re
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		re = nil
	}
	c.regexps[pattern] = re
	return re
}

// discriminator maps values to branches: those named by `mapping`, and every
// branch by its component's name (OpenAPI 3.0.3, "Discriminator Object").
func (c *Compiler) discriminator(in *openapi3.Schema) *discriminator {
	refs := slices.Concat(in.OneOf, in.AnyOf)
	if in.Discriminator == nil || in.Discriminator.PropertyName == "" || len(refs) == 0 {
		return nil
	}
	d := &discriminator{member: in.Discriminator.PropertyName, branches: map[string]*Schema{}}
	mapped := map[string]bool{}
	for value, target := range in.Discriminator.Mapping {
		for _, ref := range refs {
			if ref.Ref == target.Ref || componentName(ref.Ref) == target.Ref {
				d.branches[value] = c.Compile(ref)
				mapped[ref.Ref] = true
			}
		}
	}
	for _, ref := range refs {
		name := componentName(ref.Ref)
		if name == "" {
			return nil // an inline branch cannot be named: the plain rules apply
		}
		if _, taken := d.branches[name]; !taken && !mapped[ref.Ref] {
			d.branches[name] = c.Compile(ref)
		}
	}
	for value, branch := range d.branches {
		if branch == nil {
			return nil
		}
		d.values = append(d.values, value)
	}
	slices.Sort(d.values)
	return d
}

func componentName(ref string) string {
	if ref == "" {
		return ""
	}
	return ref[strings.LastIndexByte(ref, '/')+1:]
}
