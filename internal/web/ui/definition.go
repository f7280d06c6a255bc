package ui

import (
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/units"
)

// field is one line of a definition.
type field struct {
	Name  string
	Value string
	Code  bool
}

// definition is the check as configured; what is asked in several steps is in
// stepDefinitions.
func definition(v *checks.View) []field {
	var list []field
	add := func(name, value string, code bool) {
		if value != "" {
			list = append(list, field{name, value, code})
		}
	}
	if len(v.StepViews) < 2 {
		add("Request", v.Method+" "+v.Target, true)
	}
	add("API", v.API, false)
	add("Operation", v.Operation, true)
	add("Schedule", v.Schedule, false)
	if v.Timeout > 0 {
		add("Timeout", units.Duration(v.Timeout).String(), false)
	}
	if len(v.StepViews) < 2 {
		for _, a := range v.Asserts {
			add("Assert", a, true)
		}
		for i := range v.StepViews {
			add("Captures", strings.Join(v.StepViews[i].Captures, ", "), true)
		}
	}
	for _, k := range sortedKeys(v.Labels) {
		add("Label", k+"="+v.Labels[k], false)
	}
	add("ID", v.ID, true)
	return list
}

// stepDefinition is one step of a journey as configured.
type stepDefinition struct {
	Number int
	Name   string
	Always bool // runs even when an earlier step failed
	Fields []field
}

// stepDefinitions is the steps of a check that has several.
func stepDefinitions(v *checks.View) []stepDefinition {
	if len(v.StepViews) < 2 {
		return nil
	}
	list := make([]stepDefinition, len(v.StepViews))
	for i := range v.StepViews {
		s := &v.StepViews[i]
		d := stepDefinition{Number: i + 1, Name: s.Name, Always: s.Always, Fields: []field{{"Request", s.Method + " " + s.Target, true}}}
		for _, a := range s.Asserts {
			d.Fields = append(d.Fields, field{"Assert", a, true})
		}
		if len(s.Captures) > 0 {
			d.Fields = append(d.Fields, field{"Captures", strings.Join(s.Captures, ", "), true})
		}
		list[i] = d
	}
	return list
}
