package fault

import (
	"fmt"
	"strings"
)

// Problem is one mistake in a configuration, as a domain reports it.
type Problem struct {
	// Path names the place, relative to the section that was validated:
	// "checks[2].assert[0]". The configuration loader turns it into
	// file:line:column.
	Path string
	// Message says what is wrong: `unknown name "stauts"`.
	Message string
	// Hint says what would be right: `did you mean "status"?`. May be empty.
	Hint string
	// Offset is the byte offset of the mistake inside the scalar at Path, or 0.
	Offset int
	// Excerpt is a longer picture of the mistake (source line and caret), or "".
	Excerpt string
}

func (p Problem) Error() string {
	var b strings.Builder
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; ")
		b.WriteString(p.Hint)
	}
	return b.String()
}

// Problems collects the mistakes of one section. The zero value is ready.
type Problems []Problem

// Add appends one mistake; path may be empty for the section itself.
func (ps *Problems) Add(path, hint, format string, args ...any) {
	*ps = append(*ps, Problem{Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// Merge appends the mistakes of a sub-section whose path is prefix.
func (ps *Problems) Merge(prefix string, sub Problems) {
	for _, p := range sub {
		p.Path = JoinPath(prefix, p.Path)
		*ps = append(*ps, p)
	}
}

// Err returns nil when there is no mistake, else the Problems as an error.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// JoinPath joins two configuration paths: "checks[2]" and "assert[0]" give
// "checks[2].assert[0]"; "checks" and "[2]" give "checks[2]".
func JoinPath(prefix, path string) string {
	switch {
	case prefix == "":
		return path
	case path == "":
		return prefix
	case strings.HasPrefix(path, "["):
		return prefix + path
	default:
		return prefix + "." + path
	}
}
