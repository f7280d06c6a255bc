package accesslog

import (
	"fmt"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// objects reads lines that are JSON objects, by the names of their members.
type objects struct {
	name   string
	root   *member
	needs  []string // members of the top of which one must be there: what tells the format apart
	values values
	at     [fieldCount]int
	dates  dates
	needed bool
	line   string
}

// member is a name that means something: a field, or an object with such members.
type member struct {
	field   fieldID
	members map[string]*member
	needed  bool
}

// maxNesting bounds objects in objects.
const maxNesting = 16

func newObjects(format string, fields map[string]string, d dates) (*objects, error) {
	p := &objects{name: format, root: &member{members: map[string]*member{}}, dates: d}
	p.values.json = true
	table, needs := aliases(format)
	for _, a := range table {
		for path := range strings.FieldsSeq(a.paths) {
			p.root.add(path, a.field)
		}
	}
	ours := names()
	for name, path := range fields {
		id, ok := ours[name]
		if !ok {
			if hint := fault.DidYouMean(name, Names()); hint != "" {
				return nil, fmt.Errorf("unknown field %q; %s", name, hint)
			}
			return nil, fmt.Errorf("unknown field %q; the fields are %s", name, strings.Join(Names(), ", "))
		}
		if path == "" || strings.Count(path, ".") >= maxNesting {
			return nil, fmt.Errorf("field %s: write the name that it has in the lines, with dots for objects in objects, such as request.uri", name)
		}
		p.root.forget(id)
		p.root.add(path, id)
		if id == fieldTarget {
			p.root.forget(fieldRequest)
			p.root.forget(fieldPath)
		}
	}
	for _, need := range needs {
		if p.root.members[need] == nil {
			p.root.members[need] = &member{}
		}
		p.root.members[need].needed = true
	}
	p.needs = needs
	return p, nil
}

// add gives a name its meaning: as members of members, and as one with dots in it.
func (m *member) add(path string, id fieldID) {
	m.child(path).field = id
	for {
		name, rest, more := strings.Cut(path, ".")
		m = m.child(name)
		if !more {
			m.field = id
			return
		}
		path = rest
		m.child(path).field = id
	}
}

func (m *member) child(name string) *member {
	if m.members == nil {
		m.members = map[string]*member{}
	}
	if m.members[name] == nil {
		m.members[name] = &member{}
	}
	return m.members[name]
}

// forget takes a field's meaning from all names.
func (m *member) forget(id fieldID) {
	if m.field == id {
		m.field = fieldNone
	}
	for _, child := range m.members {
		child.forget(id)
	}
}

// Format implements Parser.
func (p *objects) Format() string { return p.name }

// Parse implements Parser.
func (p *objects) Parse(line string, l *Line) Mismatch {
	*l = Line{Ended: p.name != JSON}
	clear(p.values.text[:])
	clear(p.at[:])
	p.line, p.needed = line, len(p.needs) == 0
	at := blank(line, 0)
	if at == len(line) || line[at] != '{' {
		return Mismatch{at, "a JSON object"}
	}
	end, m := p.object(at, p.root, 0)
	if !m.OK() {
		if len(line) < MaxLine || p.values.text[fieldStatus] == "" {
			return m
		}
	} else if end = blank(line, end); end != len(line) {
		return Mismatch{end, "the end of the line"}
	}
	if !p.needed {
		return Mismatch{at, "a member " + strings.Join(p.needs, " or ")}
	}
	if p.values.text[fieldStatus] == "" {
		return Mismatch{len(line), "a member with the status"}
	}
	return p.values.into(l, &p.dates, func(id fieldID) int { return p.at[id] })
}

// object reads the object at at, and returns where it ends.
func (p *objects) object(at int, m *member, depth int) (int, Mismatch) {
	if depth == maxNesting {
		return at, Mismatch{at, "no more objects in objects"}
	}
	line := p.line
	at = blank(line, at+1)
	if at < len(line) && line[at] == '}' {
		return at + 1, Mismatch{}
	}
	for {
		if at >= len(line) || line[at] != '"' {
			return at, Mismatch{at, "a name in quotes"}
		}
		end := stringEnd(line, at)
		if end < 0 {
			return at, Mismatch{at, "a quote that ends the name"}
		}
		child := m.members[line[at+1:end-1]]
		at = blank(line, end)
		if at >= len(line) || line[at] != ':' {
			return at, Mismatch{at, "a colon"}
		}
		at = blank(line, at+1)
		end, bad := p.value(at, child, depth)
		if !bad.OK() {
			return end, bad
		}
		at = blank(line, end)
		switch {
		case at < len(line) && line[at] == ',':
			at = blank(line, at+1)
		case at < len(line) && line[at] == '}':
			return at + 1, Mismatch{}
		default:
			return at, Mismatch{at, "a comma or the end of the object"}
		}
	}
}

// value reads the value at at, for a member that may mean nothing.
func (p *objects) value(at int, m *member, depth int) (int, Mismatch) {
	line := p.line
	if at >= len(line) {
		return at, Mismatch{at, "a value"}
	}
	if m != nil && m.needed {
		p.needed = true
	}
	switch c := line[at]; {
	case c == '{' && m != nil:
		if m.field == fieldTLS {
			p.take(m.field, at, "1")
		}
		return p.object(at, m, depth+1)
	case c == '[' && m != nil && m.field != fieldNone:
		return p.list(at, m, depth)
	case c == '{' || c == '[':
		end := skip(line, at)
		if end < 0 {
			return at, Mismatch{at, "an end of what begins here"}
		}
		return end, Mismatch{}
	case c == '"':
		end := stringEnd(line, at)
		if end < 0 {
			return at, Mismatch{at, "a quote that ends the text"}
		}
		if m != nil {
			p.take(m.field, at, line[at+1:end-1])
		}
		return end, Mismatch{}
	}
	end := at
	for end < len(line) && line[end] != ',' && line[end] != '}' && line[end] != ']' && line[end] > ' ' {
		end++
	}
	text := line[at:end]
	switch {
	case text == "":
		return at, Mismatch{at, "a value"}
	case text == "null" || text == "true" || text == "false":
	case text[0] != '-' && !isDigit(text[0]):
		return at, Mismatch{at, "a value"}
	case m != nil:
		p.take(m.field, at, text)
	}
	return end, Mismatch{}
}

// list takes the texts of a list: of a header that came more than once. The last
// hops of X-Forwarded-For are in its last line.
func (p *objects) list(at int, m *member, depth int) (int, Mismatch) {
	element := member{field: m.field}
	line := p.line
	at = blank(line, at+1)
	for first := true; ; first = false {
		if at < len(line) && line[at] == ']' {
			return at + 1, Mismatch{}
		}
		var of *member
		if first || m.field == fieldForwarded {
			of = &element
		}
		if at < len(line) && (line[at] == '[' || line[at] == '{') {
			of = nil
		}
		end, bad := p.value(at, of, depth)
		if !bad.OK() {
			return end, bad
		}
		at = blank(line, end)
		if at >= len(line) || line[at] != ',' && line[at] != ']' {
			return at, Mismatch{at, "a comma or the end of the list"}
		}
		if line[at] == ',' {
			at = blank(line, at+1)
		}
	}
}

func (p *objects) take(id fieldID, at int, text string) {
	if id == fieldNone || text == "" {
		return
	}
	p.values.text[id], p.at[id] = text, at
}

// blank is where the next byte stands that is no white space.
func blank(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\t' || s[at] == '\r') {
		at++
	}
	return at
}

// stringEnd returns where the string that begins at at ends, after its quote; -1
// when it does not.
func stringEnd(s string, at int) int {
	for from := at + 1; ; {
		i := strings.IndexByte(s[from:], '"')
		if i < 0 {
			return -1
		}
		i += from
		slashes := 0
		for s[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
		from = i + 1
	}
}

// skip returns where the object or the list at at ends; -1 when it does not.
func skip(s string, at int) int {
	depth := 0
	for at < len(s) {
		switch s[at] {
		case '"':
			if at = stringEnd(s, at); at < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return -1
}
