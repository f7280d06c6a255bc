package probe

import (
	"encoding/json"
	"net/url"
	"strings"
)

// template is a text with ${name} in it, taken apart once and filled in per
// run. The zero value is the empty text.
type template struct {
	parts []part
}

// part is a literal text, or a placeholder when it has a name.
type part struct {
	text   string
	name   string
	escape func(string) string
}

// parseTemplate takes text apart. Captured values pass through escape; the
// text around them does not. "$${" stands for a literal "${", and a ${…} whose
// inside is not a plain name (${labels.x}) is literal text.
func parseTemplate(text string, escape func(string) string) template {
	var t template
	t.add(text, verbatim, escape)
	return t
}

// literal is a template without placeholders, whatever is in the text.
func literal(text string) template {
	var t template
	t.write(text)
	return t
}

// add appends text: the literal parts pass through static, the captured values
// through captured.
func (t *template) add(text string, static, captured func(string) string) {
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			t.write(static(text))
			return
		}
		if start > 0 && text[start-1] == '$' {
			t.write(static(text[:start-1] + "${"))
			text = text[start+2:]
			continue
		}
		name, rest, found := strings.Cut(text[start+2:], "}")
		if !found || !isName(name) {
			t.write(static(text[:start+2]))
			text = text[start+2:]
			continue
		}
		t.write(static(text[:start]))
		t.parts = append(t.parts, part{name: name, escape: captured})
		text = rest
	}
}

// write appends literal text, joined to a literal before it.
func (t *template) write(text string) {
	if text == "" {
		return
	}
	if last := len(t.parts) - 1; last >= 0 && t.parts[last].name == "" {
		t.parts[last].text += text
		return
	}
	t.parts = append(t.parts, part{text: text})
}

// append adds another template's parts.
func (t *template) append(u template) {
	for _, p := range u.parts {
		if p.name == "" {
			t.write(p.text)
		} else {
			t.parts = append(t.parts, p)
		}
	}
}

// fixed reports whether there is nothing to fill in.
func (t template) fixed() bool {
	return len(t.parts) == 0 || len(t.parts) == 1 && t.parts[0].name == ""
}

// startsOpen reports that the text begins with a placeholder.
func (t template) startsOpen() bool { return len(t.parts) > 0 && t.parts[0].name != "" }

// names calls add with the name of each placeholder.
func (t template) names(add func(string)) {
	for _, p := range t.parts {
		if p.name != "" {
			add(p.name)
		}
	}
}

// fill puts the captured values in. A missing one is a ClassRequest error.
func (t template) fill(vars map[string]string) (string, error) {
	if len(t.parts) == 0 {
		return "", nil
	}
	if t.fixed() {
		return t.parts[0].text, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		value, ok := vars[p.name]
		if !ok {
			return "", failure(ClassRequest, nil, "${%s} has no value: no earlier step captured it", p.name)
		}
		b.WriteString(p.escape(value))
	}
	return b.String(), nil
}

// String is the text with its placeholders, for display.
func (t template) String() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString("${" + p.name + "}")
		}
	}
	return b.String()
}

// isName reports whether name is a plain name: a letter or _, then letters,
// digits and _.
func isName(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return name != ""
}

// The ways to put a value into a text.

func verbatim(s string) string    { return s }
func pathEscape(s string) string  { return url.PathEscape(s) }
func queryEscape(s string) string { return url.QueryEscape(s) }

// jsonEscape writes s as the inside of a JSON string.
func jsonEscape(s string) string {
	quoted, err := marshalJSON(s)
	if err != nil {
		return "" // a string always marshals
	}
	return string(quoted[1 : len(quoted)-1])
}

// marshalJSON is json.Marshal that leaves <, > and & as they are: the answer
// to an API is no place for HTML.
func marshalJSON(v any) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}
