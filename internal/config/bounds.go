package config

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// bounds refuses what would make the YAML parser recurse or crawl, by looking
// at the tokens before it runs. It recurses over nesting and over the keys of a
// mapping, and moves all later tokens for each value that is left out.
type bounds struct {
	total     int          // tokens
	levels    []level      // of block style, by column
	flow      []token.Type // { and [ that are open
	anchors   int
	documents int
	missing   int // values left out
	keyMoves  int
	valued    bool // a `:` stood since the last `,` of a flow mapping
}

type level struct{ column, keys int }

// see looks at the next token. message is "" or why the file is refused.
func (b *bounds) see(tokens token.Tokens, i int) (at *token.Position, message, hint string) {
	tk := tokens[i]
	at = tk.Position
	switch tk.Type {
	case token.AnchorType, token.AliasType, token.TagType:
		b.anchors++
	case token.DocumentHeaderType:
		b.documents++
	case token.SequenceStartType, token.MappingStartType:
		b.flow = append(b.flow, tk.Type)
		b.valued = false
	case token.SequenceEndType, token.MappingEndType, token.CollectEntryType:
		if len(b.flow) == 0 {
			break
		}
		if b.flow[len(b.flow)-1] == token.MappingStartType && (!b.valued || i > 0 && tokens[i-1].Type == token.MappingValueType) {
			b.missing++
		}
		b.valued = false
		if tk.Type != token.CollectEntryType {
			b.flow = b.flow[:len(b.flow)-1]
			b.valued = true // the collection that ends is a value of the one around it
		}
	case token.MappingValueType, token.SequenceEntryType, token.MappingKeyType:
		b.valued = true
		if len(b.flow) == 0 {
			b.block(tokens, i)
		}
	}
	switch {
	case len(b.flow)+len(b.levels) > maxDepth:
		return at, fmt.Sprintf("values are nested deeper than %d levels", maxDepth), ""
	case len(b.levels) > 0 && b.levels[len(b.levels)-1].keys > maxKeys:
		return at, fmt.Sprintf("a mapping has more than %d keys", maxKeys), "write a list instead"
	case b.keyMoves > maxKeyMoves:
		return at, "file has too many large mappings", "write lists instead, or split it with include:"
	case b.anchors > maxAnchors:
		return at, fmt.Sprintf("file has more than %d anchors, aliases and tags", maxAnchors), ""
	case b.documents > 1:
		return at, "a second YAML document begins here", "keep one document, or use include:"
	case b.missing > maxMoves/max(1, b.total):
		return at, "too many keys and entries of this file have no value", "remove those that are empty"
	}
	return at, "", ""
}

// block follows the nesting of block style, which is that of columns.
func (b *bounds) block(tokens token.Tokens, i int) {
	tk := tokens[i]
	column, keys := tk.Position.Column, 0
	if tk.Type == token.MappingValueType {
		keys = 1
		if i > 0 && tokens[i-1].Position.Line == tk.Position.Line {
			column = tokens[i-1].Position.Column
		}
	}
	for len(b.levels) > 0 && b.levels[len(b.levels)-1].column > column {
		b.levels = b.levels[:len(b.levels)-1]
	}
	if len(b.levels) == 0 || b.levels[len(b.levels)-1].column < column {
		b.levels = append(b.levels, level{column: column})
	}
	top := &b.levels[len(b.levels)-1]
	top.keys += keys
	b.keyMoves += top.keys * keys
	if i+1 == len(tokens) {
		b.missing++
		return
	}
	next := tokens[i+1]
	below := next.Position.Line > tk.Position.Line && next.Position.Column <= column
	listOfKey := tk.Type == token.MappingValueType && next.Type == token.SequenceEntryType && next.Position.Column == column
	if below && !listOfKey {
		b.missing++
	}
}
