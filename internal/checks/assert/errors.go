package assert

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a mistake in the text of an assertion or capture.
type Error struct {
	// Offset of the mistake in the text as written, in bytes; at most its length.
	Offset int
	// Message says what is wrong: `unknown name "stauts"`.
	Message string
	// Hint says what would be right: `did you mean "status"?`. May be empty.
	Hint string
	// Excerpt is the line of the text with carets under the mistake, both
	// indented by two spaces, without a final newline.
	Excerpt string
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// mistake is an Error before its place is known in bytes: from and to count
// characters, as the parser does.
type mistake struct {
	from, to      int
	message, hint string
}

func (m *mistake) Error() string { return m.message }

// mistakeAt reports a mistake at the characters [from, to).
func mistakeAt(from, to int, hint, format string, args ...any) *mistake {
	return &mistake{from: from, to: to, hint: hint, message: fmt.Sprintf(format, args...)}
}

// in places the mistake in the text.
func (m *mistake) in(text string) *Error {
	from := byteOffset(text, m.from)
	to := max(from, byteOffset(text, m.to))
	return &Error{Offset: from, Message: m.message, Hint: m.hint, Excerpt: excerpt(text, from, to)}
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
	line := strings.TrimRight(text[start:end], "\r")
	// The indent keeps the line's tabs, so that the carets stand right at any tab width.
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, text[start:from])
	carets := max(1, utf8.RuneCountInString(text[from:max(from, to)]))
	return "  " + line + "\n  " + indent + strings.Repeat("^", carets)
}
