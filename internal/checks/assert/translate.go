package assert

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"lapwing.dev/lapwing/internal/fault"
)

// What the library says, where we say more.
var (
	unexpectedToken = regexp.MustCompile(`^unexpected token (\w+)(?:\((".*")\))?$`)
	mismatchedTypes = regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types?`)
	wrongElement    = regexp.MustCompile(`^cannot use \S+ as type \S+ in (array|map key)`)
	undefinedIndex  = regexp.MustCompile(`^type \S+ is undefined$`)
	unknownMember   = regexp.MustCompile(`^type \S+ has no (?:field|method) (.+)$`)
	goType          = regexp.MustCompile(`\*?\b(time\.Duration|time\.Time|map\[string\]\S+|\[\](?:interface ?\{\}|string|any)|assert\.\w+|float64)|interface ?\{\}|<nil>|\b(?:type|got) (?:int|string|bool)\b`)
)

// translate turns an error of the parser or checker into a mistake in our words.
func (t *tree) translate(err error) error {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return mistakeAt(0, 0, "", "%s", plain(err))
	}
	from, to := fe.From, max(fe.To, fe.From+1)
	say := func(hint, format string, args ...any) error { return mistakeAt(from, to, hint, format, args...) }
	switch {
	case fe.Message == "unexpected end of expression", fe.Message == "unexpected token EOF":
		end := utf8.RuneCountInString(strings.TrimRightFunc(t.text, unicode.IsSpace))
		return mistakeAt(end, end, "", "the expression ends too early")
	case strings.HasSuffix(fe.Message, "exceeds maximum allowed nodes"):
		return tooComplex()
	case undefinedIndex.MatchString(fe.Message):
		return t.noElements(fe.Location, say)
	}
	if m := unexpectedToken.FindStringSubmatch(fe.Message); m != nil {
		token := t.written(from, to)
		return say(t.tokenHint(token, from), "unexpected %q", token)
	}
	if mismatchedTypes.MatchString(fe.Message) || wrongElement.MatchString(fe.Message) {
		if n := t.operator(fe.Location); n != nil {
			return t.mismatch(n, say)
		}
	}
	if m := unknownMember.FindStringSubmatch(fe.Message); m != nil {
		return t.unknownMember(fe.Location, m[1], say)
	}
	return say("", "%s", plain(fe))
}

// written returns the characters [from, to) of the text.
func (t *tree) written(from, to int) string {
	return t.text[byteOffset(t.text, from):byteOffset(t.text, to)]
}

// tokenHint says what the author of an unexpected token most likely meant.
func (t *tree) tokenHint(token string, from int) string {
	switch token {
	case "=":
		return "write == to compare"
	case "&":
		return "write and"
	}
	_, err := parseLiteral("1" + token)
	if before := strings.TrimRight(t.written(0, from), " "); err == nil && before != "" && isDigit(rune(before[len(before)-1])) {
		return "write the number and its unit without a space"
	}
	return ""
}

// noElements reports an index on what is neither a list nor an object.
func (t *tree) noElements(loc file.Location, say sayFunc) error {
	n := find(t.Node, func(n ast.Node) bool {
		_, ok := n.(*ast.MemberNode)
		return ok && n.Location() == loc
	})
	if n == nil {
		return say("", "it has no elements")
	}
	m, _ := t.asWritten(n).(*ast.MemberNode)
	lowered, _ := n.(*ast.MemberNode)
	if m == nil || lowered == nil {
		return say("", "it has no elements")
	}
	return say("", "%s is %s, it has no elements", m.Node, typeName(*lowered.Node.Nature()))
}

// operator returns the operation at that place in the lowered tree.
func (t *tree) operator(loc file.Location) ast.Node {
	return find(t.Node, func(n ast.Node) bool {
		if n.Location() != loc {
			return false
		}
		b, isBinary := n.(*ast.BinaryNode)
		_, isUnary := n.(*ast.UnaryNode)
		// A chain of comparisons adds an && in the place of its last one.
		return isUnary || isBinary && b.Operator != "&&" || isBinary && t.written(loc.From, loc.To) == b.Operator
	})
}

// asWritten returns the same part as n in the tree before it was lowered, to be
// named in a message.
func (t *tree) asWritten(n ast.Node) ast.Node {
	original, err := parse(t.text, t.options)
	if err != nil {
		return n
	}
	match := find(original.Node, func(o ast.Node) bool {
		return o.Location() == n.Location() && reflect.TypeOf(o) == reflect.TypeOf(n) && operatorOf(o) == operatorOf(n)
	})
	if match == nil {
		return n
	}
	return match
}

func operatorOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.BinaryNode:
		return n.Operator
	case *ast.UnaryNode:
		return n.Operator
	}
	return ""
}

type sayFunc func(hint, format string, args ...any) error

// mismatch reports an operation whose sides do not go together.
func (t *tree) mismatch(n ast.Node, say sayFunc) error {
	written := t.asWritten(n)
	switch n := n.(type) {
	case *ast.UnaryNode:
		if o, ok := written.(*ast.UnaryNode); ok {
			return say("", "%q does not apply to %s, which is %s", o.Operator, o.Node, typeName(*n.Node.Nature()))
		}
	case *ast.BinaryNode:
		o, ok := written.(*ast.BinaryNode)
		if !ok {
			break
		}
		left, right := typeName(*n.Left.Nature()), typeName(*n.Right.Nature())
		if o.Operator == "in" && right == "a list" {
			_, element, _ := strings.Cut(typeName(n.Right.Nature().Elem(&t.config.NtCache)), " ")
			right = "a list of " + element + "s"
		}
		hint := mismatchHint(o, left, right)
		switch {
		case isCookie(n.Left):
			hint = fmt.Sprintf("did you mean %s.value?", o.Left)
		case isCookie(n.Right):
			hint = fmt.Sprintf("did you mean %s.value?", o.Right)
		}
		return say(hint, "mismatched types: %s is %s, %s is %s", o.Left, left, o.Right, right)
	}
	return say("", "mismatched types")
}

func isCookie(n ast.Node) bool { return n.Nature().Type == reflect.TypeFor[*cookie]() }

// mismatchHint says what the author of a comparison most likely meant.
func mismatchHint(n *ast.BinaryNode, left, right string) string {
	if right == "a duration" && left != right {
		n = &ast.BinaryNode{Operator: n.Operator, Left: n.Right, Right: n.Left}
		left, right = right, left
	}
	switch {
	case left == "a duration" && right == "a number" && isConstant(n.Right):
		unit := "ms"
		if strings.Contains(n.Left.String(), "expires_in") {
			unit = "d"
		}
		return fmt.Sprintf("write a unit: %s%s", n.Right, unit)
	case left == "a duration" && right == "a text":
		if s, ok := n.Right.(*ast.StringNode); ok {
			if v, err := parseLiteral(s.Value); err == nil {
				if _, ok := v.(time.Duration); ok {
					return "write it without quotes: " + s.Value
				}
			}
		}
	case left == "a number" && right == "a text":
		return unquoteHint(n.Right)
	case left == "a text" && right == "a number":
		if isConstant(n.Right) {
			return fmt.Sprintf(`write it in quotes: "%s"`, n.Right)
		}
		return unquoteHint(n.Left)
	}
	return ""
}

func unquoteHint(n ast.Node) string {
	if s, ok := n.(*ast.StringNode); ok && isNumber(s.Value) {
		return "write it without quotes: " + s.Value
	}
	return ""
}

func isNumber(s string) bool {
	_, err := parseLiteral(s)
	return err == nil && strings.Trim(s, "0123456789.") == ""
}

// unknownMember reports tls.foo and cookies.session.foo.
func (t *tree) unknownMember(loc file.Location, name string, say sayFunc) error {
	n := find(t.Node, func(n ast.Node) bool {
		m, ok := n.(*ast.MemberNode)
		return ok && (m.Location() == loc || m.Property.Location() == loc)
	})
	m, ok := n.(*ast.MemberNode)
	if !ok {
		return say("", "unknown member %q", name)
	}
	members := membersOf(m.Node.Nature().Type)
	hint := fault.DidYouMean(name, members)
	if hint == "" && len(members) > 0 {
		hint = "it has " + strings.Join(members, ", ")
	}
	base := m.Node
	if original, ok := t.asWritten(m).(*ast.MemberNode); ok {
		base = original.Node
	}
	if len(members) == 0 {
		return say("", "%s is %s, it has no member %q", base, typeName(*m.Node.Nature()), name)
	}
	return say(hint, "%s has no member %q", base, name)
}

// membersOf lists the members of the environment's objects.
func membersOf(t reflect.Type) []string {
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for field := range t.Fields() {
		if tag := field.Tag.Get("expr"); tag != "" {
			names = append(names, tag)
		}
	}
	return names
}

// plain returns the library's own message without its excerpt, with our names
// for Go's types.
func plain(err error) string {
	message := err.Error()
	if fe, ok := errors.AsType[*file.Error](err); ok {
		message = fe.Message
	}
	message = goType.ReplaceAllStringFunc(message, func(name string) string {
		switch name = strings.TrimPrefix(name, "*"); {
		case name == "time.Duration":
			return "duration"
		case name == "time.Time":
			return "time"
		case name == "float64":
			return "number"
		case name == "<nil>":
			return "null"
		case strings.HasSuffix(name, " int"):
			return "a number"
		case strings.HasSuffix(name, " string"):
			return "a text"
		case strings.HasSuffix(name, " bool"):
			return "true or false"
		case strings.HasPrefix(name, "[]"):
			return "list"
		case strings.HasPrefix(name, "interface"):
			return "any"
		}
		return "object"
	})
	message = strings.ReplaceAll(message, string(marker), "")
	return strings.ToLower(message[:min(1, len(message))]) + message[min(1, len(message)):]
}
