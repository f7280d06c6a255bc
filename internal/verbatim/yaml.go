// Package verbatim keeps parts of the configuration that are written in another
// product's own language (Alertmanager's receivers, Prometheus' scrape_configs)
// and are handed on to that product's own parser as they are.
package verbatim

import "strings"

// YAML is such a part: a value with ${…} filled in, written out again so that
// each key and each entry of a list stands on a line of its own. The zero value
// is a part that was not given.
type YAML struct {
	// Text is a YAML document with one value, "" when nothing was given. It may
	// hold secrets: never log or show it.
	Text string
	// Paths of the values within the part, by line of Text: "[0].name". A parser
	// that names a line of Text means the value at Paths[line-1].
	Paths []string
}

// Given reports whether the part was written.
func (y *YAML) Given() bool { return y.Text != "" }

// Under returns the text as the value of a key: what another product's file has
// under it. Lines of the result are one later than those of Text.
func (y *YAML) Under(key string) string {
	if !y.Given() {
		return ""
	}
	var b strings.Builder
	b.WriteString(key + ":\n")
	for line := range strings.Lines(y.Text) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// Path returns the path of the value on a line of Text, counted from 1; "" for
// lines that it has not got.
func (y *YAML) Path(line int) string {
	if line < 1 || line > len(y.Paths) {
		return ""
	}
	return y.Paths[line-1]
}
