package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	nullNode kind = iota
	scalarNode
	listNode
	mapNode
)

type style uint8

const (
	plain  style = iota // its type is read off its text
	quoted              // a text, whatever it looks like
	block               // | or >: a text over several lines
)

// node is a value of the file. Aliases and merge keys are resolved, so that a
// node may be reached by several paths: it is never changed after it was built.
type node struct {
	src   *source
	text  string  // scalars: decoded, ${…} not filled in; keys
	items []*node // lists; values of mappings
	keys  []*node // mappings, in step with items
	line  int32
	col   int32
	kind  kind
	style style
}

// get returns the key and value of a mapping, or nil.
func (n *node) get(name string) (key, value *node) {
	if n == nil || n.kind != mapNode {
		return nil, nil
	}
	for i, k := range n.keys {
		if k.text == name {
			return k, n.items[i]
		}
	}
	return nil, nil
}

// locate follows a path as far as the file has it. It returns the deepest value
// with the key that it stands under (nil in lists), and whether it is all of the path.
func (n *node) locate(path string) (key, value *node, whole bool) {
	for path != "" {
		k, next, rest := n.step(path)
		if next == nil {
			return key, n, false
		}
		key, n, path = k, next, strings.TrimPrefix(rest, ".")
	}
	return key, n, true
}

// step takes one member off the path. Keys may hold dots and brackets, so the
// longest key that the path begins with wins.
func (n *node) step(path string) (key, value *node, rest string) {
	switch n.kind {
	case listNode:
		inside, found := strings.CutPrefix(path, "[")
		if !found {
			return nil, nil, ""
		}
		digits, rest, found := strings.Cut(inside, "]")
		index, err := strconv.Atoi(digits)
		if !found || err != nil || index < 0 || index >= len(n.items) {
			return nil, nil, ""
		}
		return nil, n.items[index], rest
	case mapNode:
		for i, k := range n.keys {
			tail, found := strings.CutPrefix(path, k.text)
			if !found || (tail != "" && tail[0] != '.' && tail[0] != '[') {
				continue
			}
			if key == nil || len(k.text) > len(key.text) {
				key, value, rest = k, n.items[i], tail
			}
		}
	}
	return key, value, rest
}

// offset returns the place of a byte of the scalar's text, and whether it could
// be told exactly: folded texts over several lines lose their line ends.
func (n *node) offset(at int) (line, column int, exact bool) {
	line, column = int(n.line), int(n.col)
	if n.kind != scalarNode || at <= 0 || at > len(n.text) {
		return line, column, at <= 0
	}
	if n.style == block {
		return n.offsetInBlock(at)
	}
	raw := n.src.line(line)
	runes := []rune(raw)
	if column < 1 || column > len(runes) {
		return line, column, false
	}
	rest := string(runes[column-1:])
	switch {
	case n.style == plain:
		if !strings.HasPrefix(rest, n.text) {
			return line, column, false
		}
		return line, column + utf8.RuneCountInString(n.text[:at]), true
	case strings.HasPrefix(rest, `"`):
		return offsetInQuotes(line, column, rest[1:], n.text, at, '\\')
	default:
		return offsetInQuotes(line, column, rest[1:], n.text, at, '\'')
	}
}

// offsetInQuotes walks the written form beside the decoded one. Escapes that
// are longer than two characters make the place inexact.
func offsetInQuotes(line, column int, raw, text string, at int, escape byte) (int, int, bool) {
	written, decoded := 0, 0
	for decoded < at {
		if written >= len(raw) {
			return line, column, false
		}
		if raw[written] == escape {
			if written+1 < len(raw) && strings.IndexByte(`xuUNLP_`, raw[written+1]) >= 0 && escape == '\\' {
				return line, column, false
			}
			written += 2
			decoded++
			continue
		}
		if raw[written] != text[decoded] {
			return line, column, false
		}
		written++
		decoded++
	}
	return line, column + 1 + utf8.RuneCountInString(raw[:min(written, len(raw))]), true
}

// offsetInBlock finds a byte of a | text; the lines of > texts are joined, so
// only their first line can be told.
func (n *node) offsetInBlock(at int) (line, column int, exact bool) {
	header := n.src.line(int(n.line))
	down := strings.Count(n.text[:at], "\n")
	if strings.Contains(header[min(len(header), int(n.col)-1):], ">") && down == 0 {
		first := strings.TrimSpace(n.src.line(int(n.line) + 1))
		if at > len(first) {
			return int(n.line), int(n.col), false
		}
	}
	line = int(n.line) + 1 + down
	inLine := n.text[strings.LastIndexByte(n.text[:at], '\n')+1 : at]
	raw := n.src.line(line)
	whole, _, _ := strings.Cut(n.text[at-len(inLine):], "\n")
	indent := strings.Index(raw, whole)
	if indent < 0 {
		indent = strings.Index(raw, inLine)
	}
	if indent < 0 {
		return int(n.line), int(n.col), false
	}
	return line, utf8.RuneCountInString(raw[:indent+len(inLine)]) + 1, true
}
