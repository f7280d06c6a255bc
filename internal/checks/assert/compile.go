package assert

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
)

// Options say what an expression may name besides the answer.
type Options struct {
	// Vars are the names that earlier steps captured: vars.<name>.
	Vars []string
}

// Compile reads an assertion: an expression that is true or false. Its error is
// an *Error.
func Compile(text string, o Options) (*Program, error) { return compileText(text, o, condition) }

// CompileValue reads a capture: an expression with any value that can be used
// in a later request. Its error is an *Error.
func CompileValue(text string, o Options) (*Program, error) { return compileText(text, o, capture) }

// compileText compiles and places any mistake in the text.
func compileText(text string, o Options, suits func(*tree) error) (p *Program, err error) {
	defer func() {
		// The parser and checker are a library's; a text that they cannot
		// bear is a mistake in the text, not the end of the program.
		if r := recover(); r != nil {
			p, err = nil, mistakeAt(0, utf8.RuneCountInString(text), "", "the expression cannot be understood: %v", r).in(text)
		}
	}()
	o.Vars = slices.Clone(o.Vars)
	p, err = compile(text, o, suits)
	if m, ok := errors.AsType[*mistake](err); ok {
		return nil, m.in(text)
	}
	return p, err
}

func compile(text string, o Options, suits func(*tree) error) (*Program, error) {
	t, err := parse(text, o)
	if err != nil {
		return nil, err
	}
	if err := t.lower(); err != nil {
		return nil, err
	}
	if err := suits(t); err != nil {
		return nil, err
	}
	if err := optimizer.Optimize(&t.Node, t.config); err != nil {
		return nil, t.translate(err)
	}
	program, err := compiler.Compile(t.Tree, t.config)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // a stack follows
		return nil, mistakeAt(0, utf8.RuneCountInString(text), "", "the expression cannot be compiled: %s", first)
	}
	return &Program{text: text, options: o, program: program, loops: t.loops, mentions: slices.Sorted(maps.Keys(t.mentions))}, nil
}

// tree is a parsed expression with what is needed to work on it.
type tree struct {
	*parser.Tree
	text     string
	options  Options
	config   *conf.Config
	literals map[int]literal
	mentions map[string]bool
	loops    bool
}

// parse returns the tree of a text as it was written, with every name checked.
func parse(text string, o Options) (*tree, error) {
	src, err := newSource(text)
	if err != nil {
		return nil, err
	}
	t := &tree{text: text, options: o, config: newConfig(words()), literals: src.literals, mentions: make(map[string]bool)}
	t.Tree, err = parser.ParseWithConfig(src.parsed, t.config)
	if err != nil {
		return nil, t.translate(err)
	}
	r := &resolver{vocabulary: words(), vars: o.Vars, literals: src.literals, mentions: t.mentions}
	if err := r.resolve(t.Node, 0); err != nil {
		return nil, err
	}
	return t, nil
}

// lower rewrites the tree for the environment and checks its types.
func (t *tree) lower() error {
	l := &lowerer{literals: t.literals}
	l.lower(&t.Node)
	t.loops = l.loops
	if _, err := checker.Check(t.Tree, t.config); err != nil {
		return t.translate(err)
	}
	return nil
}

// condition refuses what is not true or false. A value out of JSON may be; only
// the answer can tell.
func condition(t *tree) error {
	n := t.Node.Nature()
	if n.Type == nil && !n.Nil || n.Kind == reflect.Interface || n.Kind == reflect.Bool {
		return nil
	}
	return mistakeAt(0, utf8.RuneCountInString(t.text), "compare it with something: status == 200",
		"an assertion is true or false, this is %s", typeName(*n))
}

// capture refuses what is not a value of JSON, a duration or a time.
func capture(t *tree) error {
	n := *t.Node.Nature()
	name := typeName(n)
	isObject := name == "an object" && n.Kind != reflect.Map
	cookies := n.Kind == reflect.Map && n.Type.Elem() == reflect.TypeFor[*cookie]()
	if name == "a function" || isObject || cookies {
		return mistakeAt(0, utf8.RuneCountInString(t.text), "capture one member of it", "%s cannot be captured", fmt.Sprintf("%s as a whole", name))
	}
	return nil
}
