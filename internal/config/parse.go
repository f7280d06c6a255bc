package config

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

// parse reads one file into a tree. It returns nil for a file without any
// value, and after a mistake, which is then in the collector.
func (l *loader) parse(src *source, data []byte) *node {
	if !l.readable(src, data) {
		l.torn = true
		return nil
	}
	doc, ok := l.syntax(src)
	if !ok || doc == nil {
		l.torn = l.torn || !ok
		return nil
	}
	c := converter{loader: l, src: src, anchors: map[string]*node{}, open: map[string]bool{}}
	return c.convert(doc, 0)
}

// readable sets the text of src, and refuses what cannot be a text file.
func (l *loader) readable(src *source, data []byte) bool {
	if len(data) > maxFileSize {
		l.errs.failIn(src, 0, 0, "split it with include:", "file is larger than 4MiB")
		return false
	}
	text := string(data)
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		l.errs.failIn(src, 0, 0, "save the file as UTF-8", "file is written in UTF-16")
		return false
	}
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	line, start, marks := 1, 0, 0
	for i, r := range text {
		switch {
		case r == '\n':
			line, start = line+1, i+1
			marks++
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			l.errs.failIn(src, line, 0, "save the file as UTF-8", "line is not UTF-8 text")
			return false
		case r < ' ' && r != '\t', r == 0x7f:
			l.errs.failIn(src, line, utf8.RuneCountInString(text[start:i])+1, "remove it, or write it as an escape in double quotes", "control character %U", r)
			return false
		case strings.ContainsRune(",:[]{}&*!", r), (r == '-' || r == '?') && strings.HasPrefix(text[i+1:], " "):
			marks++
		}
	}
	if marks > maxMarks {
		l.errs.failIn(src, 0, 0, "split it with include:", "file holds too many values")
		return false
	}
	src.text = text
	return true
}

// syntax runs the YAML parser. ok is false after a mistake; the node is nil
// when the file holds only comments.
func (l *loader) syntax(src *source) (body ast.Node, ok bool) {
	// The parser is third-party code on foreign bytes: its panic is our refusal.
	defer func() {
		if recover() != nil {
			l.errs.failIn(src, 0, 0, "", "file is not YAML that can be read")
			body, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(src.text)
	b := bounds{total: len(tokens)}
	for i := range tokens {
		if at, message, hint := b.see(tokens, i); message != "" {
			l.errs.failIn(src, at.Line, max(1, at.Column), hint, "%s", message)
			return nil, false
		}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntaxError(src, err)
		return nil, false
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case doc.Body.Type() == ast.DirectiveType:
		case body != nil:
			p := doc.Body.GetToken().Position
			l.errs.failIn(src, p.Line, 1, "keep one document, or use include:", "a second YAML document begins before this line")
			return nil, false
		default:
			body = doc.Body
		}
	}
	return body, true
}

// explanations turn the parser's words into what to do. The first whose
// fragment is in the message is used.
var explanations = []struct{ fragment, message, hint string }{
	{"cannot start any token", "a tab is used to indent", "YAML wants spaces"},
	{"tab character", "a tab is used to indent", "YAML wants spaces"},
	{"mapping value is not allowed", "a second `: ` stands in this value, or the line is indented too far", "put a value that holds `: ` in quotes, and keys of one mapping under each other"},
	{"map key-value is pre-defined", "this line belongs to nothing", "keys of one mapping stand under each other"},
	{"value is not allowed in this context", "this line belongs to nothing", "keys of one mapping stand under each other"},
	{"non-map value is specified", "a key is wanted here, such as `name: value`", ""},
	{"unexpected key name", "a key is wanted here, such as `name: value`", "a value over several lines begins with | or quotes"},
	{"',' or ']' must be specified", "the list that begins with [ is not closed", "put ] at its end, a comma between values, and quotes around values that hold [ or ]"},
	{"',' or '}' must be specified", "the mapping that begins with { is not closed", "put } at its end, a comma between values, and quotes around values that hold { or }"},
	{"could not find flow map content", "the mapping that begins with { is wrong", "write {name: value, other: value}"},
	{"end token '}'", "the mapping that begins with { is not closed", "put } at its end"},
	{"sequence end token ']'", "the list that begins with [ is not closed", "put ] at its end"},
	{"corresponding to '}'", "} without {", ""},
	{"corresponding to ']'", "] without [", ""},
	{"double-quoted text", `a text that begins with " is not closed`, `put " at its end, and write a " inside it as \"`},
	{"single-quoted text", "a text that begins with ' is not closed", "put ' at its end, and write a ' inside it as ''"},
	{"is a reserved character", "a value begins with @ or `, which YAML reserves", "put the value in quotes"},
	{"unexpected directive value", "a value begins with %, which YAML reserves", "put the value in quotes"},
	{"block sequence entries are not allowed", "a list begins on the line of its key", "begin it on the next line, or write it as [a, b]"},
	{"invalid key for this map", "a key is missing before the `:`", ""},
}

func (l *loader) syntaxError(src *source, err error) {
	line, column, message := 0, 0, err.Error()
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		message = syntax.Message
		if tk := syntax.Token; tk != nil && tk.Position != nil {
			line, column = tk.Position.Line, max(1, tk.Position.Column)
		}
	}
	for _, known := range explanations {
		if !strings.Contains(message, known.fragment) {
			continue
		}
		hint := known.hint
		if strings.Contains(src.line(line), "${") && strings.Contains(known.fragment, "'}'") {
			hint = `inside { } put ${NAME} in quotes: "${NAME}"`
		}
		l.errs.failIn(src, line, column, hint, "%s", known.message)
		return
	}
	message, _, _ = strings.Cut(message, "\n")
	l.errs.failIn(src, line, column, "", "not YAML: %s", message)
}
