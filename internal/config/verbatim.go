package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/verbatim"
)

var verbatimType = reflect.TypeFor[verbatim.YAML]()

// verbatim writes a part of the file out again for the parser of another
// product: ${…} filled in, anchors resolved, a key or an entry on each line.
// Path is where the part is.
func (b *binder) verbatim(path string, n *node) verbatim.YAML {
	outer := b.scope
	b.scope = scope{verbatim: true}
	defer func() { b.scope = outer }()
	w := verbatimWriter{binder: b, root: path}
	w.value(path, n, 0)
	if w.failed {
		return verbatim.YAML{}
	}
	return verbatim.YAML{Text: w.text.String(), Paths: w.paths}
}

type verbatimWriter struct {
	*binder
	root   string
	text   strings.Builder
	paths  []string
	depth  int
	failed bool
}

// line writes one line about the value at path.
func (w *verbatimWriter) line(path string, indent int, text string) {
	w.text.WriteString(strings.Repeat("  ", indent) + text + "\n")
	w.paths = append(w.paths, strings.TrimPrefix(strings.TrimPrefix(path, w.root), "."))
}

func (w *verbatimWriter) value(path string, n *node, indent int) {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxDepth {
		w.fail(n, path, "", "values are nested deeper than %d levels", maxDepth)
		w.failed = true
		return
	}
	if w.failed || !w.spend(1) {
		return
	}
	switch {
	case n.kind == listNode && len(n.items) > 0:
		for i, item := range n.items {
			w.entry(path+"["+strconv.Itoa(i)+"]", "-", item, indent)
		}
	case n.kind == mapNode && len(n.items) > 0:
		for i, item := range n.items {
			key := n.keys[i].text
			w.entry(fault.JoinPath(path, key), quoteKey(key)+":", item, indent)
		}
	default:
		w.line(path, indent, w.inline(path, n))
	}
}

// entry writes a key or the dash of a list, and the value behind it.
func (w *verbatimWriter) entry(path, before string, n *node, indent int) {
	if len(n.items) == 0 {
		if w.spend(1) {
			w.line(path, indent, before+" "+w.inline(path, n))
		}
		return
	}
	w.line(path, indent, before)
	w.value(path, n, indent+1)
}

// inline is a value that fits behind a key.
func (w *verbatimWriter) inline(path string, n *node) string {
	switch n.kind {
	case listNode:
		return "[]"
	case mapNode:
		return "{}"
	case nullNode:
		return "null"
	}
	text, _, ok := w.scalar(path, n, nil)
	if !ok {
		w.failed = true
		return "null"
	}
	if n.style == plain {
		if oldBoolean.MatchString(text) { // what YAML 1.1 takes for a boolean, as those parsers do
			return text
		}
		if typed, err := resolve(text); err == nil {
			if _, isText := typed.(string); !isText {
				return text
			}
		}
	}
	return quote(text)
}

var oldBoolean = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$`)

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func quoteKey(key string) string {
	if typed, err := resolve(key); err == nil && plainKey.MatchString(key) {
		if _, isText := typed.(string); isText {
			return key
		}
	}
	return quote(key)
}

// quote writes a text in double quotes. What JSON writes is YAML, too.
func quote(text string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return `""` // a text can always be written
	}
	return strings.TrimSpace(b.String())
}

// verbatimView is a part of the file in another product's language as people may
// see it. Which of its texts are secrets that product alone knows: whatever may
// hold one is masked.
func (w *viewer) verbatimView(v *view, n *node) *view {
	if n == nil {
		return nil
	}
	v.file, v.line, v.byDefault = n.src.name, int(n.line), false
	switch {
	case len(n.items) == 0 && n.kind != scalarNode:
		v.leaf, v.isText, v.text = true, false, map[kind]string{listNode: "[]", mapNode: "{}", nullNode: "null"}[n.kind]
	case n.kind == listNode:
		v.leaf, v.isList = false, true
		for i, item := range n.items {
			v.children = append(v.children, w.verbatimView(&view{path: v.path + "[" + strconv.Itoa(i) + "]", key: v.key, leaf: true, isText: true}, item))
		}
	case n.kind == mapNode:
		v.leaf = false
		for i, item := range n.items {
			key := n.keys[i].text
			outer := w.hidden
			w.hidden = outer || mayHoldSecret.MatchString(key) || mayHoldChannel.MatchString(key) && tells(v.path)
			v.children = append(v.children, w.verbatimView(&view{path: fault.JoinPath(v.path, key), key: key, leaf: true, isText: true}, item))
			w.hidden = outer
		}
	default:
		typed, _ := resolve(n.text)
		_, v.isText = typed.(string)
		v.isText = v.isText || n.style != plain
		w.show(v, v.key, n.text)
	}
	return v
}

// tells reports whether a path is about channels by which people are told.
func tells(path string) bool {
	return strings.HasPrefix(path, "receivers") || strings.HasPrefix(path, "global")
}

// mayHoldSecret are the keys of Alertmanager and Prometheus by which a secret may
// be given.
var mayHoldSecret = regexp.MustCompile(`(?i)(?:^|_)(?:tokens?|keys?|secrets?|password|credentials|authorization|headers?)$`)

// mayHoldChannel are those by which a channel may be addressed that whoever knows
// its URL can write to.
var mayHoldChannel = regexp.MustCompile(`(?i)(?:^|_)urls?$`)
