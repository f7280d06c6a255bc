package assert

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/units"
)

// Limits of an expression's text.
const (
	maxText     = 4 << 10 // bytes
	maxBrackets = 50      // brackets in brackets
)

// marker stands for a duration or size in what the parser sees. It is a letter
// of a script that nobody can read (Linear A), so that a name beginning with it
// is a name to the parser and to no one else.
const marker = '\U00010600'

// literal is a duration or a size that was written in the text.
type literal struct {
	text  string // as written: "300ms"
	value any    // time.Duration, or int for a size in bytes
}

// source is a text prepared for the parser. Each literal with a unit became a
// name of exactly as many characters, so places in the parsed text are places
// in the text as written.
type source struct {
	parsed   string
	literals map[int]literal // by the character at which they begin
}

const unitHint = "the units are ns, us, ms, s, m, h, d, w for durations and B, kB, MB, GB, KiB, MiB, GiB for sizes"

// newSource finds the literals with units outside of strings, comments and names.
func newSource(text string) (*source, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, mistakeAt(0, 0, "write a condition: status == 200", "the expression is empty")
	case len(text) > maxText:
		return nil, mistakeAt(0, 0, "split it into several assertions", "the expression is longer than %s", units.Size(maxText))
	case !utf8.ValidString(text):
		return nil, mistakeAt(0, 0, "", "the expression is not valid UTF-8")
	}
	s := &scanner{text: []rune(text)}
	for s.pos < len(s.text) {
		if err := s.token(); err != nil {
			return nil, err
		}
	}
	return &source{parsed: string(s.text), literals: s.literals}, nil
}

// scanner reads just enough of the language to know where numbers are; every
// other mistake is left to the parser.
type scanner struct {
	text     []rune // literals are overwritten in place
	pos      int
	depth    int
	literals map[int]literal
}

// at returns the character at offset from the current one, 0 beyond the end.
func (s *scanner) at(offset int) rune {
	if i := s.pos + offset; i < len(s.text) {
		return s.text[i]
	}
	return 0
}

// token steps over one token.
func (s *scanner) token() error {
	r := s.at(0)
	switch {
	case r == '"' || r == '\'':
		return s.quoted(r, true)
	case r == '`':
		return s.quoted(r, false)
	case r == '/' && s.at(1) == '/':
		s.skip(func(r rune) bool { return r != '\n' })
	case r == '/' && s.at(1) == '*':
		s.pos += 2
		s.skip(func(rune) bool { return s.at(0) != '*' || s.at(1) != '/' })
		s.pos = min(s.pos+2, len(s.text))
	case r == marker:
		return mistakeAt(s.pos, s.pos+1, "", "unexpected character %q", r)
	case isLetter(r):
		s.skip(isAlnum)
	case isDigit(r), r == '.' && isDigit(s.at(1)):
		return s.number()
	case strings.ContainsRune("([{", r):
		if s.depth++; s.depth > maxBrackets {
			return mistakeAt(s.pos, s.pos+1, "split it into several assertions", "brackets are nested more than %d deep", maxBrackets)
		}
		s.pos++
	case strings.ContainsRune(")]}", r):
		s.depth--
		s.pos++
	default:
		s.pos++
	}
	return nil
}

// quoted steps over a string.
func (s *scanner) quoted(quote rune, escapes bool) error {
	start := s.pos
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch r := s.at(0); {
		case escapes && r == '\\':
			s.pos++
		case r == quote:
			s.pos++
			return nil
		}
	}
	return mistakeAt(start, start+1, "", "the text has no closing quote")
}

func (s *scanner) skip(while func(rune) bool) {
	for s.pos < len(s.text) && while(s.at(0)) {
		s.pos++
	}
}

// number steps over a number; with a unit it becomes a literal.
func (s *scanner) number() error {
	start := s.pos
	afterPoint := s.at(0) == '.' && start > 0 && (isAlnum(s.text[start-1]) || strings.ContainsRune(")]}?", s.text[start-1]))
	if s.at(0) == '0' && radix(s.at(1), s.at(2)) {
		s.skip(isAlnum)
		return nil
	}
	s.digits()
	if e := s.at(0); e == 'e' || e == 'E' {
		signed := s.at(1) == '+' || s.at(1) == '-'
		if isDigit(s.at(1)) || signed && isDigit(s.at(2)) {
			s.pos += 2
			s.skip(isDigit)
		}
	}
	if !isLetter(s.at(0)) {
		return nil
	}
	for isLetter(s.at(0)) || isDigit(s.at(0)) {
		s.skip(isLetter)
		if isDigit(s.at(0)) {
			s.digits()
		}
	}
	text := string(s.text[start:s.pos])
	if afterPoint {
		return mistakeAt(start+1, s.pos, `a member of such a name is written ["`+text[1:]+`"]`, "%q is not a name", text[1:])
	}
	value, err := parseLiteral(text)
	if err != nil || isAlnum(s.at(0)) {
		return mistakeAt(start, s.pos, unitHint, "%q is not a number, a duration or a size", text)
	}
	s.text[start] = marker
	for i := start + 1; i < s.pos; i++ {
		s.text[i] = '_'
	}
	if s.literals == nil {
		s.literals = make(map[int]literal)
	}
	s.literals[start] = literal{text: text, value: value}
	return nil
}

// digits steps over digits with one decimal point. Two points are a range.
func (s *scanner) digits() {
	s.skip(isFigure)
	if s.at(0) == '.' && isDigit(s.at(1)) {
		s.pos++
		s.skip(isFigure)
	}
}

// parseLiteral returns a time.Duration, or a size as an int.
func parseLiteral(text string) (any, error) {
	text = strings.ReplaceAll(text, "_", "")
	if d, err := units.ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	size, err := units.ParseSize(text)
	return int(size), err
}

// radix reports whether 0 followed by r and next begins a number of another base.
func radix(r, next rune) bool {
	switch r {
	case 'x', 'X':
		return true
	case 'b', 'B', 'o', 'O':
		return isDigit(next)
	}
	return false
}

// These four must agree with the parser's idea of names and numbers.

func isLetter(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) }
func isDigit(r rune) bool  { return '0' <= r && r <= '9' }
func isAlnum(r rune) bool  { return isLetter(r) || unicode.IsDigit(r) }
func isFigure(r rune) bool { return isDigit(r) || r == '_' }
