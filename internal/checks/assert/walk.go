package assert

import "github.com/expr-lang/expr/ast"

// children returns where the parts of a node are kept, in the order in which
// they are evaluated, so that a caller can look at them or replace them.
func children(node ast.Node) []*ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		return []*ast.Node{&n.Node}
	case *ast.BinaryNode:
		return []*ast.Node{&n.Left, &n.Right}
	case *ast.ChainNode:
		return []*ast.Node{&n.Node}
	case *ast.MemberNode:
		return []*ast.Node{&n.Node, &n.Property}
	case *ast.SliceNode:
		slots := []*ast.Node{&n.Node}
		if n.From != nil {
			slots = append(slots, &n.From)
		}
		if n.To != nil {
			slots = append(slots, &n.To)
		}
		return slots
	case *ast.CallNode:
		return append([]*ast.Node{&n.Callee}, slots(n.Arguments)...)
	case *ast.BuiltinNode:
		return slots(n.Arguments)
	case *ast.PredicateNode:
		return []*ast.Node{&n.Node}
	case *ast.VariableDeclaratorNode:
		return []*ast.Node{&n.Value, &n.Expr}
	case *ast.SequenceNode:
		return slots(n.Nodes)
	case *ast.ConditionalNode:
		return []*ast.Node{&n.Cond, &n.Exp1, &n.Exp2}
	case *ast.ArrayNode:
		return slots(n.Nodes)
	case *ast.MapNode:
		return slots(n.Pairs)
	case *ast.PairNode:
		return []*ast.Node{&n.Key, &n.Value}
	}
	return nil
}

func slots(nodes []ast.Node) []*ast.Node {
	out := make([]*ast.Node, len(nodes))
	for i := range nodes {
		out[i] = &nodes[i]
	}
	return out
}

// find returns the first node below root (or root) for which match holds.
func find(root ast.Node, match func(ast.Node) bool) ast.Node {
	if match(root) {
		return root
	}
	for _, slot := range children(root) {
		if n := find(*slot, match); n != nil {
			return n
		}
	}
	return nil
}

// isName reports whether node is that name, and nothing more.
func isName(node ast.Node, name string) bool {
	n, ok := node.(*ast.IdentifierNode)
	return ok && n.Value == name
}
