package checks

import (
	"strings"

	"lapwing.dev/lapwing/internal/checks/assert"
)

// expressions compiles each expression once, however often the checks of a file
// say it: thousands of checks say the same few things, and a program is safe to
// share. The zero value is ready. It is not safe for concurrent use.
type expressions struct {
	known map[expression]compiled
}

// expression is what a program is made of.
type expression struct {
	text  string
	vars  string // the names that it may use
	value bool   // it is a capture, not an assertion
}

type compiled struct {
	program *assert.Program
	err     error
}

// condition compiles an assertion; vars are the names that earlier steps
// captured, sorted within each step.
func (x *expressions) condition(text string, vars []string) (*assert.Program, error) {
	return x.compile(text, vars, false)
}

// value compiles a capture.
func (x *expressions) value(text string, vars []string) (*assert.Program, error) {
	return x.compile(text, vars, true)
}

func (x *expressions) compile(text string, vars []string, value bool) (*assert.Program, error) {
	key := expression{text: text, vars: strings.Join(vars, " "), value: value}
	if c, ok := x.known[key]; ok {
		return c.program, c.err
	}
	compile := assert.Compile
	if value {
		compile = assert.CompileValue
	}
	var c compiled
	c.program, c.err = compile(text, assert.Options{Vars: vars})
	if x.known == nil {
		x.known = map[expression]compiled{}
	}
	x.known[key] = c
	return c.program, c.err
}
