package assert

import (
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// lowerer rewrites a resolved tree into what the environment understands. It
// may come by a part twice, since `1 < x < 3` holds x twice.
type lowerer struct {
	literals map[int]literal
	loops    bool // a condition is called for each element of something
}

func (l *lowerer) lower(slot *ast.Node) {
	switch n := (*slot).(type) {
	case *ast.IdentifierNode:
		l.name(slot, n)
		return
	case *ast.CallNode:
		for i := range n.Arguments {
			l.lower(&n.Arguments[i])
		}
		return
	case *ast.MemberNode:
		l.member(n)
	case *ast.BinaryNode:
		l.comparison(n)
	}
	for _, child := range children(*slot) {
		l.lower(child)
	}
	switch n := (*slot).(type) {
	case *ast.UnaryNode:
		if c, ok := n.Node.(*ast.ConstantNode); ok && n.Operator == "-" {
			if d, ok := c.Value.(time.Duration); ok {
				ast.Patch(slot, &ast.ConstantNode{Value: -d})
			}
		}
	case *ast.PredicateNode:
		l.loops = true
		tick := call(n, "Tick")
		body := &ast.SequenceNode{Nodes: []ast.Node{tick, n.Node}}
		ast.Patch(&n.Node, body)
	}
}

// name replaces a literal by its value, and a name by the call that makes it.
func (l *lowerer) name(slot *ast.Node, n *ast.IdentifierNode) {
	if lit, ok := l.literals[n.Location().From]; ok {
		switch v := lit.value.(type) {
		case int:
			ast.Patch(slot, &ast.IntegerNode{Value: v})
		default:
			ast.Patch(slot, &ast.ConstantNode{Value: v})
		}
		return
	}
	switch n.Value {
	case "json":
		*slot = call(n, "JSON")
	case "body":
		*slot = call(n, "BodyText")
	case "headers":
		*slot = call(n, "HeaderTexts")
	case "cookies":
		*slot = call(n, "SetCookies")
	case "tls":
		ast.Patch(slot, &ast.IdentifierNode{Value: "tls handshake"})
	}
}

// member turns `tls` before a point into the certificate, and makes the names
// of headers lower-case.
func (l *lowerer) member(n *ast.MemberNode) {
	switch {
	case isName(n.Node, "tls") && n.Optional:
		n.Node = call(n.Node, "MaybeCertificate")
	case isName(n.Node, "tls"):
		n.Node = call(n.Node, "Certificate")
	case isName(n.Node, "headers"):
		if name, ok := n.Property.(*ast.StringNode); ok {
			name.Value = strings.ToLower(name.Value)
			return
		}
		ast.Patch(&n.Property, &ast.BuiltinNode{Name: "lower", Arguments: []ast.Node{n.Property}})
	}
}

// comparison rewrites the texts that are compared with something of which there
// are several ways to write it.
func (l *lowerer) comparison(n *ast.BinaryNode) {
	switch n.Operator {
	case "==", "!=":
		if isName(n.Left, "protocol") {
			protocols(n.Right)
		}
		if isName(n.Right, "protocol") {
			protocols(n.Left)
		}
	case "in":
		if isName(n.Left, "protocol") {
			protocols(n.Right)
		}
		if name, ok := n.Left.(*ast.StringNode); ok && isName(n.Right, "headers") {
			name.Value = strings.ToLower(name.Value)
		}
	}
}

// protocols rewrites HTTP/2 to HTTP/2.0, which is how Go writes it.
func protocols(node ast.Node) {
	switch n := node.(type) {
	case *ast.StringNode:
		if n.Value == "HTTP/2" || n.Value == "HTTP/3" {
			n.Value += ".0"
		}
	case *ast.ArrayNode:
		for _, element := range n.Nodes {
			protocols(element)
		}
	}
}

// call makes the call of a method of the environment, in the place of node.
func call(node ast.Node, method string) ast.Node {
	callee := &ast.IdentifierNode{Value: method}
	callee.SetLocation(node.Location())
	c := &ast.CallNode{Callee: callee}
	c.SetLocation(node.Location())
	return c
}
