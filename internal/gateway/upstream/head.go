package upstream

import (
	"bytes"
	"net/textproto"
	"strings"
)

// answer is the head of a server's answer.
type answer struct {
	status   int
	fields   []Field
	trailers []Field // of a chunked body, once it ended
	length   int64   // of the body; -1: unknown, see chunked
	chunked  bool
	last     bool // the connection ends with this answer
	named    bool // Connection names fields that are about it
	stream   bool // it may be silent for as long as it likes
	retry    bool // it has Retry-After
}

// maxLength keeps sums of lengths from overflowing.
const maxLength = 1 << 62

// headEnd returns where the head ends, after its empty line; 0 when that has
// not come yet. from is where to look first: what is before was looked at.
//
// Lines that end with LF alone are understood (RFC 9112 §2.2 lets a recipient
// do so), but such a connection is not used again.
func headEnd(b []byte, from int) int {
	for i := from; ; i++ {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n
		rest := b[i+1:]
		switch {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 2
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 3
		}
	}
}

// parse reads a head, which ends with its empty line. It is stricter than most:
// what two readers could read differently is an error. Names and values are parts
// of one copy of the head.
func (a *answer) parse(head []byte) error {
	*a = answer{fields: a.fields[:0], trailers: a.trailers[:0], length: -1}
	text := string(head)
	line, text, ok := a.line(text)
	if !ok {
		return protocolError("a control character in the status line")
	}
	minor, err := a.parseStatus(line)
	if err != nil {
		return err
	}
	f := framing{minor: minor}
	for text != "" {
		if line, text, ok = a.line(text); !ok {
			return protocolError("a carriage return within a line")
		}
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if err := a.fold(line); err != nil {
				return err
			}
			continue
		}
		colon := strings.IndexByte(line, ':')
		if colon <= 0 {
			return protocolError("a header line without a name")
		}
		if a.fields, err = addField(a.fields, line[:colon], line[colon+1:]); err != nil {
			return err
		}
	}
	return a.frame(&f)
}

// line cuts the first line off, without its end.
func (a *answer) line(text string) (line, rest string, ok bool) {
	line, rest, _ = strings.Cut(text, "\n")
	if strings.HasSuffix(line, "\r") {
		line = line[:len(line)-1]
	} else {
		a.last = true
	}
	return line, rest, strings.IndexByte(line, '\r') < 0
}

// parseStatus reads "HTTP/1.1 200 OK".
func (a *answer) parseStatus(line string) (minor byte, err error) {
	const version = "HTTP/1."
	if len(line) < len("HTTP/1.1 200") || line[:len(version)] != version || line[7] != '0' && line[7] != '1' || line[8] != ' ' {
		return 0, protocolError("it does not begin with HTTP/1.1 and a status")
	}
	for i := 9; i < 12; i++ {
		if line[i] < '0' || '9' < line[i] {
			return 0, protocolError("its status is no number")
		}
		a.status = a.status*10 + int(line[i]-'0')
	}
	if len(line) > 12 && line[12] != ' ' || a.status < 100 {
		return 0, protocolError("its status is no number of three digits")
	}
	for i := 12; i < len(line); i++ {
		if bytesOf[line[i]]&valueByte == 0 {
			return 0, protocolError("a control character in the status line")
		}
	}
	return line[7], nil
}

// addField checks a field and appends it.
func addField(fields []Field, name, value string) ([]Field, error) {
	for i := range len(name) {
		if !isToken(name[i]) {
			return fields, protocolError("a header name with a character that none may have")
		}
	}
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if bytesOf[value[i]]&valueByte == 0 {
			return fields, protocolError("a control character in a header")
		}
	}
	return append(fields, Field{textproto.CanonicalMIMEHeaderKey(name), value}), nil
}

// fold joins a line that goes on on the next one, which is obsolete (RFC 9112
// §5.2), with a space.
func (a *answer) fold(line string) error {
	if len(a.fields) == 0 {
		return protocolError("the first header line begins with a space")
	}
	a.last = true
	value := strings.Trim(line, " \t")
	for i := range len(value) {
		if bytesOf[value[i]]&valueByte == 0 {
			return protocolError("a control character in a header")
		}
	}
	f := &a.fields[len(a.fields)-1]
	f.Value = strings.Trim(f.Value+" "+value, " ")
	return nil
}
