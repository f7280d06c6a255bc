package schema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrTooCostly is returned when a value could not be checked within the budget:
// a schema whose alternatives multiply.
var ErrTooCostly = errors.New("the schema is too costly to check: its alternatives multiply")

// maxDepth bounds recursion, also that of a schema which refers to itself
// without going deeper into the value.
const maxDepth = 2000

// Check holds value to s. The value is as decoded from JSON with numbers as
// json.Number. The budget is the largest number of schemas to visit.
//
// What costs more than a visit (long lists of members or allowed values, patterns)
// takes more of it.
//
// It returns nil, a *Violation, ErrTooCostly, or ctx's error.
func (s *Schema) Check(ctx context.Context, value any, budget int) error {
	return s.hold(&checker{ctx: ctx, budget: budget}, value)
}

// CheckRequest is Check for what a client sends: members that are read-only need
// not be there, and those that are write-only may (OpenAPI 3.0.3, "Schema
// Object"). Read-only members that are sent are let pass: clients send back what
// they got.
func (s *Schema) CheckRequest(ctx context.Context, value any, budget int) error {
	return s.hold(&checker{ctx: ctx, budget: budget, request: true}, value)
}

func (s *Schema) hold(c *checker, value any) error {
	if s == nil {
		return nil
	}
	v := c.check(s, value, nil)
	if c.stop != nil {
		return c.stop
	}
	if v != nil {
		return v
	}
	return nil
}

// checker is one Check.
type checker struct {
	ctx     context.Context //nolint:containedctx // lives for one call
	request bool            // the value is a client's
	budget  int
	ticks   int
	depth   int
	path    []place
	stop    error // why the check was given up; every level returns at once
}

// place is one step into the value: a member, or an element when index ≥ 0.
type place struct {
	name  string
	index int
}

// marks are the members and elements that a schema evaluated; nil when nobody asks.
type marks struct {
	members map[string]bool
	items   int // the first so many elements
	all     bool
}

func (m *marks) member(name string) {
	if m != nil {
		if m.members == nil {
			m.members = map[string]bool{}
		}
		m.members[name] = true
	}
}

func (m *marks) merge(other *marks) {
	if m == nil || other == nil {
		return
	}
	for name := range other.members {
		m.member(name)
	}
	m.items = max(m.items, other.items)
	m.all = m.all || other.all
}

// check returns the first violation, or nil. When c.stop is set its result means nothing.
func (c *checker) check(s *Schema, value any, outer *marks) *Violation {
	if s == nil || c.stop != nil {
		return nil
	}
	if c.budget--; c.budget < 0 || c.depth > maxDepth {
		c.stop = ErrTooCostly
		return nil
	}
	if c.ticks++; c.ticks%1024 == 0 && c.ctx.Err() != nil {
		c.stop = c.ctx.Err()
		return nil
	}
	c.depth++
	defer func() { c.depth-- }()

	if s.always != nil {
		if *s.always {
			return nil
		}
		return c.violation(nil, "is not allowed here")
	}
	if value == nil && s.nullable {
		return nil
	}
	m := outer
	if s.unevaluated() {
		m = &marks{} // only what s itself evaluates counts for its own unevaluated…
	}
	if v := c.checkType(s, value); v != nil {
		return v
	}
	if v := c.checkValues(s, value); v != nil {
		return v
	}
	var v *Violation
	switch value := value.(type) {
	case string:
		v = c.checkString(s, value)
	case json.Number:
		v = c.checkNumber(s, value)
	case []any:
		v = c.checkArray(s, value, m)
	case map[string]any:
		v = c.checkObject(s, value, m)
	}
	if v == nil {
		v = c.checkCombined(s, value, m)
	}
	if v == nil && s.unevaluated() {
		v = c.checkUnevaluated(s, value, m)
		outer.merge(m)
	}
	return v
}

func (c *checker) checkType(s *Schema, value any) *Violation {
	if s.types == 0 || s.types&kindOf(value) != 0 {
		return nil
	}
	if n, ok := value.(json.Number); ok && s.types&kindInteger != 0 && isInteger(n) {
		return nil
	}
	wants := s.types
	if s.nullable {
		wants |= kindNull
	}
	v := c.violation(value, "want %s", wants.names())
	v.wants = wants
	return v
}

// kindOf returns the type of a decoded value; integers are checked apart.
func kindOf(value any) kinds {
	switch value.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBoolean
	case string:
		return kindString
	case json.Number:
		return kindNumber
	case []any:
		return kindArray
	case map[string]any:
		return kindObject
	}
	return 0
}

