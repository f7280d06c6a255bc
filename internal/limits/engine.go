package limits

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/middleware/limit"
)

// This file alone speaks to the engine of expressions: its parser reads a
// `when`, and the tree becomes functions. The engine's own machine would be
// asked for every request, and boxes every text that it handles.

const (
	maxConditionText  = 4 << 10 // bytes
	maxConditionNodes = 500
)

// conditionNames are the names that stand for a value.
func conditionNames() []string {
	return []string{"token", "header", "cookie", "client", "api_key", "method", "path", "operation", "api"}
}

// conditionFunctions are the functions of the language.
func conditionFunctions() []string { return []string{"int", "len", "lower", "upper", "split", "trim"} }

// Compile reads a condition. Its error is a *Mistake.
func Compile(text string) (c *Condition, err error) {
	defer func() {
		// The parser is a library's; a text that it cannot bear is a mistake in
		// the text, not the end of the program.
		if r := recover(); r != nil {
			c, err = nil, (&slip{to: utf8.RuneCountInString(text), message: fmt.Sprintf("the expression cannot be understood: %v", r)}).in(text)
		}
	}()
	holds, err := compileCondition(text)
	if s, ok := errors.AsType[*slip](err); ok {
		return nil, s.in(text)
	}
	if err != nil {
		return nil, err
	}
	return &Condition{text: text, holds: holds}, nil
}

func compileCondition(text string) (func(*limit.Request) bool, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, slipAt(0, 0, `write a condition such as token.plan == "pro", or "true" for everybody else`, "the expression is empty")
	case len(text) > maxConditionText:
		return nil, slipAt(0, 0, "use several tiers", "the expression is longer than %d bytes", maxConditionText)
	case !utf8.ValidString(text):
		return nil, slipAt(0, 0, "", "the expression is not valid UTF-8")
	}
	config := conf.CreateNew()
	config.MaxNodes = maxConditionNodes
	for _, f := range conditionFunctions() {
		config.Disabled[f] = true // so that all calls look alike
	}
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, parseSlip(text, err)
	}
	v, err := compile(tree.Node)
	if err != nil {
		return nil, err
	}
	if v.truth == nil {
		return nil, slipAt(0, utf8.RuneCountInString(text), `compare it with something: token.plan == "pro"`, "a condition is true or false, this is %s", v.kind())
	}
	return v.truth, nil
}

// value is a compiled part of a condition: exactly one of its functions is set.
type value struct {
	truth  func(*limit.Request) bool
	text   func(*limit.Request) string
	number func(*limit.Request) (int64, bool)
	pieces *pieces // of split
	client bool    // the client's address, which is no text
	list   []ast.Node
}

// pieces are the pieces of a text; they are looked through, never made.
type pieces struct {
	text      func(*limit.Request) string
	separator string
}

func (v value) kind() string {
	switch {
	case v.truth != nil:
		return "true or false"
	case v.text != nil:
		return "a text"
	case v.number != nil:
		return "a number"
	case v.client:
		return "an address"
	}
	return "a list"
}

func compile(node ast.Node) (value, error) {
	switch n := node.(type) {
	case *ast.BoolNode:
		holds := n.Value
		return value{truth: func(*limit.Request) bool { return holds }}, nil
	case *ast.StringNode:
		text := n.Value
		return value{text: func(*limit.Request) string { return text }}, nil
	case *ast.IntegerNode:
		number := int64(n.Value)
		return value{number: func(*limit.Request) (int64, bool) { return number, true }}, nil
	case *ast.IdentifierNode:
		return compileName(n)
	case *ast.MemberNode:
		return compileMember(n)
	case *ast.ChainNode: // token?.plan: what is missing is an empty text anyway
		return compile(n.Node)
	case *ast.UnaryNode:
		return compileUnary(n)
	case *ast.BinaryNode:
		return compileBinary(n)
	case *ast.CallNode:
		return compileCall(n)
	case *ast.ArrayNode:
		return value{list: n.Nodes}, nil
	case *ast.NilNode:
		return value{}, slipOn(n, `what is missing is an empty text: == ""`, "nil is no value here")
	case *ast.FloatNode:
		return value{}, slipOn(n, "write a whole number", "%s is not a whole number", n)
	}
	return value{}, slipOn(node, "conditions know and, or, not, comparisons, in, contains, startsWith, endsWith, matches and "+strings.Join(conditionFunctions(), ", "),
		"this is not part of a condition")
}

