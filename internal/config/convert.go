package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"lapwing.dev/lapwing/internal/fault"
)

// converter turns the parser's tree of one file into nodes: anchors, aliases,
// merge keys and tags are resolved, duplicate keys are found.
type converter struct {
	*loader
	src     *source
	anchors map[string]*node
	open    map[string]bool // anchors whose value is being converted
}

// fail reports a mistake and returns what stands in for the value.
func (c *converter) fail(at ast.Node, hint, format string, args ...any) *node {
	c.torn = true
	p := at.GetToken().Position
	c.errs.failIn(c.src, p.Line, max(1, p.Column), hint, format, args...)
	return c.at(nullNode, p)
}

func (c *converter) at(k kind, p *token.Position) *node {
	return &node{src: c.src, kind: k, line: int32(p.Line), col: int32(max(1, p.Column))} //nolint:gosec // a file has at most 4 Mi of either
}

func (c *converter) convert(n ast.Node, depth int) *node {
	if depth > maxDepth {
		return c.fail(n, "", "values are nested deeper than %d levels", maxDepth)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(n, n.Values, depth)
	case *ast.MappingValueNode:
		return c.mapping(n, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		list := c.at(listNode, n.Start.Position)
		list.items = make([]*node, 0, len(n.Values))
		for _, value := range n.Values {
			if text, at, ok := wholeText(value); ok && n.IsFlowStyle {
				scalar := c.at(scalarNode, at)
				scalar.text = text
				list.items = append(list.items, scalar)
				continue
			}
			list.items = append(list.items, c.convert(value, depth+1))
		}
		return list
	case *ast.AnchorNode:
		return c.anchor(n, depth)
	case *ast.AliasNode:
		return c.alias(n)
	case *ast.TagNode:
		return c.tag(n, depth)
	case *ast.LiteralNode:
		scalar := c.at(scalarNode, n.Start.Position)
		scalar.text, scalar.style = n.Value.Value, block
		return scalar
	case *ast.NullNode:
		return c.at(nullNode, n.Token.Position)
	case *ast.StringNode:
		scalar := c.at(scalarNode, n.Token.Position)
		scalar.text = n.Value
		if n.Token.Type != token.StringType {
			scalar.style = quoted
		}
		return scalar
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		tk := n.GetToken()
		scalar := c.at(scalarNode, tk.Position)
		scalar.text = tk.Value
		return scalar
	case nil:
		return &node{src: c.src, line: 1, col: 1}
	default:
		return c.fail(n, "", "a value is wanted here")
	}
}

// wholeText returns the text that the parser took apart as a pair in a list such
// as [http://127.0.0.1:8000]: a colon without a space behind it is part of a
// plain text (YAML 1.2.2 §7.3.3).
func wholeText(n ast.Node) (text string, at *token.Position, ok bool) {
	if m, wrapped := n.(*ast.MappingNode); wrapped && len(m.Values) == 1 && m.Start != nil && m.Start.Type != token.MappingStartType {
		n = m.Values[0]
	}
	pair, ok := n.(*ast.MappingValueNode)
	if !ok || pair.Start == nil {
		return "", nil, false
	}
	key, value := pair.Key.GetToken(), pair.Value.GetToken()
	if key == nil || value == nil || !isPlain(key) {
		return "", nil, false
	}
	colon := pair.Start.Position
	if value.Position.Line != colon.Line || value.Position.Column != colon.Column+1 {
		return "", nil, false
	}
	rest := value.Value
	if inner, _, nested := wholeText(pair.Value); nested {
		rest = inner
	} else if _, scalar := pair.Value.(ast.ScalarNode); !scalar || !isPlain(value) {
		return "", nil, false
	}
	return key.Value + ":" + rest, key.Position, true
}

// isPlain reports whether a text stands without quotes.
func isPlain(t *token.Token) bool {
	return t.Type != token.SingleQuoteType && t.Type != token.DoubleQuoteType
}

func (c *converter) mapping(at ast.Node, values []*ast.MappingValueNode, depth int) *node {
	m := c.at(mapNode, at.GetToken().Position)
	m.keys = make([]*node, 0, len(values))
	m.items = make([]*node, 0, len(values))
	first := make(map[string]*node, len(values))
	var merged []*node
	for i, pair := range values {
		if _, merge := pair.Key.(*ast.MergeKeyNode); merge {
			merged = append(merged, c.mergeSources(pair.Value, depth)...)
			continue
		}
		key := c.key(pair.Key)
		if key == nil {
			continue
		}
		// A mapping in block style stands where its first key does.
		if start, ok := at.(*ast.MappingNode); i == 0 && (!ok || !start.IsFlowStyle) {
			m.line, m.col = key.line, key.col
		}
		value := c.convert(pair.Value, depth+1)
		if known := first[key.text]; known != nil {
			c.errs.failAt(key, "", "keep one of them", "key %q is given twice; the first is on line %d", key.text, known.line)
			continue
		}
		first[key.text] = key
		m.keys, m.items = append(m.keys, key), append(m.items, value)
	}
	// Keys given here win over merged ones, earlier sources over later ones.
	for _, source := range merged {
		for i, key := range source.keys {
			if first[key.text] != nil {
				continue
			}
			if !c.spend(1) {
				return m
			}
			first[key.text] = key
			m.keys, m.items = append(m.keys, key), append(m.items, source.items[i])
		}
	}
	return m
}

// mergeSources returns the mappings that `<<` takes in.
func (c *converter) mergeSources(value ast.Node, depth int) []*node {
	n := c.convert(value, depth+1)
	switch n.kind {
	case mapNode:
		return []*node{n}
	case listNode:
		for _, item := range n.items {
			if item.kind != mapNode {
				c.fail(value, "write <<: *anchor", "`<<` wants mappings, got a list with %s", item.describe())
				return nil
			}
		}
		return n.items
	}
	if n.kind != nullNode { // an unknown anchor is reported already
		c.fail(value, "write <<: *anchor", "`<<` wants a mapping, got %s", n.describe())
	}
	return nil
}

func (c *converter) key(n ast.Node) *node {
	switch k := n.(type) {
	case *ast.MappingKeyNode:
		return c.key(k.Value)
	case *ast.AnchorNode:
		key := c.key(k.Value)
		if key != nil {
			c.anchors[anchorName(k.Name)] = key
		}
		return key
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		tk := n.GetToken()
		key := c.at(scalarNode, tk.Position)
		key.text = tk.Value
		return key
	case nil:
		return nil
	}
	c.fail(n, "write name: value", "a key must be a text")
	return nil
}

func anchorName(n ast.Node) string {
	if n == nil {
		return ""
	}
	return n.GetToken().Value
}

func (c *converter) anchor(n *ast.AnchorNode, depth int) *node {
	name := anchorName(n.Name)
	c.open[name] = true
	value := c.convert(n.Value, depth+1)
	delete(c.open, name)
	c.anchors[name] = value
	return value
}

func (c *converter) alias(n *ast.AliasNode) *node {
	name := anchorName(n.Value)
	if c.open[name] {
		return c.fail(n, "", "anchor %q holds itself", name)
	}
	value, known := c.anchors[name]
	if known {
		return value
	}
	names := make([]string, 0, len(c.anchors))
	for known := range c.anchors {
		names = append(names, known)
	}
	hint := fault.DidYouMean(name, names)
	if hint == "" {
		hint = "put &" + name + " before the value that is meant, or quotes around a text that begins with *"
	}
	return c.fail(n, hint, "there is no anchor %q before this line", name)
}

// tag understands the tags of YAML's core schema; others have no meaning here.
func (c *converter) tag(n *ast.TagNode, depth int) *node {
	name := strings.TrimSpace(n.Start.Value)
	if n.Value == nil {
		return c.fail(n, "", "tag %s has no value", name)
	}
	value := *c.convert(n.Value, depth+1)
	switch name {
	case "!!str", "!":
		if value.kind == nullNode {
			value.kind = scalarNode
		}
		if value.style == plain {
			value.style = quoted
		}
	case "!!int", "!!float", "!!bool":
		value.style = plain
	case "!!null", "!!map", "!!seq":
	default:
		return c.fail(n, "remove it", "tag %s is not supported", name)
	}
	return &value
}

// describe says what a value is, for "want …, got …".
func (n *node) describe() string {
	switch n.kind {
	case listNode:
		return "a list"
	case mapNode:
		return "a mapping"
	case nullNode:
		return "nothing"
	}
	if n.style == plain {
		switch resolved, _ := resolve(n.text); resolved.(type) {
		case bool:
			return n.text
		case string:
		default:
			return "the number " + shorten(n.text)
		}
	}
	return "the text \"" + shorten(n.text) + "\""
}

// shorten keeps foreign text in a message to one short line.
func shorten(text string) string {
	const most = 60
	text, _, more := strings.Cut(text, "\n")
	if runes := []rune(text); len(runes) > most {
		text, more = string(runes[:most]), true
	}
	if more {
		text += "…"
	}
	return text
}
