package schema

import (
	"slices"
	"strconv"
)

// checkCombined evaluates allOf, anyOf, oneOf, not and if/then/else.
func (c *checker) checkCombined(s *Schema, value any, m *marks) *Violation {
	for _, sub := range s.allOf {
		if v := c.check(sub, value, m); v != nil || c.stop != nil {
			return v
		}
	}
	if s.discriminator != nil {
		if branch, v := c.discriminate(s.discriminator, value); branch != nil || v != nil {
			if v != nil {
				return v
			}
			if v := c.check(branch, value, m); v != nil || c.stop != nil {
				return v
			}
			return c.checkNotAndIf(s, value, m)
		}
	}
	if len(s.anyOf) > 0 {
		if v := c.checkAny(s.anyOf, value, m); v != nil || c.stop != nil {
			return v
		}
	}
	if len(s.oneOf) > 0 {
		if v := c.checkOne(s.oneOf, value, m); v != nil || c.stop != nil {
			return v
		}
	}
	return c.checkNotAndIf(s, value, m)
}

func (c *checker) checkNotAndIf(s *Schema, value any, m *marks) *Violation {
	if s.not != nil && c.check(s.not, value, nil) == nil && c.stop == nil {
		return c.violation(nil, "matches a schema that it must not match")
	}
	if s.condition == nil {
		return nil
	}
	sub := m.fresh()
	if c.check(s.condition, value, sub) == nil {
		m.merge(sub)
		return c.check(s.then, value, m)
	}
	return c.check(s.otherwise, value, m)
}

// fresh returns empty marks when m are wanted.
func (m *marks) fresh() *marks {
	if m == nil {
		return nil
	}
	return &marks{}
}

// checkAny wants at least one branch to match. All are evaluated only when
// somebody asks what they evaluated.
func (c *checker) checkAny(branches []*Schema, value any, m *marks) *Violation {
	var failures []*Violation
	matched := false
	for _, branch := range branches {
		sub := m.fresh()
		v := c.check(branch, value, sub)
		if c.stop != nil {
			return nil
		}
		if v != nil {
			failures = append(failures, v)
			continue
		}
		m.merge(sub)
		if matched = true; m == nil {
			return nil
		}
	}
	if matched {
		return nil
	}
	return c.closest(failures, value)
}

func (c *checker) checkOne(branches []*Schema, value any, m *marks) *Violation {
	var failures []*Violation
	var matched []int
	for i, branch := range branches {
		sub := m.fresh()
		v := c.check(branch, value, sub)
		if c.stop != nil {
			return nil
		}
		if v != nil {
			failures = append(failures, v)
			continue
		}
		m.merge(sub)
		if matched = append(matched, i); len(matched) > 1 {
			return c.violation(nil, "matches %s and %s of the alternatives; only one may match",
				branchName(branches, matched[0]), branchName(branches, i))
		}
	}
	if len(matched) == 1 {
		return nil
	}
	return c.closest(failures, value)
}

func branchName(branches []*Schema, i int) string {
	if name := branches[i].name; name != "" {
		return name
	}
	return "number " + strconv.Itoa(i+1)
}

// closest picks what to say when no branch matched: the branch that got deepest
// into the value meant it most. When all of them wanted another type, their
// types are listed together.
func (c *checker) closest(failures []*Violation, value any) *Violation {
	var wants kinds
	var others []*Violation
	for _, v := range failures {
		if v.depth == len(c.path) && v.wants != 0 {
			wants |= v.wants
		} else {
			others = append(others, v)
		}
	}
	if len(others) == 0 {
		v := c.violation(value, "want %s", wants.names())
		v.wants = wants
		return v
	}
	return slices.MaxFunc(others, func(a, b *Violation) int { return a.depth - b.depth })
}

// discriminate returns the branch that the value names, or what is wrong with
// the name. Both are nil when the rule does not apply (the value is no object).
func (c *checker) discriminate(d *discriminator, value any) (*Schema, *Violation) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, nil
	}
	member, ok := object[d.member]
	if !ok {
		return nil, c.violation(nil, "member %s is missing; it chooses between %s", strconv.Quote(clip(d.member)), orList(d.values))
	}
	c.enterMember(d.member)
	defer c.leave()
	name, ok := member.(string)
	if !ok {
		return nil, c.violation(member, "want %s", orList(d.values))
	}
	if branch := d.branches[name]; branch != nil {
		return branch, nil
	}
	return nil, c.violation(member, "want %s", orList(d.values))
}
