package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/fault"
)

var (
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	dotted   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+$`)
)

// expansion is a scalar in which ${…} was filled in.
type expansion struct {
	written string // as in the file
	parts   []part // in order
}

// part is one ${…} that was filled in.
type part struct {
	written string // ${NAME}
	value   string
	from    int  // where value begins in the filled-in text
	at      int  // where written begins in the text of the file
	outside bool // the value came from the environment or a file, not from a default
}

// origin maps an offset of the filled-in text to the text of the file. Inside a
// value it is the beginning of its ${…}.
func (e *expansion) origin(offset int) int {
	shift := 0
	for _, p := range e.parts {
		if offset < p.from {
			break
		}
		if offset < p.from+len(p.value) {
			return p.at
		}
		shift = p.at + len(p.written) - p.from - len(p.value)
	}
	return offset + shift
}

// conceal puts ${…} back where a filled-in value stands in a message.
func (e *expansion) conceal(text string) string {
	for _, p := range e.parts {
		if p.outside && p.value != "" {
			text = strings.ReplaceAll(text, p.value, p.written)
		}
	}
	return text
}

// scope says how ${…} is treated at one place of the file.
type scope struct {
	// check is set inside one entry of `checks:`.
	check bool
	// captured names are filled in when the check runs.
	captured map[string]bool
	// template is set where the prober fills a text in again: there $${ is left
	// for it, and values are escaped so that they pass through it unchanged.
	template bool
	// verbatim is set in parts for another product: what is no name of a variable is
	// its own, such as the ${1} of a relabelling.
	verbatim bool
	// sensitive collects what came from the environment and from files.
	sensitive map[string]bool
}

// errLeave says that a ${…} belongs to someone else.
var errLeave = errors.New("left as it is")

// expand fills in ${…} in a scalar; it reports mistakes at n and returns ok false.
func (l *loader) expand(n *node, path string, sc scope) (text string, done *expansion, ok bool) {
	if !strings.Contains(n.text, "${") {
		return n.text, nil, true
	}
	var b strings.Builder
	e := &expansion{written: n.text}
	ok = true
	for rest, at := n.text, 0; ; {
		i := strings.Index(rest, "${")
		if i < 0 {
			b.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' {
			if sc.template {
				b.WriteString(rest[:i+2])
			} else {
				b.WriteString(rest[:i-1])
				e.parts = append(e.parts, part{written: "$${", value: "${", from: b.Len(), at: at + i - 1})
				b.WriteString("${")
			}
			rest, at = rest[i+2:], at+i+2
			continue
		}
		b.WriteString(rest[:i])
		rest, at = rest[i:], at+i
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			l.failExpand(n, path, at, "put } after the name, or write $${ for the characters themselves", "${ is not closed")
			return n.text, nil, false
		}
		written := rest[:end+1]
		value, outside, err := l.lookup(written[2:end], n, path, at, sc)
		switch {
		case errors.Is(err, errLeave):
			b.WriteString(written)
		case err != nil:
			ok = false
		default:
			filled := value
			if sc.template {
				filled = strings.ReplaceAll(value, "${", "$${")
			}
			e.parts = append(e.parts, part{written: written, value: filled, from: b.Len(), at: at, outside: outside})
			b.WriteString(filled)
			if outside && sc.sensitive != nil && !isAddress(value) {
				sc.sensitive[value] = true
			}
		}
		if b.Len() > maxFileSize {
			l.failExpand(n, path, 0, "", "text is larger than 4MiB when its ${…} are filled in")
			return n.text, nil, false
		}
		rest, at = rest[end+1:], at+end+1
	}
	if len(e.parts) == 0 {
		e = nil
	}
	return b.String(), e, ok
}

// errReported says that the mistake is in the collector already.
var errReported = errors.New("reported")

// lookup finds the value of what stands between ${ and }. outside is true when
// it did not come from the configuration file itself.
func (l *loader) lookup(inner string, n *node, path string, at int, sc scope) (value string, outside bool, err error) {
	if file, found := strings.CutPrefix(inner, "file:"); found {
		value, problem := l.readFile(strings.TrimSpace(file), n.src)
		if problem != "" {
			l.failExpand(n, path, at, "", "%s", problem)
			return "", false, errReported
		}
		return value, true, nil
	}
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	switch {
	case sc.captured[name] && hasFallback:
		l.failExpand(n, path, at, "write ${"+name+"}", "%q is captured by this check, and a captured value has no default", name)
		return "", false, errReported
	case sc.captured[name] && !sc.template:
		l.failExpand(n, path, at, "in expressions write vars."+name, "%q is captured when the check runs, and can be filled into requests only", name)
		return "", false, errReported
	case sc.captured[name], dotted.MatchString(name) && !hasFallback, sc.verbatim && !variable.MatchString(name):
		return "", false, errLeave
	case !variable.MatchString(name):
		l.failExpand(n, path, at, "write ${NAME}, ${NAME:-default} or ${file:path}, or $${ for the characters themselves", "${%s} is not the name of a variable", shorten(inner))
		return "", false, errReported
	}
	value, set := l.env(name)
	switch {
	case hasFallback && value == "":
		return fallback, false, nil
	case !set:
		l.failExpand(n, path, at, l.unsetHint(name, sc), "environment variable %s is not set", name)
		return "", false, errReported
	case !utf8.ValidString(value):
		l.failExpand(n, path, at, "", "environment variable %s is not UTF-8 text", name)
		return "", false, errReported
	}
	return value, true, nil
}

func (l *loader) unsetHint(name string, sc scope) string {
	names := make([]string, 0, len(sc.captured))
	for captured := range sc.captured {
		names = append(names, captured)
	}
	if best := fault.Nearest(name, names); best != "" {
		return fmt.Sprintf("did you mean ${%s}, which this check captures?", best)
	}
	if sc.check {
		return fmt.Sprintf("set it, write ${%s:-default}, or capture %q in an earlier step", name, name)
	}
	return fmt.Sprintf("set it, or write ${%s:-default}", name)
}

// readFile reads the text of ${file:…} without its last line end.
func (l *loader) readFile(name string, src *source) (value, problem string) {
	switch {
	case !l.disk:
		return "", "${file:…} cannot be used here: this configuration is not in a file"
	case name == "":
		return "", "${file:} names no file"
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(src.dir, path)
	}
	if len(l.seen.files) >= maxReads {
		return "", fmt.Sprintf("more than %d files are read", maxReads)
	}
	l.seen.file(path)
	// Before opening, because opening a named pipe would wait for its writer.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Sprintf("file %s: %s", name, reason(err))
	case !info.Mode().IsRegular():
		return "", fmt.Sprintf("%s is not a regular file", name)
	case info.Size() > maxSecretSize:
		return "", fmt.Sprintf("file %s is larger than 1MiB", name)
	}
	data, err := readAtMost(path, maxSecretSize)
	if err != nil {
		return "", fmt.Sprintf("file %s: %s", name, reason(err))
	}
	if len(data) > maxSecretSize || !utf8.Valid(data) {
		return "", fmt.Sprintf("file %s is not a UTF-8 text of at most 1MiB", name)
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), ""
}

// readAtMost reads limit bytes and one more, so that the caller sees whether there are more.
func readAtMost(path string, limit int64) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// reason is the cause of a file error without the operation and path.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "no permission to read it"
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// isAddress reports whether a value is the bare address of a server, such as
// http://127.0.0.1:8000. It is not a secret, and hiding it everywhere would
// make evidence unreadable. Anything with a path, a query or a user may be one.
func isAddress(value string) bool {
	u, err := url.Parse(value)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}

func (l *loader) failExpand(n *node, path string, offset int, hint, format string, args ...any) {
	if l.errs.full() {
		return
	}
	e := Error{File: n.src.name, Path: path, Message: fmt.Sprintf(format, args...), Hint: hint}
	e.Line, e.Column, _ = n.offset(offset)
	e.Excerpt = n.src.excerpt(e.Line, e.Column, 1)
	l.errs.add(e)
}
