package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a configuration file.
type Error struct {
	File    string // as the user named it; "" when no file is to blame
	Line    int    // 1-based; 0 when the file as a whole is meant
	Column  int    // 1-based, in characters
	Path    string // checks[2].assert[0]; "" for the file itself
	Message string // what is wrong
	Hint    string // what would be right; may be empty
	Excerpt string // the line and a caret, several lines without a final line end; may be empty
}

// Error writes `lapwing.yaml:14:9: checks[2].every: what is wrong; what would be right`.
func (e Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(visible(e.File))
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Errors are all mistakes that one look at the configuration found, in the
// order of the files. There is at least one.
type Errors struct {
	All []Error
	// More counts the mistakes beyond those in All.
	More int
	// Seen is what the attempt to load looked at, for a Watcher: correcting any
	// of it is worth another attempt. Empty where nothing was loaded.
	Seen Seen
}

// Error writes each mistake with its excerpt.
func (es *Errors) Error() string {
	var b strings.Builder
	for i, e := range es.All {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
		if e.Excerpt != "" {
			b.WriteByte('\n')
			b.WriteString(e.Excerpt)
		}
	}
	if es.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", es.More)
	}
	return b.String()
}

// collector gathers mistakes; all parts of one load share it.
type collector struct {
	list  []Error
	order map[string]int // file → when it was read, so that mistakes are listed in that order
	more  int
}

func (c *collector) add(e Error) {
	e.Path, e.Message, e.Hint = visible(e.Path), visible(e.Message), visible(e.Hint)
	if slices.ContainsFunc(c.list, func(known Error) bool {
		return known.Line == e.Line && known.Column == e.Column && known.File == e.File && known.Message == e.Message
	}) {
		return
	}
	if c.full() {
		return
	}
	c.list = append(c.list, e)
}

// full counts a mistake that will not be shown, so that its picture need not be drawn.
func (c *collector) full() bool {
	if len(c.list) < maxErrors {
		return false
	}
	c.more++
	return true
}

// errors returns nil when there is nothing to report.
func (c *collector) errors() *Errors {
	if len(c.list) == 0 {
		return nil
	}
	slices.SortStableFunc(c.list, func(a, b Error) int {
		if d := c.order[a.File] - c.order[b.File]; d != 0 {
			return d
		}
		if d := a.Line - b.Line; d != 0 {
			return d
		}
		return a.Column - b.Column
	})
	return &Errors{All: c.list, More: c.more}
}

// failAt reports a mistake at a node; n may be nil for the file as a whole.
func (c *collector) failAt(n *node, path, hint, format string, args ...any) {
	if c.full() {
		return
	}
	e := Error{Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if n != nil && n.src != nil {
		e.File, e.Line, e.Column = n.src.name, int(n.line), int(n.col)
		e.Excerpt = n.src.excerpt(e.Line, e.Column, 1)
	}
	c.add(e)
}

// failIn reports a mistake at a place that is not a node.
func (c *collector) failIn(src *source, line, column int, hint, format string, args ...any) {
	if c.full() {
		return
	}
	e := Error{File: src.name, Line: line, Column: column, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if line > 0 {
		e.Excerpt = src.excerpt(line, column, 1)
	}
	c.add(e)
}
