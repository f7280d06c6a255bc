package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/prometheus/alertmanager/template"

	"lapwing.dev/lapwing/internal/fault"
)

// The keys of receivers that are ours.
const (
	keySigned  = "signed_webhook_configs"
	keyDesktop = "desktop_configs"
)

// Own are the kinds of channels that Alertmanager has not got, by receiver.
type Own struct {
	signedBy  map[string][]*SignedWebhook
	desktopOf map[string]bool
}

// WithDesktop returns o with a desktop channel for one more receiver.
func (o Own) WithDesktop(receiver string) Own {
	o.desktopOf = maps.Clone(o.desktopOf)
	if o.desktopOf == nil {
		o.desktopOf = map[string]bool{}
	}
	o.desktopOf[receiver] = true
	return o
}

func (o Own) signed(receiver string) []*SignedWebhook { return o.signedBy[receiver] }
func (o Own) desktop(receiver string) bool            { return o.desktopOf[receiver] }

// Validate checks what is written, and reads secret files, which are relative to
// dir. It goes before Build. Paths begin with "receivers".
func (o Own) Validate(tmpl *template.Template, dir string) fault.Problems {
	var problems fault.Problems
	for _, name := range slices.Sorted(maps.Keys(o.signedBy)) {
		for _, w := range o.signedBy[name] {
			problems.Merge(w.path, w.validate(tmpl, dir))
		}
	}
	return problems
}

// Split takes the kinds of channels that are ours out of the text of an
// Alertmanager configuration (a mapping with the key `receivers`), which then is one
// that Alertmanager reads. Lines keep their numbers. Paths of problems begin with
// "receivers". A text that is not YAML is returned as it is: Alertmanager says
// what is wrong.
func Split(text string) (alertmanagers string, own Own, problems fault.Problems) {
	own = Own{signedBy: map[string][]*SignedWebhook{}, desktopOf: map[string]bool{}}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil || len(file.Docs) == 0 {
		return text, own, nil
	}
	lines := strings.SplitAfter(text, "\n")
	for _, root := range pairs(file.Docs[0].Body) {
		list, ok := root.Value.(*ast.SequenceNode)
		if keyOf(root) != "receivers" || !ok {
			continue
		}
		for i, entry := range list.Values {
			path := fmt.Sprintf("receivers[%d]", i)
			name := nameOf(entry)
			for _, pair := range pairs(entry) {
				key := keyOf(pair)
				if key != keySigned && key != keyDesktop {
					continue
				}
				if m, ok := entry.(*ast.MappingNode); ok && m.IsFlowStyle {
					problems.Add(path+"."+key, "write each key of the receiver on a line of its own, without braces", "%s inside braces", key)
					continue
				}
				problems.Merge(path+"."+key, own.read(name, path+"."+key, key, pair.Value))
				blank(lines, pair.Key.GetToken().Position.Line, pair.Key.GetToken().Position.Column)
			}
		}
	}
	return strings.Join(lines, ""), own, problems
}

// read takes in one of our keys.
func (o *Own) read(receiver, path, key string, value ast.Node) fault.Problems {
	var problems fault.Problems
	list, ok := value.(*ast.SequenceNode)
	if !ok {
		problems.Add("", "a list, as the other kinds have it", "it is not a list")
		return problems
	}
	for i, entry := range list.Values {
		at := fmt.Sprintf("[%d]", i)
		fields := map[string]any{}
		if _, empty := entry.(*ast.NullNode); !empty {
			// The decoder's own message quotes the text, which may be a secret.
			if err := yaml.NodeToValue(entry, &fields); err != nil {
				problems.Add(at, "name: value on each line", "it is not a mapping")
				continue
			}
		}
		if key == keyDesktop {
			for name := range fields {
				problems.Add(at+"."+name, "desktop_configs has no settings: write - {}", "unknown field %q", name)
			}
			o.desktopOf[receiver] = true
			continue
		}
		w := &SignedWebhook{path: path + at}
		problems.Merge(at, w.read(fields))
		o.signedBy[receiver] = append(o.signedBy[receiver], w)
	}
	return problems
}

// pairs returns what a mapping holds.
func pairs(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func keyOf(pair *ast.MappingValueNode) string { return pair.Key.GetToken().Value }

// nameOf returns the name of a receiver.
func nameOf(entry ast.Node) string {
	for _, pair := range pairs(entry) {
		if keyOf(pair) == "name" {
			var name string
			if err := yaml.NodeToValue(pair.Value, &name); err == nil {
				return name
			}
		}
	}
	return ""
}

// blank empties the lines of a key and its value in a block. The key is at a line
// and a column, both counted from 1.
func blank(lines []string, line, column int) {
	indent := column - 1
	first := lines[line-1]
	// What stands before the key is the dash of the list's entry, or nothing.
	lines[line-1] = strings.TrimRight(first[:min(indent, len(first))], " ") + ending(first)
	for i := line; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " ")
		deep := len(lines[i]) - len(text)
		trimmed := strings.TrimRight(text, "\r\n")
		inside := trimmed == "" || strings.HasPrefix(trimmed, "#") || deep > indent || deep == indent && (trimmed == "-" || strings.HasPrefix(trimmed, "- "))
		if !inside {
			return
		}
		lines[i] = ending(lines[i])
	}
}

// ending returns the line end of a line; the last one may have none.
func ending(line string) string { return line[len(strings.TrimRight(line, "\r\n")):] }
