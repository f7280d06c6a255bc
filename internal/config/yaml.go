package config

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// YAML writes the configuration that is in force as one file: includes joined,
// defaults filled in and marked, secrets masked. It is for people to read;
// where nothing is masked it can be loaded again.
func (l *Loaded) YAML() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# The configuration in force. Secrets are masked; what the files do not say is marked \"default\".\n")
	for _, section := range l.view().children {
		if section.key == "include" {
			continue // joined already
		}
		if err := writeView(&b, section, 0); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// writeView writes `key: value` of a mapping.
func writeView(b *bytes.Buffer, v *view, depth int) error {
	indent := strings.Repeat("  ", depth)
	key, err := yamlScalar(v.key, true, false)
	if err != nil {
		return err
	}
	b.WriteString(indent + key + ":")
	return writeValue(b, v, depth)
}

// writeValue writes what stands after `key:` or `-`, with the line end.
func writeValue(b *bytes.Buffer, v *view, depth int) error {
	if v.leaf {
		text, err := yamlScalar(v.text, v.isText, v.isQuoted)
		if err != nil {
			return err
		}
		b.WriteString(" " + text)
		if v.byDefault {
			b.WriteString(" # default")
		}
		b.WriteByte('\n')
		return nil
	}
	b.WriteByte('\n')
	for _, child := range v.children {
		if !v.isList {
			if err := writeView(b, child, depth+1); err != nil {
				return err
			}
			continue
		}
		var entry bytes.Buffer
		if err := writeValue(&entry, child, depth+1); err != nil {
			return err
		}
		// The first line of the entry stands beside its dash.
		text := strings.TrimPrefix(entry.String(), "\n")
		b.WriteString(strings.Repeat("  ", depth+1) + "- " + strings.TrimLeft(text, " "))
	}
	return nil
}

// plainText is what YAML reads back as the same text without quotes, in a block.
var plainText = regexp.MustCompile(`^[A-Za-z0-9_/.$(][^\x00-\x1f\x7f-\x{a0}\x{2028}\x{2029}\x{feff}]*$`)

// leadingZero are digits that YAML 1.1 reads as an octal number.
var leadingZero = regexp.MustCompile(`^0[0-9]+$`)

// yamlScalar writes a scalar; a text is quoted where YAML would read something
// else, or where quoted asks for it.
func yamlScalar(text string, isText, quoted bool) (string, error) {
	if !isText {
		return text, nil
	}
	resolved, err := resolve(text)
	_, stays := resolved.(string)
	_, isBoolean := boolean(text)
	if !quoted && err == nil && stays && !isBoolean && !leadingZero.MatchString(text) && plainText.MatchString(text) && !strings.Contains(text, ": ") &&
		!strings.Contains(text, " #") && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, " ") {
		return text, nil
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b) // a JSON text is a double-quoted YAML text
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
