package assert

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/expr-lang/expr/ast"
)

// fault says why the expression cannot be evaluated: "json.orders is missing".
// It is "" when it can be.
func (x *explainer) fault(a *Answer) string {
	a.deadline = time.Now().Add(maxEval)
	return x.cause(a, x.root)
}

// notBool says which side of `and` or `or` is not true or false.
func (x *explainer) notBool(a *Answer) string {
	a.deadline = time.Now().Add(maxEval)
	n, ok := x.root.(*ast.BinaryNode)
	if !ok {
		return ""
	}
	return x.mismatch(a, n)
}

// cause is fault for a part.
func (x *explainer) cause(a *Answer, n ast.Node) string {
	_, err := x.eval(a, n)
	if err == nil {
		return ""
	}
	for _, operand := range operands(n) {
		if reason := x.cause(a, operand); reason != "" {
			return reason
		}
	}
	if f, ok := errors.AsType[*noValue](err); ok {
		return f.message
	}
	for _, operand := range needed(n) {
		if v, err := x.eval(a, operand); err == nil && isNil(v) {
			return x.absent(a, operand)
		}
	}
	switch n := n.(type) {
	case *ast.MemberNode:
		return x.noMember(a, n, err)
	case *ast.BinaryNode:
		return x.mismatch(a, n)
	case *ast.BuiltinNode, *ast.CallNode:
		return fmt.Sprintf("%s: %s", n, plain(err))
	case *ast.UnaryNode:
		if v, err := x.eval(a, n.Node); err == nil {
			return fmt.Sprintf("%s is %s (%s)", n.Node, typeOf(v), show(v))
		}
	}
	return plain(err)
}

// missing says that the whole expression is missing, or null.
func (x *explainer) missing(a *Answer) string {
	a.deadline = time.Now().Add(maxEval)
	return x.absent(a, x.root)
}

// absent says that a part is missing, or null.
func (x *explainer) absent(a *Answer, n ast.Node) string {
	if c, ok := n.(*ast.ChainNode); ok {
		n = c.Node
	}
	if let, ok := n.(*ast.VariableDeclaratorNode); ok {
		return x.absent(a, let.Expr)
	}
	m, ok := n.(*ast.MemberNode)
	if isName(n, "tls") {
		return noTLS
	}
	if !ok {
		return fmt.Sprintf("%s is null", n)
	}
	base, err := x.eval(a, m.Node)
	if err != nil {
		return fmt.Sprintf("%s is null", n)
	}
	if isNil(base) {
		return x.absent(a, m.Node)
	}
	object := reflect.ValueOf(base)
	name, err := x.eval(a, m.Property)
	key := reflect.ValueOf(name)
	if err == nil && object.Kind() == reflect.Map && key.Kind() == reflect.String && !object.MapIndex(key).IsValid() {
		return fmt.Sprintf("%s is missing", n)
	}
	return fmt.Sprintf("%s is null", n)
}

// noMember says why there is no such element or member.
func (x *explainer) noMember(a *Answer, n *ast.MemberNode, err error) string {
	base, baseErr := x.eval(a, n.Node)
	if baseErr != nil {
		return plain(err)
	}
	property, _ := x.eval(a, n.Property)
	switch v := reflect.ValueOf(base); v.Kind() {
	case reflect.Slice:
		if _, ok := property.(int); ok {
			return fmt.Sprintf("%s is missing, the list has %d", n, v.Len())
		}
		return fmt.Sprintf("%s is a list, it has no member %s", n.Node, show(property))
	case reflect.Map:
		return fmt.Sprintf("%s: %s", n, plain(err))
	}
	return fmt.Sprintf("%s is %s (%s), it has no member %s", n.Node, typeOf(base), show(base), show(property))
}

// mismatch says why two values cannot be compared or added.
func (x *explainer) mismatch(a *Answer, n *ast.BinaryNode) string {
	side := func(n ast.Node) string {
		v, err := x.eval(a, n)
		switch {
		case err != nil:
			return fmt.Sprintf("%s: %s", n, plain(err))
		case isConstant(n):
			return fmt.Sprintf("%s is %s", n, typeOf(v))
		}
		return fmt.Sprintf("%s is %s (%s)", n, typeOf(v), show(v))
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		for _, operand := range []ast.Node{n.Left, n.Right} {
			v, err := x.eval(a, operand)
			if _, ok := v.(bool); err == nil && !ok {
				return fmt.Sprintf("%s is %s (%s), not true or false", operand, typeOf(v), show(v))
			}
		}
	}
	return side(n.Left) + ", " + side(n.Right)
}

// operands are the parts of which a part's value is made.
func operands(n ast.Node) []ast.Node {
	var out []ast.Node
	for _, slot := range children(n) {
		if _, ok := (*slot).(*ast.PredicateNode); !ok {
			out = append(out, *slot)
		}
	}
	switch n := n.(type) {
	case *ast.CallNode:
		return out[1:] // the callee is a function
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	}
	return out
}

// needed are the operands that must not be null.
func needed(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.MemberNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode, *ast.BuiltinNode, *ast.CallNode, *ast.UnaryNode, *ast.SliceNode:
		return operands(n)
	}
	return nil
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
