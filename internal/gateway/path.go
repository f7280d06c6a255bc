package gateway

import (
	"strings"
)

// pathFault says why a path cannot be let in; "" when it can.
//
// Gateway and upstream must understand the same by a path, or what holds for
// one path is got around by writing it another way. Where the two could differ,
// the request is refused, rather than its path repaired: well-meaning clients
// do not send such paths.
type pathFault string

const (
	pathFine      pathFault = ""
	pathRelative  pathFault = "the path does not begin with /"
	pathControl   pathFault = "the path has a control character"
	pathEscape    pathFault = "the path has a % that is not followed by two hexadecimal digits"
	pathDots      pathFault = "the path has a segment . or .. in it, perhaps percent-encoded"
	pathBackslash pathFault = "the path has a backslash in it"
	pathFragment  pathFault = "the path has a # in it"
	pathSlash     pathFault = "the path has a percent-encoded slash in it, which this route does not allow"
)

// readPath returns the form of an escaped path that routes are compared with:
// unescaped, with one slash where there are several, and without what stands
// after a semicolon in a segment, which some servers ignore. slashes says that it
// has an encoded slash or backslash, which count as slashes here.
//
// A path without any of that is returned as it is, which costs one look at each
// byte and no memory.
func readPath(escaped string) (plain string, slashes bool, fault pathFault) {
	if escaped == "" || escaped[0] != '/' {
		return "", false, pathRelative
	}
	before := byte(0)
	for i := range len(escaped) {
		switch c := escaped[i]; {
		case c <= ' ', c == 0x7f:
			return "", false, pathControl
		case c == '%', c == ';', c == '.' && before == '/', c == '/' && before == '/':
			return unfoldPath(escaped)
		case c == '\\':
			return "", false, pathBackslash
		case c == '#', c == '?':
			return "", false, pathFragment
		default:
			before = c
		}
	}
	return escaped, false, pathFine
}

// unfoldPath is readPath for paths that need more than a look.
func unfoldPath(escaped string) (plain string, slashes bool, fault pathFault) {
	out := make([]byte, 0, len(escaped))
	parameters := false // after a semicolon, until the segment ends
	start := 0          // of the segment in out
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		encoded := c == '%'
		if encoded {
			if i+2 >= len(escaped) {
				return "", false, pathEscape
			}
			high, ok1 := hex(escaped[i+1])
			low, ok2 := hex(escaped[i+2])
			if !ok1 || !ok2 {
				return "", false, pathEscape
			}
			c = high<<4 | low
			i += 2
		}
		switch {
		case c < ' ', c == 0x7f, c == ' ' && !encoded:
			return "", false, pathControl
		case c == '\\' && !encoded:
			return "", false, pathBackslash
		case (c == '#' || c == '?') && !encoded:
			return "", false, pathFragment
		case c == '/', c == '\\':
			slashes = slashes || encoded
			parameters = false
			if dots(out[start:]) {
				return "", false, pathDots
			}
			if len(out) == 0 || out[len(out)-1] != '/' {
				out = append(out, '/')
			}
			start = len(out)
		case c == ';' && !encoded:
			parameters = true
		case !parameters:
			out = append(out, c)
		}
	}
	if dots(out[start:]) {
		return "", false, pathDots
	}
	return string(out), slashes, pathFine
}

func dots(segment []byte) bool {
	return len(segment) == 1 && segment[0] == '.' || len(segment) == 2 && segment[0] == '.' && segment[1] == '.'
}

func hex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// stripTarget takes a route's path off a target (escaped path and query),
// however the client wrote it. The prefix is one that readPath's result has, and
// has no slash at its end.
func stripTarget(target, prefix string) string {
	rest := target
	if literal, ok := strings.CutPrefix(target, prefix); ok && (literal == "" || literal[0] == '/' || literal[0] == '?') {
		rest = literal
	} else {
		rest = target[prefixLength(target, prefix):]
	}
	if rest == "" || rest[0] != '/' {
		return "/" + rest
	}
	return rest
}

// prefixLength is how many bytes of an escaped target make up prefix.
func prefixLength(target, prefix string) int {
	i, parameters := 0, false
	for j := 0; j < len(prefix) && i < len(target); {
		c, width := target[i], 1
		if c == '%' && i+2 < len(target) {
			high, _ := hex(target[i+1])
			low, _ := hex(target[i+2])
			c, width = high<<4|low, 3
		}
		switch {
		case c == '/' || c == '\\':
			parameters = false
			if j == 0 || prefix[j-1] != '/' { // else it is one of several
				j++
			}
		case c == ';' && width == 1:
			parameters = true
		case !parameters:
			j++
		}
		i += width
		if j == len(prefix) {
			break
		}
	}
	for parameters := false; i < len(target); i++ { // what belongs to the last segment
		if c := target[i]; c == ';' {
			parameters = true
		} else if !parameters || c == '/' || c == '?' {
			break
		}
	}
	return i
}
