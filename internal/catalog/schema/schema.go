package schema

import (
	"regexp"

	"github.com/getkin/kin-openapi/openapi3"
)

// Schema is a compiled schema. It is immutable once its Compiler returned it
// and safe for concurrent use.
type Schema struct {
	name     string // component name, for messages
	always   *bool  // boolean schema
	types    kinds  // 0: any
	nullable bool   // OpenAPI 3.0
	enum     []any
	constant any
	hasConst bool

	minimum, maximum           *float64
	exclusiveMin, exclusiveMax *float64
	multipleOf                 *float64

	minLength uint64
	maxLength *uint64
	pattern   *regexp.Regexp
	format    string

	items       *Schema
	prefixItems []*Schema
	minItems    uint64
	maxItems    *uint64
	uniqueItems bool
	contains    *Schema
	minContains uint64
	maxContains *uint64

	properties        []property // sorted by name
	byName            map[string]*Schema
	required          []string
	minProps          uint64
	maxProps          *uint64
	patternProps      []patternProperty
	additional        *Schema // nil: anything
	propertyNames     *Schema
	dependentRequired []dependency
	dependentSchemas  []property
	readOnly          bool
	writeOnly         bool

	allOf, anyOf, oneOf        []*Schema
	not                        *Schema
	condition, then, otherwise *Schema
	discriminator              *discriminator

	unevaluatedProps *Schema // nil: anything
	unevaluatedItems *Schema
}

type property struct {
	name   string
	schema *Schema
}

type patternProperty struct {
	pattern *regexp.Regexp
	schema  *Schema
}

type dependency struct {
	name  string
	wants []string
}

// discriminator chooses the branch of a oneOf or anyOf by a member's value.
type discriminator struct {
	member   string
	branches map[string]*Schema
	values   []string // sorted keys of branches, for messages
}

// unevaluated reports whether evaluating s needs to know what was evaluated.
func (s *Schema) unevaluated() bool { return s.unevaluatedProps != nil || s.unevaluatedItems != nil }

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindInteger
	kindNumber
	kindString
	kindArray
	kindObject
)

var kindNames = [...]struct {
	kind kinds
	name string
}{
	{kindObject, "object"},
	{kindArray, "array"},
	{kindString, "string"},
	{kindInteger, "integer"},
	{kindNumber, "number"},
	{kindBoolean, "boolean"},
	{kindNull, "null"},
}

// names lists the set's types for a message: "string or null".
func (k kinds) names() string {
	var list []string
	for _, n := range kindNames {
		if k&n.kind != 0 {
			list = append(list, n.name)
		}
	}
	return orList(list)
}

func kindsOf(types *openapi3.Types) kinds {
	if types == nil {
		return 0
	}
	var k kinds
	for _, name := range *types {
		for _, n := range kindNames {
			if n.name == name {
				k |= n.kind
			}
		}
	}
	return k
}
