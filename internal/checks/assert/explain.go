package assert

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// maxDetail is the most that a detail says, in bytes: a few values.
const maxDetail = 600

// explainer finds out why an assertion does not hold, by evaluating its parts.
// It names the parts as they were written and evaluates what they became.
type explainer struct {
	root    ast.Node
	lowered map[ast.Node]*ast.Node                     // what a written part became
	scopes  map[ast.Node][]*ast.VariableDeclaratorNode // lets around a lowered part, outermost first
	tree    *tree

	mu       sync.Mutex
	programs map[ast.Node]*vm.Program
}

func newExplainer(text string, o Options) (*explainer, error) {
	written, err := parse(text, o)
	if err != nil {
		return nil, err
	}
	lowered, err := parse(text, o)
	if err != nil {
		return nil, err
	}
	x := &explainer{
		root:     written.Node,
		tree:     lowered,
		lowered:  make(map[ast.Node]*ast.Node),
		scopes:   make(map[ast.Node][]*ast.VariableDeclaratorNode),
		programs: make(map[ast.Node]*vm.Program),
	}
	x.pair(written.Node, &lowered.Node, nil)
	return x, lowered.lower()
}

// pair remembers where each part is before it is lowered.
func (x *explainer) pair(written ast.Node, slot *ast.Node, lets []*ast.VariableDeclaratorNode) {
	x.lowered[written] = slot
	if len(lets) > 0 {
		x.scopes[written] = lets
	}
	ours, theirs := children(written), children(*slot)
	for i := range ours {
		inner := lets
		if let, ok := (*slot).(*ast.VariableDeclaratorNode); ok && i == 1 {
			inner = append(slices.Clip(lets), let)
		}
		x.pair(*ours[i], theirs[i], inner)
	}
}

// eval evaluates a written part.
func (x *explainer) eval(a *Answer, written ast.Node) (any, error) {
	slot := x.lowered[written]
	if slot == nil {
		return nil, errors.New("no such part")
	}
	return x.run(a, written, *slot)
}

// run evaluates a lowered part in the scope of a written one, for which it is
// the only one to be run.
func (x *explainer) run(a *Answer, written, lowered ast.Node) (any, error) {
	if time.Now().After(a.deadline) {
		return nil, tooSlow()
	}
	program, err := x.program(written, lowered)
	if err != nil {
		return nil, err
	}
	return a.run(program)
}

// program compiles a lowered part once.
func (x *explainer) program(written, node ast.Node) (*vm.Program, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p := x.programs[written]; p != nil {
		return p, nil
	}
	for _, let := range slices.Backward(x.scopes[written]) {
		node = &ast.VariableDeclaratorNode{Name: let.Name, Value: let.Value, Expr: node}
	}
	p, err := compiler.Compile(&parser.Tree{Node: node, Source: x.tree.Source}, x.tree.config)
	if err != nil {
		return nil, fmt.Errorf("compile a part: %w", err)
	}
	x.programs[written] = p
	return p, nil
}

// why says which values made the assertion false.
func (x *explainer) why(a *Answer) string {
	if detail := x.values(a, true); detail != "" {
		return detail
	}
	return "it is false"
}

// values says which values keep the assertion from being want; "" if none does.
func (x *explainer) values(a *Answer, want bool) string {
	a.deadline = time.Now().Add(maxEval)
	var parts []string
	x.reasons(a, x.root, want, func(reason string) {
		if reason != "" && !slices.Contains(parts, reason) {
			parts = append(parts, reason)
		}
	})
	detail := strings.Join(parts, ", ")
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	return detail
}

