package ui

import (
	"fmt"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/units"
)

// field is one line of a definition.
type field struct {
	Name  string
	Value string
	Code  bool
}

// definition is the check as configured.
func definition(v *checks.View) []field {
	list := []field{{Name: "Request", Value: v.Method + " " + v.Target, Code: true}}
	add := func(name, value string, code bool) {
		if value != "" {
			list = append(list, field{name, value, code})
		}
	}
	add("API", v.API, false)
	add("Operation", v.Operation, true)
	add("Schedule", v.Schedule, false)
	if v.Timeout > 0 {
		add("Timeout", units.Duration(v.Timeout).String(), false)
	}
	for i, step := range v.Steps {
		add(fmt.Sprintf("Step %d", i+1), step, false)
	}
	for _, a := range v.Asserts {
		add("Assert", a, true)
	}
	for _, k := range sortedKeys(v.Labels) {
		add("Label", k+"="+v.Labels[k], false)
	}
	add("ID", v.ID, true)
	return list
}
