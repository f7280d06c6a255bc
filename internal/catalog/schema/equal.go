package schema

import "encoding/json"

// equal compares a value of the document (numbers are float64 there) with one of an answer.
func equal(want, got any) bool {
	switch want := want.(type) {
	case nil:
		return got == nil
	case bool:
		b, ok := got.(bool)
		return ok && b == want
	case string:
		s, ok := got.(string)
		return ok && s == want
	case float64:
		n, ok := got.(json.Number)
		return ok && float(n) == want
	case json.Number:
		n, ok := got.(json.Number)
		return ok && float(n) == float(want)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !equal(want[i], list[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return false
		}
		for name, value := range want {
			member, ok := object[name]
			if !ok || !equal(value, member) {
				return false
			}
		}
		return true
	}
	return false
}
