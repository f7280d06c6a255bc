package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

//go:embed reference.md
var introduction string

// reference writes the page: the introduction, then a table for each section,
// each followed by those below it.
func reference(file *section) []byte {
	var b bytes.Buffer
	b.WriteString("<!-- Generated from the structs and their comments by `go generate ./...`; do not edit. -->\n\n")
	b.WriteString(introduction)
	b.WriteString("\n## The whole file\n\n")
	written := map[*section]bool{}
	writeSection(&b, file, written)
	return b.Bytes()
}

func writeSection(b *bytes.Buffer, s *section, written map[*section]bool) {
	written[s] = true
	if s.path != "" {
		fmt.Fprintf(b, "\n## %s\n\n%s\n", title(s), s.doc)
		if s.short != "" {
			fmt.Fprintf(b, "\nA text instead of the mapping is the short form: %s.\n", strings.TrimPrefix(strings.TrimSuffix(s.short, "."), "FromScalar reads the short form: "))
		}
		b.WriteByte('\n')
	}
	b.WriteString("| key | value | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, k := range s.keys {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.name, kindCell(k), defaultCell(k), meaningCell(k))
	}
	for _, k := range s.keys {
		if k.section != nil && !written[k.section] {
			writeSection(b, k.section, written)
		}
	}
}

// title is the path of a section as a heading: `checks[].request`.
func title(s *section) string { return "`" + s.path + "`" }

// anchor is what hosts of Markdown make of a heading.
func anchor(s *section) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '_', r == '-':
			return unicode.ToLower(r)
		}
		return -1
	}, s.path)
}

func kindCell(k key) string {
	if len(k.words) > 0 {
		return "`" + strings.Join(k.words, "`, `") + "`"
	}
	if k.section == nil {
		return kind(k.typ)
	}
	link := fmt.Sprintf("[%s](#%s)", title(k.section), anchor(k.section))
	return linkedKind(k.typ, link)
}

// linkedKind names the type of values that are sections in the end.
func linkedKind(t reflect.Type, link string) string {
	switch t.Kind() {
	case reflect.Slice:
		if hasShortForm(t) {
			return "text or list of " + link
		}
		return "list of " + link
	case reflect.Map:
		return "mapping of names to " + linkedKind(t.Elem(), link)
	}
	return link
}

func defaultCell(k key) string {
	if literal := k.literal(); literal != "" {
		return "`" + literal + "`"
	}
	return cell(k.fallback)
}

func meaningCell(k key) string {
	text := cell(k.doc)
	if k.short != "" {
		text += " A text is the short form: " + cell(strings.TrimPrefix(strings.TrimSuffix(k.short, "."), "FromScalar reads the short form: ")) + "."
	}
	if k.example != "" {
		text += " Example: `" + cell(k.example) + "`"
	}
	return text
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