func compileName(n *ast.IdentifierNode) (value, error) {
	switch n.Value {
	case "client":
		return value{client: true}, nil
	case "method":
		return value{text: func(q *limit.Request) string { return q.Method }}, nil
	case "path":
		return value{text: func(q *limit.Request) string { return q.Path }}, nil
	case "operation":
		return value{text: func(q *limit.Request) string { return q.Operation }}, nil
	case "api":
		return value{text: func(q *limit.Request) string { return q.API }}, nil
	case "api_key":
		return value{text: func(q *limit.Request) string { return q.APIKey }}, nil
	case "token", "header", "cookie":
		example := map[string]string{"token": "token.plan", "header": `header["X-Plan"]`, "cookie": "cookie.plan"}[n.Value]
		return value{}, slipOn(n, "write "+example, "%s needs a name", n.Value)
	}
	return value{}, unknownName(n)
}

func unknownName(n *ast.IdentifierNode) error {
	switch n.Value {
	case "headers", "cookies", "claims", "jwt", "ip", "address", "remote_addr", "url", "user":
		hint := map[string]string{
			"headers": "header", "cookies": "cookie", "claims": "token", "jwt": "token", "ip": "client",
			"address": "client", "remote_addr": "client", "url": "path", "user": "token.sub",
		}[n.Value]
		return slipOn(n, "did you mean "+strconv.Quote(hint)+"?", "unknown name %q", n.Value)
	}
	hint := fault.DidYouMean(n.Value, conditionNames())
	if hint == "" {
		hint = `a text needs quotes: "` + n.Value + `"`
	}
	return slipOn(n, hint, "unknown name %q", n.Value)
}

// compileMember reads token.plan, token["plan"] and deeper ones, whose name is
// the path with points.
func compileMember(n *ast.MemberNode) (value, error) {
	var names []string
	var node ast.Node = n
	for {
		if chain, ok := node.(*ast.ChainNode); ok {
			node = chain.Node
			continue
		}
		m, ok := node.(*ast.MemberNode)
		if !ok {
			break
		}
		name, ok := m.Property.(*ast.StringNode)
		if !ok {
			return value{}, slipOn(m.Property, `write token["name"]`, "a member needs a fixed name")
		}
		names = append(names, name.Value)
		node = m.Node
	}
	slices.Reverse(names)
	name := strings.Join(names, ".")
	of, ok := node.(*ast.IdentifierNode)
	if !ok {
		return value{}, slipOn(n, "", "it has no members")
	}
	var values func(*limit.Request) limit.Values
	switch of.Value {
	case "token":
		values = func(q *limit.Request) limit.Values { return q.Token }
	case "cookie":
		values = func(q *limit.Request) limit.Values { return q.Cookies }
	case "header":
		name = textproto.CanonicalMIMEHeaderKey(name)
		values = func(q *limit.Request) limit.Values { return q.Headers }
	case "client", "method", "path", "operation", "api", "api_key":
		return value{}, slipOn(n, "", "%s has no members", of.Value)
	default:
		return value{}, unknownName(of)
	}
	return value{text: func(q *limit.Request) string {
		if v := values(q); v != nil {
			return v.Get(name)
		}
		return ""
	}}, nil
}