// reasons reports the leaves that keep n from being want.
func (x *explainer) reasons(a *Answer, n ast.Node, want bool, report func(string)) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			x.reasons(a, n.Node, !want, report)
			return
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			for _, side := range []ast.Node{n.Left, n.Right} {
				// A side that cannot be evaluated was not: the other decided.
				if v, err := x.eval(a, side); err == nil && v != want {
					x.reasons(a, side, want, report)
				}
			}
		default:
			x.sides(a, n, report)
		}
		return
	case *ast.ConditionalNode:
		if cond, err := x.eval(a, n.Cond); err == nil {
			branch := n.Exp2
			if cond == true {
				branch = n.Exp1
			}
			if !isConstant(branch) {
				x.reasons(a, branch, want, report)
				return
			}
			x.reasons(a, n.Cond, cond != true, report)
			return
		}
	case *ast.VariableDeclaratorNode:
		x.reasons(a, n.Expr, want, report)
		return
	case *ast.SequenceNode:
		x.reasons(a, n.Nodes[len(n.Nodes)-1], want, report)
		return
	case *ast.BuiltinNode:
		if len(n.Arguments) == 2 {
			if _, ok := n.Arguments[1].(*ast.PredicateNode); ok {
				report(x.elements(a, n))
				return
			}
		}
	}
	if v, err := x.eval(a, n); err == nil {
		report(fmt.Sprintf("%s = %s", n, show(v)))
	}
}

// sides reports what was compared.
func (x *explainer) sides(a *Answer, n *ast.BinaryNode, report func(string)) {
	left, lerr := x.eval(a, n.Left)
	right, rerr := x.eval(a, n.Right)
	if (n.Operator == "==" || n.Operator == "!=") && lerr == nil && rerr == nil && differ(left, right) {
		report(x.mismatch(a, n))
		return
	}
	l, r := show(left), show(right)
	if l == r {
		// Rounding would say that 300ms is not less than 300ms.
		l, r = exact(left), exact(right)
	}
	if !isConstant(n.Left) && lerr == nil {
		report(x.state(a, n.Left, left, l))
	}
	if !isConstant(n.Right) && rerr == nil {
		report(x.state(a, n.Right, right, r))
	}
}

// differ reports whether two values can never be equal, such as 1 and "1".
func differ(a, b any) bool {
	return !isNil(a) && !isNil(b) && typeOf(a) != typeOf(b)
}

func exact(v any) string {
	if d, ok := v.(time.Duration); ok {
		return d.String()
	}
	return show(v)
}

// state says what a part is; if it is null, whether it is there at all.
func (x *explainer) state(a *Answer, n ast.Node, v any, shown string) string {
	if v == nil {
		if absent := x.absent(a, n); strings.HasSuffix(absent, " is missing") {
			return absent
		}
	}
	return fmt.Sprintf("%s = %s", n, shown)
}

// elements says what any, all and their like looked at: the first element that
// all did not accept, else the list.
func (x *explainer) elements(a *Answer, n *ast.BuiltinNode) string {
	list, err := x.eval(a, n.Arguments[0])
	if err != nil {
		return ""
	}
	v := reflect.ValueOf(list)
	if i, found := x.refused(a, n); found && v.Kind() == reflect.Slice && i < v.Len() {
		return fmt.Sprintf("%s[%d] = %s", n.Arguments[0], i, show(v.Index(i).Interface()))
	}
	return fmt.Sprintf("%s = %s", n.Arguments[0], show(list))
}

// refused finds the first element that is not what all wants.
func (x *explainer) refused(a *Answer, n *ast.BuiltinNode) (index int, found bool) {
	list, condition := x.lowered[n.Arguments[0]], x.lowered[n.Arguments[1]]
	if n.Name != "all" || list == nil || condition == nil {
		return 0, false
	}
	p, ok := (*condition).(*ast.PredicateNode)
	if !ok {
		return 0, false
	}
	// A condition has no value of its own, so its place among the programs is free.
	v, err := x.run(a, n.Arguments[1], &ast.BuiltinNode{Name: "findIndex", Arguments: []ast.Node{
		*list, &ast.PredicateNode{Node: &ast.UnaryNode{Operator: "not", Node: p.Node}},
	}})
	index, found = v.(int)
	return index, found && err == nil
}

// isConstant reports whether a part needs no answer, so that its value need not
// be shown.
func isConstant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value != "" && isDigit(rune(n.Value[0])) || strings.HasPrefix(n.Value, ".")
	case *ast.PointerNode, *ast.PredicateNode, *ast.CallNode:
		return false
	case *ast.BuiltinNode:
		if n.Name == "now" {
			return false
		}
	}
	for _, slot := range children(n) {
		if !isConstant(*slot) {
			return false
		}
	}
	return true
}
