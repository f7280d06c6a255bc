package config

import (
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// Position returns where a path such as checks[2].assert[0] stands: the value,
// or for a section the key that it is under. For a path that is not in the
// files it is the place of the nearest section that is, at least the beginning
// of the main file (1:1).
func (l *Loaded) Position(path string) (file string, line, column int) {
	at := l.nodeAt(path)
	return at.src.name, int(at.line), int(at.col)
}

func (l *Loaded) nodeAt(path string) *node {
	key, value, _ := l.root.locate(path)
	if key != nil && value.kind != scalarNode {
		return key
	}
	return value
}

// Problems turns the mistakes that a domain found in its section into errors
// with places. It returns nil when there are none; mind that a nil *Errors must
// not be returned as an error.
func (l *Loaded) Problems(section fault.Problems) *Errors {
	c := collector{order: l.order}
	for _, p := range section {
		c.add(l.locateProblem(p))
	}
	return c.errors()
}

// locateProblem finds the place of one mistake. Text that a ${…} brought in is
// put back as written, because it may be a secret.
func (l *Loaded) locateProblem(p fault.Problem) Error {
	e := Error{Path: p.Path, Message: p.Message, Hint: p.Hint}
	at := l.nodeAt(p.Path)
	if at == l.root && p.Path == "" {
		e.File, e.Excerpt = l.main.name, p.Excerpt
		return e
	}
	offset, exact := p.Offset, true
	if expanded := l.expandedAt(p.Path); expanded != nil {
		e.Message, e.Hint = expanded.conceal(e.Message), expanded.conceal(e.Hint)
		p.Excerpt = expanded.conceal(p.Excerpt)
		offset = expanded.origin(offset)
	}
	e.File, e.Line, e.Column = at.src.name, int(at.line), int(at.col)
	if offset > 0 {
		e.Line, e.Column, exact = at.offset(offset)
	}
	e.Excerpt = at.src.excerpt(e.Line, e.Column, max(1, strings.Count(p.Excerpt, "^")))
	if (!exact || e.Excerpt == "") && p.Excerpt != "" {
		e.Excerpt = p.Excerpt
	}
	return e
}

// expandedAt returns the expansion at a path, or at the short form above it:
// checks[0].assert[1] for checks[0].assert[1].expr.
func (l *Loaded) expandedAt(path string) *expansion {
	if e := l.expanded[path]; e != nil {
		return e
	}
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return l.expanded[path[:i]]
	}
	return nil
}