func compileUnary(n *ast.UnaryNode) (value, error) {
	v, err := compile(n.Node)
	if err != nil {
		return value{}, err
	}
	switch n.Operator {
	case "!", "not":
		if v.truth == nil {
			return value{}, slipOn(n, "", "%s needs true or false, this is %s", n.Operator, v.kind())
		}
		holds := v.truth
		return value{truth: func(q *limit.Request) bool { return !holds(q) }}, nil
	case "-", "+":
		if v.number == nil {
			break
		}
		number, sign := v.number, int64(1)
		if n.Operator == "-" {
			sign = -1
		}
		return value{number: func(q *limit.Request) (int64, bool) {
			x, ok := number(q)
			return sign * x, ok
		}}, nil
	}
	return value{}, slipOn(n, "", "%q does not apply to %s", n.Operator, v.kind())
}

func compileBinary(n *ast.BinaryNode) (value, error) {
	if n.Operator == "-" && isHeader(n.Left) {
		return value{}, slipOn(n, `write header["X-Api-Key"]`, "a header whose name has a hyphen needs brackets")
	}
	left, err := compile(n.Left)
	if err != nil {
		return value{}, err
	}
	right, err := compile(n.Right)
	if err != nil {
		return value{}, err
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		return compileLogic(n, left, right)
	case "==", "!=", "<", "<=", ">", ">=":
		return compileComparison(n, left, right)
	case "in":
		return compileIn(n, left, right)
	case "contains", "startsWith", "endsWith":
		return compileSearch(n, left, right)
	case "matches":
		return compileMatch(n, left)
	}
	return value{}, slipOn(n, "", "%q is not part of a condition", n.Operator)
}

// isHeader reports whether a part is header.X, or a subtraction from it.
func isHeader(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.BinaryNode:
		return n.Operator == "-" && isHeader(n.Left)
	case *ast.MemberNode:
		of, ok := n.Node.(*ast.IdentifierNode)
		return ok && of.Value == "header"
	}
	return false
}

func compileLogic(n *ast.BinaryNode, left, right value) (value, error) {
	for i, v := range []value{left, right} {
		if v.truth == nil {
			return value{}, slipOn([]ast.Node{n.Left, n.Right}[i], `compare it with something: token.plan == "pro"`,
				"%q needs true or false on both sides, this is %s", n.Operator, v.kind())
		}
	}
	a, b := left.truth, right.truth
	if n.Operator == "and" || n.Operator == "&&" {
		return value{truth: func(q *limit.Request) bool { return a(q) && b(q) }}, nil
	}
	return value{truth: func(q *limit.Request) bool { return a(q) || b(q) }}, nil
}

func compileComparison(n *ast.BinaryNode, left, right value) (value, error) {
	equality := n.Operator == "==" || n.Operator == "!="
	switch {
	case equality && left.client && !right.client:
		return compileNetworks(n, n.Right)
	case equality && right.client && !left.client:
		return compileNetworks(n, n.Left)
	case equality && left.text != nil && right.text != nil:
		a, b, same := left.text, right.text, n.Operator == "=="
		if fixed, ok := n.Right.(*ast.StringNode); ok {
			want := fixed.Value
			return value{truth: func(q *limit.Request) bool { return (a(q) == want) == same }}, nil
		}
		return value{truth: func(q *limit.Request) bool { return (a(q) == b(q)) == same }}, nil
	case equality && left.truth != nil && right.truth != nil:
		a, b, same := left.truth, right.truth, n.Operator == "=="
		return value{truth: func(q *limit.Request) bool { return (a(q) == b(q)) == same }}, nil
	case left.number != nil && right.number != nil:
		return value{truth: compareNumbers(n.Operator, left.number, right.number)}, nil
	}
	hint := ""
	switch {
	case left.text != nil && right.number != nil:
		hint = fmt.Sprintf("write int(%s), or the number in quotes", n.Left)
	case left.number != nil && right.text != nil:
		hint = fmt.Sprintf("write int(%s), or the number in quotes", n.Right)
	case !equality:
		hint = "only numbers are smaller or larger; write int(…) around texts"
	}
	return value{}, slipOn(n, hint, "mismatched types: %s is %s, %s is %s", n.Left, left.kind(), n.Right, right.kind())
}

