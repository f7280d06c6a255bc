package assert

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"lapwing.dev/lapwing/internal/fault"
)

// Limits of an expression's tree.
const (
	maxNodes = 1000 // parts
	maxDepth = 250  // parts in parts: `a or b or c …` nests too
	// maxVisits bounds the parts with repetition: `1 < x < 3` holds x twice, so
	// such comparisons within each other double with every level.
	maxVisits = 4 * maxNodes
)

// resolver checks every name of a tree and renames the literals with units to
// what was written ("300ms"), which no other name can be.
type resolver struct {
	vocabulary
	vars     []string
	literals map[int]literal
	mentions map[string]bool
	lets     []string // variables in scope
	visits   int
}

// resolve checks the tree below node.
func (r *resolver) resolve(node ast.Node, depth int) error {
	if r.visits++; r.visits > maxVisits || depth > maxDepth {
		return tooComplex()
	}
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return r.name(n)
	case *ast.StringNode:
		// The parser makes texts of the names after a point and in { }.
		if lit, ok := r.literals[n.Location().From]; ok {
			return at(n, "", "%s is not a name", lit.text)
		}
	case *ast.MemberNode:
		if isName(n.Node, "vars") {
			return r.captured(n)
		}
	case *ast.CallNode:
		return r.call(n, depth)
	case *ast.BuiltinNode:
		if !r.functions[n.Name] {
			return r.unknownFunction(n, n.Name)
		}
	case *ast.VariableDeclaratorNode:
		return r.let(n, depth)
	case *ast.BinaryNode:
		if n.Operator == "matches" {
			if err := pattern(n.Right); err != nil {
				return err
			}
		}
	}
	return r.each(children(node), depth)
}

func tooComplex() error {
	return mistakeAt(0, 0, "split it into several assertions", "the expression is too complex")
}

func (r *resolver) each(slots []*ast.Node, depth int) error {
	for _, slot := range slots {
		if err := r.resolve(*slot, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// name checks a name that stands for a value.
func (r *resolver) name(n *ast.IdentifierNode) error {
	if lit, ok := r.literals[n.Location().From]; ok {
		n.Value = lit.text
		return nil
	}
	switch {
	case slices.Contains(r.lets, n.Value):
		return nil
	case n.Value == "vars":
		return at(n, r.varsHint(), "vars needs a name")
	case r.names[n.Value]:
		r.mentions[n.Value] = true
		return nil
	case n.Value == "contract":
		return at(n, "write it as an assertion of its own: - contract", "contract cannot be part of an expression")
	}
	if word := otherWords(n.Value); word != "" {
		return at(n, `did you mean "`+word+`"?`, "unknown name %q", n.Value)
	}
	if r.functions[n.Value] {
		return at(n, "call it: "+n.Value+"(…)", "%s is a function", n.Value)
	}
	hint := fault.DidYouMean(n.Value, append(sorted(r.names), r.lets...))
	if hint == "" && !strings.HasPrefix(n.Value, "$") {
		hint = `a text needs quotes: "` + n.Value + `"`
	}
	return at(n, hint, "unknown name %q", n.Value)
}

// captured checks vars.name: only names that an earlier step captures exist.
func (r *resolver) captured(n *ast.MemberNode) error {
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		return at(n, r.varsHint(), "vars needs a name")
	}
	if !slices.Contains(r.vars, name.Value) {
		hint := fault.DidYouMean(name.Value, r.vars)
		if hint == "" {
			hint = r.varsHint()
		}
		return at(name, hint, "no earlier step captures %q", name.Value)
	}
	r.mentions["vars"] = true
	r.mentions["vars."+name.Value] = true
	return nil
}

func (r *resolver) varsHint() string {
	if len(r.vars) == 0 {
		return "capture it in an earlier step"
	}
	return "earlier steps capture " + strings.Join(r.vars, ", ")
}

// call checks a call that the parser did not know as a builtin function.
func (r *resolver) call(n *ast.CallNode, depth int) error {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	switch {
	case !ok:
		if err := r.resolve(n.Callee, depth+1); err != nil {
			return err
		}
		return at(n, "functions stand before the value: len(json)", "%s is not a function", n.Callee)
	case r.literals[callee.Location().From].text != "":
		return at(n, "", "%s is not a function", r.literals[callee.Location().From].text)
	case r.names[callee.Value] || slices.Contains(r.lets, callee.Value):
		return at(n, "", "%s is not a function", callee.Value)
	case !r.functions[callee.Value]:
		return r.unknownFunction(n, callee.Value)
	}
	return r.each(slots(n.Arguments), depth)
}

func (r *resolver) unknownFunction(n ast.Node, name string) error {
	return at(n, fault.DidYouMean(name, sorted(r.functions)), "unknown function %q", name)
}

func (r *resolver) let(n *ast.VariableDeclaratorNode, depth int) error {
	if strings.HasPrefix(n.Name, string(marker)) || r.names[n.Name] || r.functions[n.Name] {
		return at(n, "choose another", "let needs a name that means nothing else")
	}
	if err := r.resolve(n.Value, depth+1); err != nil {
		return err
	}
	r.lets = append(r.lets, n.Name)
	defer func() { r.lets = r.lets[:len(r.lets)-1] }()
	return r.resolve(n.Expr, depth+1)
}

// pattern checks the right side of `matches`. It must be written in the
// assertion: a pattern from outside could cost more than the whole check.
func pattern(node ast.Node) error {
	text, ok := node.(*ast.StringNode)
	if !ok {
		return at(node, `write it as a text: body matches "^ok"`, "matches needs a fixed pattern")
	}
	if _, err := regexp.Compile(text.Value); err != nil {
		message := err.Error()
		if se, ok := errors.AsType[*syntax.Error](err); ok {
			message = se.Code.String()
			if se.Expr != "" && se.Expr != text.Value {
				message += " at " + se.Expr
			}
		}
		return at(text, "the syntax is RE2's: https://github.com/google/re2/wiki/Syntax", "%q is not a regular expression: %s", text.Value, message)
	}
	return nil
}

// at reports a mistake at a node. A node's place is that of its name or operator.
func at(node ast.Node, hint, format string, args ...any) error {
	loc := node.Location()
	to := loc.To
	if n, ok := node.(*ast.IdentifierNode); ok && to <= loc.From {
		to = loc.From + utf8.RuneCountInString(n.Value)
	}
	return mistakeAt(loc.From, to, hint, format, args...)
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
