package config

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// source is one configuration file as it was read.
type source struct {
	name string // as people know it: what they typed, or relative to that
	path string // absolute, symbolic links kept; "" when it is not a file
	dir  string // absolute folder of path
	text string // with \n line ends
}

// line returns the 1-based line without its end, or "".
func (s *source) line(number int) string {
	rest := s.text
	for ; number > 1; number-- {
		_, tail, found := strings.Cut(rest, "\n")
		if !found {
			return ""
		}
		rest = tail
	}
	head, _, _ := strings.Cut(rest, "\n")
	return head
}

// excerpt shows a line with a caret of the given width under a column:
//
//	14 |   - stauts == 200
//	   |     ^^^^^^
func (s *source) excerpt(line, column, width int) string {
	text := s.line(line)
	if strings.TrimSpace(text) == "" {
		return ""
	}
	text, column = window(strings.Map(plainly, text), column, 20*maxExcerptCols) // bounds the work below
	text, column = hideSecrets(text, column)
	text, column = window(text, column, maxExcerptCols)
	column = min(column, utf8.RuneCountInString(text)+1)
	width = max(1, min(width, utf8.RuneCountInString(text)+1-column))
	number := fmt.Sprintf("%5d", line)
	return fmt.Sprintf("%s | %s\n%s | %s%s", number, text,
		strings.Repeat(" ", len(number)), strings.Repeat(" ", max(0, column-1)), strings.Repeat("^", width))
}

// plainly keeps the columns of a line and nothing that moves what is shown.
func plainly(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case isHidden(r):
		return utf8.RuneError
	}
	return r
}

// window cuts a long line to width columns around column.
func window(text string, column, width int) (string, int) {
	runes := []rune(text)
	if len(runes) <= width {
		return text, column
	}
	from := max(0, min(column-1-width/2, len(runes)-width))
	cut := runes[from:min(len(runes), from+width)]
	if from == 0 {
		return string(cut) + "…", column
	}
	return "…" + string(cut), column - from + 1
}
