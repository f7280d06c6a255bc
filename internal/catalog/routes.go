package catalog

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// route is an operation with what the document says about it.
type route struct {
	Operation
	item    *openapi3.PathItem
	spec    *openapi3.Operation
	request request
	// prefix is what stands between the API's URL and Path: from the document's servers.
	prefix string
}

// routes finds the route of a path: a tree with one level per path segment.
// Among the children a fixed text is tried first, then templates with some
// fixed text ({id}.json), then whole-segment parameters; so the most concrete
// route wins, and one that lacks the method lets others try.
//
// A search visits each node at most twice, allocates nothing unless the path is
// percent-encoded, and is safe for concurrent use once the tree is built.
type routes struct {
	root node
}

type node struct {
	fixed  map[string]*node
	mixed  []mixedEdge
	param  *node
	routes []*route // that end here, by method
}

// mixedEdge is a segment with fixed parts and parameters: "v{major}.{minor}".
type mixedEdge struct {
	segment string   // as written
	fixed   []string // texts around the parameters: "v", ".", ""
	child   *node
}

// maxSegments bounds a template, and so the depth of the tree.
const maxSegments = 64

// add puts r at prefix + r.Path. It reports false when the template is too deep.
// The first route of a method and shape stays.
func (t *routes) add(prefix string, r *route) bool {
	template := strings.TrimPrefix(prefix+r.Path, "/")
	if strings.Count(template, "/") >= maxSegments {
		return false
	}
	n := &t.root
	for segment := range strings.SplitSeq(template, "/") {
		n = n.child(segment)
	}
	for _, other := range n.routes {
		if other.Method == r.Method {
			return true
		}
	}
	n.routes = append(n.routes, r)
	return true
}

func (n *node) child(segment string) *node {
	fixed := splitTemplate(segment)
	switch {
	case len(fixed) == 1:
		if n.fixed == nil {
			n.fixed = map[string]*node{}
		}
		text := unescape(segment)
		if n.fixed[text] == nil {
			n.fixed[text] = &node{}
		}
		return n.fixed[text]
	case len(fixed) == 2 && fixed[0] == "" && fixed[1] == "":
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	for _, edge := range n.mixed {
		if edge.segment == segment {
			return edge.child
		}
	}
	edge := mixedEdge{segment, fixed, &node{}}
	n.mixed = append(n.mixed, edge)
	return edge.child
}

// splitTemplate returns the fixed texts around a segment's parameters: one when
// there is none. An unclosed brace is fixed text.
func splitTemplate(segment string) []string {
	var fixed []string
	rest := segment
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			return append(fixed, rest)
		}
		end := strings.IndexByte(rest[open:], '}')
		if end < 0 {
			return append(fixed, rest)
		}
		fixed = append(fixed, rest[:open])
		rest = rest[open+end+1:]
	}
}

// matches reports whether a segment fits: every parameter takes at least one byte.
func (e *mixedEdge) matches(segment string) bool {
	rest, found := strings.CutPrefix(segment, e.fixed[0])
	if !found {
		return false
	}
	last := len(e.fixed) - 1
	for _, text := range e.fixed[1:last] {
		if rest == "" {
			return false
		}
		i := strings.Index(rest[1:], text)
		if i < 0 {
			return false
		}
		rest = rest[1+i+len(text):]
	}
	return len(rest) > len(e.fixed[last]) && strings.HasSuffix(rest, e.fixed[last])
}

// find returns the route of a method and an escaped path, or nil.
func (t *routes) find(method, path string) *route {
	if path == "" || path[0] != '/' {
		return nil
	}
	if r := t.root.find(method, path, false); r != nil {
		return r
	}
	return t.root.find(method, path, true)
}

// find looks below n for the rest of a path, which is empty or starts with a
// slash. When it is lenient, a slash at the end may be missing or too much.
func (n *node) find(method, path string, lenient bool) *route {
	if path == "" {
		if slash := n.fixed[""]; slash != nil && lenient {
			return slash.route(method)
		}
		return n.route(method)
	}
	segment, rest := path[1:], ""
	if i := strings.IndexByte(segment, '/'); i >= 0 {
		segment, rest = segment[:i], segment[i:]
	}
	segment = unescape(segment) // after the split: %2F is part of a segment
	if child := n.fixed[segment]; child != nil {
		if r := child.find(method, rest, lenient); r != nil {
			return r
		}
	}
	for i := range n.mixed {
		if n.mixed[i].matches(segment) {
			if r := n.mixed[i].child.find(method, rest, lenient); r != nil {
				return r
			}
		}
	}
	if n.param != nil && segment != "" {
		if r := n.param.find(method, rest, lenient); r != nil {
			return r
		}
	}
	if lenient && path == "/" {
		return n.route(method)
	}
	return nil
}

// route returns the route with the method that ends at n. A HEAD is its GET
// without the body (RFC 9110 §9.3.2), unless it is documented itself.
func (n *node) route(method string) *route {
	var get *route
	for _, r := range n.routes {
		if r.Method == method {
			return r
		}
		if r.Method == http.MethodGet {
			get = r
		}
	}
	if method == http.MethodHead {
		return get
	}
	return nil
}

func unescape(segment string) string {
	if strings.IndexByte(segment, '%') < 0 {
		return segment
	}
	if text, err := url.PathUnescape(segment); err == nil {
		return text
	}
	return segment
}
