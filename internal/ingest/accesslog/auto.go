package accesslog

import "strings"

// auto finds out which format the lines have: the first that reads a line is
// taken, until too many lines in a row are not of it.
type auto struct {
	objects []Parser // for lines of JSON
	texts   []Parser
	chosen  Parser // nil: not known yet
	misses  int
}

// patience is how many lines in a row may be of no format before it is looked
// for anew.
const patience = 20

func newAuto(fields map[string]string, d dates) (*auto, error) {
	a := &auto{}
	for _, name := range []string{Caddy, NginxJSON, JSON} {
		p, err := newObjects(name, fields, d)
		if err != nil {
			return nil, err
		}
		a.objects = append(a.objects, p)
	}
	nginx, err := New(Options{Format: NginxCombined, Zone: d.zone})
	if err != nil {
		return nil, err
	}
	combined, err := New(Options{Format: ApacheCombined, Zone: d.zone})
	if err != nil {
		return nil, err
	}
	plain, err := New(Options{Format: ApacheCommon, Zone: d.zone})
	if err != nil {
		return nil, err
	}
	a.texts = []Parser{newUvicorn(d), nginx, combined, plain}
	return a, nil
}

// Format implements Parser: the format that was found, or "auto".
func (a *auto) Format() string {
	if a.chosen == nil {
		return Auto
	}
	return a.chosen.Format()
}

// Parse implements Parser.
func (a *auto) Parse(line string, l *Line) Mismatch {
	if a.chosen != nil {
		m := a.chosen.Parse(line, l)
		if m.OK() {
			a.misses = 0
			return m
		}
		if a.misses++; a.misses < patience {
			return m
		}
		a.chosen, a.misses = nil, 0
	}
	candidates := a.texts
	if strings.HasPrefix(strings.TrimLeft(line, " \t"), "{") {
		candidates = a.objects
	}
	furthest := Mismatch{Want: "a line of a known format"}
	for _, p := range candidates {
		m := p.Parse(line, l)
		if m.OK() {
			a.choose(p, line, l)
			return m
		}
		if m.At > furthest.At {
			furthest = m
		}
	}
	return furthest
}

// choose takes a parser. nginx and Apache write the same line, but for what they
// append: a virtual host before it or a whole number after it is Apache's.
func (a *auto) choose(p Parser, line string, l *Line) {
	a.chosen = p
	if p.Format() != NginxCombined {
		return
	}
	last := line[strings.LastIndexByte(line, ' ')+1:]
	_, fraction, number := decimal(last)
	if l.Host != "" && !strings.Contains(line, "host=") || number && !fraction && l.Duration == 0 {
		a.chosen = a.texts[2]
		a.chosen.Parse(line, l)
	}
}
