package limits

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"lapwing.dev/lapwing/middleware/limit"
)

// Condition is a compiled `when`: an expression over a request that holds or
// does not. It may be used by many goroutines and allocates nothing.
//
// What a request lacks (a header, a claim, any token) is an empty text. A text
// that is no number compares with no number: int(token.level) > 3 and
// int(token.level) <= 3 are both false then.
type Condition struct {
	text  string
	holds func(*limit.Request) bool
}

// String returns the expression as it was written.
func (c *Condition) String() string { return c.text }

// Holds reports whether it holds for the request.
func (c *Condition) Holds(q *limit.Request) bool { return c.holds(q) }

// Always reports whether it is `true`: the condition of everybody else.
func (c *Condition) Always() bool { return strings.TrimSpace(c.text) == "true" }

// Never reports whether it is `false`.
func (c *Condition) Never() bool { return strings.TrimSpace(c.text) == "false" }

// Mistake is what is wrong with the text of a condition.
type Mistake struct {
	Offset  int    // of the mistake in the text, in bytes
	Message string // what is wrong: `unknown name "tokn"`
	Hint    string // what would be right; may be empty
	Excerpt string // the text with carets under the mistake, both indented by two spaces
}

func (m *Mistake) Error() string {
	if m.Hint == "" {
		return m.Message
	}
	return m.Message + "; " + m.Hint
}

// slip is a Mistake before its place is known in bytes: from and to count
// characters, as the parser does.
type slip struct {
	from, to      int
	message, hint string
}

func (s *slip) Error() string { return s.message }

func slipAt(from, to int, hint, format string, args ...any) error {
	return &slip{from: from, to: to, hint: hint, message: fmt.Sprintf(format, args...)}
}

// in places the slip in the text.
func (s *slip) in(text string) *Mistake {
	from := byteOffset(text, s.from)
	to := max(from, byteOffset(text, s.to))
	return &Mistake{Offset: from, Message: s.message, Hint: s.hint, Excerpt: excerpt(text, from, to)}
}

// byteOffset returns where the n-th character begins; text's length beyond its end.
func byteOffset(text string, n int) int {
	for i := range text {
		if n <= 0 {
			return i
		}
		n--
	}
	return len(text)
}

// excerpt draws the line that holds text[from] with carets below text[from:to].
func excerpt(text string, from, to int) string {
	start := strings.LastIndexByte(text[:from], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
		end = from + i
	}
	to = min(to, end)
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r // so that the carets stand right at any width of tabs
		}
		return ' '
	}, text[start:from])
	carets := max(1, utf8.RuneCountInString(text[from:max(from, to)]))
	return "  " + strings.TrimRight(text[start:end], "\r") + "\n  " + indent + strings.Repeat("^", carets)
}
