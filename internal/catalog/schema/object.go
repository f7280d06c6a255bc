package schema

import (
	"maps"
	"slices"
	"strconv"
)

func (c *checker) checkObject(s *Schema, value map[string]any, m *marks) *Violation {
	for _, name := range s.required {
		if _, ok := value[name]; ok {
			continue
		}
		if p := s.byName[name]; p != nil && (c.request && p.readOnly || !c.request && p.writeOnly) {
			continue // required in the other direction only (OpenAPI 3.0.3, "Schema Object")
		}
		return c.violation(nil, "member %s is missing", strconv.Quote(clip(name)))
	}
	if n := uint64(len(value)); n < s.minProps {
		return c.violation(value, "want at least %s", count(s.minProps, "member"))
	} else if s.maxProps != nil && n > *s.maxProps {
		return c.violation(value, "want at most %s", count(*s.maxProps, "member"))
	}
	c.budget -= len(s.properties) / 8
	for _, p := range s.properties {
		member, ok := value[p.name]
		if !ok {
			continue
		}
		m.member(p.name)
		if v := c.checkMember(p.schema, p.name, member); v != nil || c.stop != nil {
			return v
		}
	}
	if v := c.checkOthers(s, value, m); v != nil || c.stop != nil {
		return v
	}
	for _, d := range s.dependentRequired {
		if _, ok := value[d.name]; !ok {
			continue
		}
		for _, name := range d.wants {
			if _, ok := value[name]; !ok {
				return c.violation(nil, "member %q is missing; %q needs it", clip(name), clip(d.name))
			}
		}
	}
	for _, d := range s.dependentSchemas {
		if _, ok := value[d.name]; ok {
			if v := c.check(d.schema, value, m); v != nil {
				return v
			}
		}
	}
	return nil
}

func (c *checker) checkMember(s *Schema, name string, member any) *Violation {
	c.enterMember(name)
	defer c.leave()
	if s.writeOnly && !c.request {
		return c.violation(nil, "is write-only and must not be in an answer")
	}
	return c.check(s, member, nil)
}

// checkOthers looks at members by pattern, at additional ones, and at names. In
// the order of names, so that the same answer gives the same sentence.
func (c *checker) checkOthers(s *Schema, value map[string]any, m *marks) *Violation {
	if len(s.patternProps) == 0 && s.additional == nil && s.propertyNames == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		if s.propertyNames != nil {
			if v := c.check(s.propertyNames, name, nil); v != nil {
				return c.violation(nil, "member name %q: %s", clip(name), v.Problem)
			}
		}
		_, known := s.byName[name]
		for _, p := range s.patternProps {
			if !c.matches(p.pattern, name) {
				continue
			}
			known = true
			m.member(name)
			if v := c.checkMember(p.schema, name, value[name]); v != nil {
				return v
			}
		}
		if known || s.additional == nil {
			continue
		}
		m.member(name)
		if s.additional.always != nil && !*s.additional.always {
			return c.violation(nil, "member %s is not in the schema", strconv.Quote(clip(name)))
		}
		if v := c.checkMember(s.additional, name, value[name]); v != nil {
			return v
		}
	}
	return nil
}

// checkUnevaluated holds what no part of s looked at to its unevaluated… schemas.
func (c *checker) checkUnevaluated(s *Schema, value any, m *marks) *Violation {
	switch value := value.(type) {
	case map[string]any:
		if s.unevaluatedProps == nil || m.all {
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if m.members[name] {
				continue
			}
			if s.unevaluatedProps.always != nil && !*s.unevaluatedProps.always {
				return c.violation(nil, "member %s is not in the schema", strconv.Quote(clip(name)))
			}
			if v := c.checkMember(s.unevaluatedProps, name, value[name]); v != nil {
				return v
			}
			m.member(name)
		}
	case []any:
		if s.unevaluatedItems == nil || m.all {
			return nil
		}
		for i := m.items; i < len(value); i++ {
			c.enterItem(i)
			v := c.check(s.unevaluatedItems, value[i], nil)
			c.leave()
			if v != nil {
				return v
			}
		}
		m.items = len(value)
	}
	return nil
}