func compareNumbers(operator string, left, right func(*limit.Request) (int64, bool)) func(*limit.Request) bool {
	compare := map[string]func(a, b int64) bool{
		"==": func(a, b int64) bool { return a == b },
		"!=": func(a, b int64) bool { return a != b },
		"<":  func(a, b int64) bool { return a < b },
		"<=": func(a, b int64) bool { return a <= b },
		">":  func(a, b int64) bool { return a > b },
		">=": func(a, b int64) bool { return a >= b },
	}[operator]
	return func(q *limit.Request) bool {
		a, known := left(q)
		b, alsoKnown := right(q)
		return known && alsoKnown && compare(a, b)
	}
}

func compileIn(n *ast.BinaryNode, left, right value) (value, error) {
	switch {
	case left.client:
		return compileNetworks(n, n.Right)
	case right.pieces != nil && left.text != nil:
		want, of := left.text, *right.pieces
		return value{truth: func(q *limit.Request) bool {
			text, wanted := of.text(q), want(q)
			for {
				piece, rest, more := strings.Cut(text, of.separator)
				if piece == wanted {
					return true
				}
				if !more {
					return false
				}
				text = rest
			}
		}}, nil
	case right.list == nil:
		return value{}, slipOn(n, `write a list: method in ["GET", "HEAD"]`, "in needs a list, this is %s", right.kind())
	case left.text == nil:
		return value{}, slipOn(n, "", "in needs a text or client before it, this is %s", left.kind())
	}
	words, err := fixedTexts(right.list)
	if err != nil {
		return value{}, err
	}
	text := left.text
	return value{truth: func(q *limit.Request) bool { return slices.Contains(words, text(q)) }}, nil
}

func fixedTexts(nodes []ast.Node) ([]string, error) {
	words := make([]string, len(nodes))
	for i, node := range nodes {
		text, ok := node.(*ast.StringNode)
		if !ok {
			return nil, slipOn(node, `write them in quotes: ["GET", "HEAD"]`, "the list needs fixed texts")
		}
		words[i] = text.Value
	}
	return words, nil
}

// compileNetworks compares the client's address with addresses and networks.
func compileNetworks(n *ast.BinaryNode, with ast.Node) (value, error) {
	nodes := []ast.Node{with}
	if list, ok := with.(*ast.ArrayNode); ok && n.Operator == "in" {
		nodes = list.Nodes
	}
	var networks []netip.Prefix
	for _, node := range nodes {
		text, ok := node.(*ast.StringNode)
		if !ok {
			return value{}, slipOn(node, `write client in ["10.0.0.0/8", "::1"]`, "client needs fixed addresses or networks")
		}
		network, err := parseNetwork(text.Value)
		if err != nil {
			return value{}, slipOn(node, "write 10.0.0.5 or 10.0.0.0/8", "%q is neither an address nor a network", text.Value)
		}
		networks = append(networks, network)
	}
	within := n.Operator != "!="
	return value{truth: func(q *limit.Request) bool { return containsAddress(networks, q.Client) == within }}, nil
}

func containsAddress(networks []netip.Prefix, client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	for _, network := range networks {
		if network.Contains(client) {
			return true
		}
	}
	return false
}

// parseNetwork reads an address or a network.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err
}

func compileSearch(n *ast.BinaryNode, left, right value) (value, error) {
	switch {
	case left.client:
		return value{}, slipOn(n, `write client in "10.0.0.0/8"`, "client is an address, not a text")
	case left.text == nil || right.text == nil:
		return value{}, slipOn(n, "", "%s needs texts on both sides, not %s and %s", n.Operator, left.kind(), right.kind())
	}
	a, b := left.text, right.text
	find := map[string]func(s, part string) bool{
		"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
	}[n.Operator]
	return value{truth: func(q *limit.Request) bool { return find(a(q), b(q)) }}, nil
}

