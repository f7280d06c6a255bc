package accesslog

import (
	"errors"
	"fmt"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// pattern reads lines by a pattern with names in it,
//
//	{client} - {user} [{time}] "{method} {path} {protocol}" {status} {bytes} {duration_ms}
//
// or by a log_format of nginx. A name stands for the text up to what follows it in
// the pattern; in quotes, escaped quotes are part of the text. {_} stands for
// anything.
type pattern struct {
	prefix string // before the first name
	steps  []step
	ended  bool // the time is that of the answer's end
	values values
	at     [fieldCount]int
	dates  dates
}

// step is a name and the text that follows it.
type step struct {
	field  fieldID // fieldNone: it means nothing
	name   string
	after  string // "" : up to the line's end
	quoted bool   // the text ends with a quote that is not escaped
}

const maxSteps = 64

func newPattern(text string, d dates) (*pattern, error) {
	split := splitBraces
	meaning, nginx := names(), false
	if strings.Contains(text, "$") && !strings.Contains(text, "{") || strings.Contains(text, "$status") {
		split, meaning, nginx = splitDollars, variables(), true
	}
	parts, err := split(text)
	if err != nil {
		return nil, err
	}
	p := &pattern{prefix: parts[0].text, ended: nginx, dates: d}
	before := parts[0].text
	seen := map[fieldID]bool{}
	for i, part := range parts[1:] {
		s := step{name: part.name, after: part.text}
		if part.name != "_" {
			id, ok := meaning[part.name]
			switch {
			case !ok && !nginx: // nginx has many variables
				return nil, unknownName(part.name)
			case seen[id]:
				return nil, fmt.Errorf("{%s} is there twice; write {_} for what does not matter", part.name)
			}
			s.field = id
			seen[id] = id != fieldNone
		}
		if part.text == "" && i < len(parts)-2 {
			return nil, fmt.Errorf("nothing stands between {%s} and {%s}, so nobody can tell where the one ends; write a blank or a sign between them", part.name, parts[i+2].name)
		}
		s.quoted = strings.HasPrefix(part.text, `"`) && strings.HasSuffix(before, `"`)
		before = part.text
		p.steps = append(p.steps, s)
	}
	switch {
	case len(p.steps) > maxSteps:
		return nil, fmt.Errorf("the pattern has %d names; at most %d may be", len(p.steps), maxSteps)
	case !seen[fieldStatus]:
		return nil, errors.New("the pattern has no {status}; without one nobody can tell what failed")
	case !seen[fieldRequest] && !seen[fieldTarget] && !seen[fieldPath]:
		return nil, errors.New(`the pattern has no {path}; write {path}, or {request} for a whole request line such as GET /orders HTTP/1.1`)
	}
	return p, nil
}

func unknownName(name string) error {
	if hint := fault.DidYouMean(name, Names()); hint != "" {
		return fmt.Errorf("unknown name {%.40s}; %s", name, hint)
	}
	return fmt.Errorf("unknown name {%.40s}; the names are %s, and {_} for what does not matter", name, strings.Join(Names(), ", "))
}

// part is a name and the text after it. The first has no name.
type part struct{ name, text string }

// splitBraces splits a pattern at its {names}; {{ and }} are braces.
func splitBraces(text string) ([]part, error) {
	parts := []part{{}}
	for i := 0; i < len(text); i++ {
		last := &parts[len(parts)-1]
		switch c := text[i]; {
		case (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c:
			last.text += string(c)
			i++
		case c == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("the { at byte %d is not closed; write {{ for a brace", i+1)
			}
			parts = append(parts, part{name: text[i+1 : i+end]})
			i += end
		default:
			last.text += string(c)
		}
	}
	return parts, nil
}

// splitDollars splits a log_format of nginx at its $variables.
func splitDollars(text string) ([]part, error) {
	parts := []part{{}}
	for i := 0; i < len(text); i++ {
		last := &parts[len(parts)-1]
		if text[i] != '$' {
			last.text += string(text[i])
			continue
		}
		rest, braces := strings.CutPrefix(text[i+1:], "{")
		end := 0
		for end < len(rest) && (isDigit(rest[end]) || isName(rest[end:end+1])) {
			end++
		}
		if end == 0 {
			return nil, fmt.Errorf("the $ at byte %d has no name", i+1)
		}
		parts = append(parts, part{name: rest[:end]})
		i += end
		if braces {
			i += 2
		}
	}
	return parts, nil
}

// variables are nginx' names as a pattern's.
func variables() map[string]fieldID {
	found := map[string]fieldID{}
	for _, a := range nginxNames() {
		for name := range strings.FieldsSeq(a.paths) {
			found[name] = a.field
		}
	}
	return found
}

// Format implements Parser.
func (p *pattern) Format() string { return Pattern }

// Parse implements Parser.
func (p *pattern) Parse(line string, l *Line) Mismatch {
	*l = Line{Ended: p.ended}
	clear(p.values.text[:])
	if !strings.HasPrefix(line, p.prefix) {
		return Mismatch{0, quote(p.prefix)}
	}
	at := len(p.prefix)
	for i := range p.steps {
		s := &p.steps[i]
		end := p.end(s, line[at:])
		if end < 0 {
			return Mismatch{at, "{" + s.name + "} and then " + quote(s.after)}
		}
		if s.field != fieldNone {
			p.values.text[s.field], p.at[s.field] = line[at:at+end], at
		}
		at += end + len(s.after)
	}
	return p.values.into(l, &p.dates, func(id fieldID) int { return p.at[id] })
}

// end is where a step's text ends, -1 when what should follow does not.
func (p *pattern) end(s *step, rest string) int {
	switch {
	case s.after == "":
		return len(rest)
	case s.field == fieldTime: // it may have blanks in it
		if _, n, ok := p.dates.parse(rest); ok && strings.HasPrefix(rest[n:], s.after) {
			return n
		}
	case s.quoted:
		end := closing(rest)
		if end >= 0 && strings.HasPrefix(rest[end:], s.after) {
			return end
		}
	}
	return strings.Index(rest, s.after)
}

func quote(s string) string {
	if s == "" {
		return "the end of the line"
	}
	return "“" + s + "”"
}