// isInteger is true for 1, 1.0 and 1e3 (JSON Schema 2020-12 §4.2.3).
func isInteger(n json.Number) bool {
	if !strings.ContainsAny(n.String(), ".eE") {
		return true
	}
	f := float(n)
	return f == math.Trunc(f)
}

func float(n json.Number) float64 {
	f, _ := n.Float64() // out of range gives ±Inf, which compares as it should
	return f
}

func (c *checker) checkValues(s *Schema, value any) *Violation {
	if s.hasConst && !equal(s.constant, value) {
		return c.violation(value, "want %s", describeEnum(s.constant))
	}
	if len(s.enum) == 0 {
		return nil
	}
	c.budget -= len(s.enum) / 8
	for _, allowed := range s.enum {
		if equal(allowed, value) {
			return nil
		}
	}
	allowed := make([]string, len(s.enum))
	for i, e := range s.enum {
		allowed[i] = describeEnum(e)
	}
	return c.violation(value, "want %s", orList(allowed))
}

func (c *checker) checkString(s *Schema, value string) *Violation {
	if s.minLength > 0 || s.maxLength != nil {
		length := uint64(utf8.RuneCountInString(value)) //nolint:gosec // never negative
		if length < s.minLength {
			return c.violation(value, "want at least %s", count(s.minLength, "character"))
		}
		if s.maxLength != nil && length > *s.maxLength {
			return c.violation(value, "want at most %s", count(*s.maxLength, "character"))
		}
	}
	if s.pattern != nil && !c.matches(s.pattern, value) {
		return c.violation(value, "want a match of %s", clip(s.pattern.String()))
	}
	if s.format != "" && !matchesFormat(s.format, value) {
		return c.violation(value, "want a %s", clip(s.format))
	}
	return nil
}

// matches pays for the length: the time that RE2 takes grows with it.
func (c *checker) matches(pattern *regexp.Regexp, text string) bool {
	c.budget -= 1 + len(text)/2
	return pattern.MatchString(text)
}

func (c *checker) checkNumber(s *Schema, value json.Number) *Violation {
	if s.minimum == nil && s.maximum == nil && s.exclusiveMin == nil && s.exclusiveMax == nil &&
		s.multipleOf == nil && s.format == "" {
		return nil
	}
	n := float(value)
	switch {
	case s.minimum != nil && n < *s.minimum:
		return c.violation(value, "want at least %s", number(*s.minimum))
	case s.exclusiveMin != nil && n <= *s.exclusiveMin:
		return c.violation(value, "want more than %s", number(*s.exclusiveMin))
	case s.maximum != nil && n > *s.maximum:
		return c.violation(value, "want at most %s", number(*s.maximum))
	case s.exclusiveMax != nil && n >= *s.exclusiveMax:
		return c.violation(value, "want less than %s", number(*s.exclusiveMax))
	case s.multipleOf != nil && !isMultiple(n, *s.multipleOf):
		return c.violation(value, "want a multiple of %s", number(*s.multipleOf))
	case !fitsFormat(s.format, n):
		return c.violation(value, "want an %s", s.format)
	}
	return nil
}

// isMultiple allows for binary fractions: 0.3 is a multiple of 0.1.
func isMultiple(n, of float64) bool {
	if of <= 0 || math.IsInf(n, 0) {
		return true
	}
	quotient := n / of
	return math.Abs(quotient-math.Round(quotient)) <= 1e-9*math.Max(1, math.Abs(quotient))
}

// violation describes the present place; the value is shown unless its member
// name says that it is a secret.
func (c *checker) violation(value any, format string, args ...any) *Violation {
	problem := fmt.Sprintf(format, args...)
	if strings.HasPrefix(problem, "want ") {
		problem += ", got " + c.describe(value)
	}
	return &Violation{Pointer: c.pointer(), Problem: problem, depth: len(c.path), got: value}
}

func (c *checker) describe(value any) string {
	for _, p := range c.path {
		if isSecretMember(p.name) {
			switch value.(type) {
			case string:
				return "a string"
			case json.Number:
				return "a number"
			}
		}
	}
	return describe(value)
}

func (c *checker) pointer() string {
	var b strings.Builder
	for _, p := range c.path {
		b.WriteByte('/')
		if p.index >= 0 {
			b.WriteString(strconv.Itoa(p.index))
		} else {
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(clip(p.name), "~", "~0"), "/", "~1"))
		}
	}
	return b.String()
}

func (c *checker) enterMember(name string) { c.path = append(c.path, place{name, -1}) }
func (c *checker) enterItem(i int)         { c.path = append(c.path, place{"", i}) }
func (c *checker) leave()                  { c.path = c.path[:len(c.path)-1] }

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatUint(n, 10) + " " + noun + "s"
}
