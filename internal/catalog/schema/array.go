package schema

import "encoding/json"

func (c *checker) checkArray(s *Schema, value []any, m *marks) *Violation {
	if n := uint64(len(value)); n < s.minItems {
		return c.violation(value, "want at least %s", count(s.minItems, "element"))
	} else if s.maxItems != nil && n > *s.maxItems {
		return c.violation(value, "want at most %s", count(*s.maxItems, "element"))
	}
	for i, item := range value {
		sub := s.items
		if i < len(s.prefixItems) {
			sub = s.prefixItems[i]
		}
		if sub == nil {
			continue
		}
		c.enterItem(i)
		v := c.check(sub, item, nil)
		c.leave()
		if v != nil || c.stop != nil {
			return v
		}
	}
	if m != nil {
		if s.items != nil {
			m.items = len(value)
		} else {
			m.items = max(m.items, min(len(s.prefixItems), len(value)))
		}
	}
	if s.uniqueItems {
		if v := c.checkUnique(value); v != nil {
			return v
		}
	}
	return c.checkContains(s, value)
}

// checkUnique compares by canonical JSON: members sorted, numbers as written.
func (c *checker) checkUnique(value []any) *Violation {
	seen := make(map[string]int, len(value))
	for i, item := range value {
		if n, ok := item.(json.Number); ok {
			item = float(n)
		}
		text, err := json.Marshal(item)
		if err != nil {
			continue
		}
		c.budget -= len(text) / 16
		if first, twice := seen[string(text)]; twice {
			return c.violation(nil, "elements %d and %d are equal, but they must be unique", first, i)
		}
		seen[string(text)] = i
	}
	return nil
}

func (c *checker) checkContains(s *Schema, value []any) *Violation {
	if s.contains == nil {
		return nil
	}
	var matches uint64
	for i, item := range value {
		c.enterItem(i)
		if c.check(s.contains, item, nil) == nil {
			matches++
		}
		c.leave()
		if c.stop != nil {
			return nil
		}
	}
	if matches < s.minContains {
		return c.violation(nil, "%d of the elements match `contains`; at least %d must", matches, s.minContains)
	}
	if s.maxContains != nil && matches > *s.maxContains {
		return c.violation(nil, "%d of the elements match `contains`; at most %d may", matches, *s.maxContains)
	}
	return nil
}