func compileMatch(n *ast.BinaryNode, left value) (value, error) {
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok || left.text == nil {
		return value{}, slipOn(n, `write path matches "^/v[0-9]+/"`, "matches needs a text and a fixed pattern")
	}
	expression, err := regexp.Compile(pattern.Value)
	if err != nil {
		return value{}, slipOn(pattern, "the syntax is RE2's: https://github.com/google/re2/wiki/Syntax", "%q is not a regular expression", pattern.Value)
	}
	text := left.text
	return value{truth: func(q *limit.Request) bool { return expression.MatchString(text(q)) }}, nil
}

func compileCall(n *ast.CallNode) (value, error) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || !slices.Contains(conditionFunctions(), callee.Value) {
		hint := "the functions are " + strings.Join(conditionFunctions(), ", ")
		if ok {
			if meant := fault.DidYouMean(callee.Value, conditionFunctions()); meant != "" {
				hint = meant
			}
		}
		return value{}, slipOn(n, hint, "unknown function %q", n.Callee)
	}
	arguments := 1
	if callee.Value == "split" {
		arguments = 2
	}
	if len(n.Arguments) != arguments {
		return value{}, slipOn(n, "", "%s needs %d arguments, got %d", callee.Value, arguments, len(n.Arguments))
	}
	of, err := compile(n.Arguments[0])
	if err != nil {
		return value{}, err
	}
	if of.text == nil {
		return value{}, slipOn(n.Arguments[0], "", "%s needs a text, this is %s", callee.Value, of.kind())
	}
	text := of.text
	switch callee.Value {
	case "int":
		return value{number: func(q *limit.Request) (int64, bool) {
			i, err := strconv.ParseInt(strings.TrimSpace(text(q)), 10, 64)
			return i, err == nil
		}}, nil
	case "len":
		return value{number: func(q *limit.Request) (int64, bool) { return int64(len(text(q))), true }}, nil
	case "lower":
		return value{text: func(q *limit.Request) string { return strings.ToLower(text(q)) }}, nil
	case "upper":
		return value{text: func(q *limit.Request) string { return strings.ToUpper(text(q)) }}, nil
	case "trim":
		return value{text: func(q *limit.Request) string { return strings.TrimSpace(text(q)) }}, nil
	}
	separator, ok := n.Arguments[1].(*ast.StringNode)
	if !ok || separator.Value == "" {
		return value{}, slipOn(n.Arguments[1], `write split(token.scope, " ")`, "split needs a fixed text between the pieces")
	}
	return value{pieces: &pieces{text, separator.Value}}, nil
}

// slipOn reports a mistake at a node. A node's place is that of its name or operator.
func slipOn(node ast.Node, hint, format string, args ...any) error {
	place := node.Location()
	to := place.To
	if n, ok := node.(*ast.IdentifierNode); ok && to <= place.From {
		to = place.From + utf8.RuneCountInString(n.Value)
	}
	return slipAt(place.From, to, hint, format, args...)
}

// parseSlip turns an error of the parser into a mistake in our words.
func parseSlip(text string, err error) error {
	fe, ok := errors.AsType[*file.Error](err)
	if !ok {
		return slipAt(0, 0, "", "%s", err)
	}
	from, to := fe.From, max(fe.To, fe.From+1)
	switch {
	case fe.Message == "unexpected end of expression", fe.Message == "unexpected token EOF":
		end := utf8.RuneCountInString(strings.TrimRightFunc(text, unicode.IsSpace))
		return slipAt(end, end, "", "the expression ends too early")
	case strings.HasSuffix(fe.Message, "exceeds maximum allowed nodes"):
		return slipAt(0, 0, "use several tiers", "the expression is too complex")
	case strings.HasPrefix(fe.Message, "unexpected token"):
		token := text[byteOffset(text, from):byteOffset(text, to)]
		hint := ""
		switch token {
		case "=":
			hint = "write == to compare"
		case "&":
			hint = "write and"
		}
		return slipAt(from, to, hint, "unexpected %q", token)
	}
	message := fe.Message
	if r, size := utf8.DecodeRuneInString(message); size > 0 {
		message = string(unicode.ToLower(r)) + message[size:]
	}
	return slipAt(from, to, "", "%s", message)
}
