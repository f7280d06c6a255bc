package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

// Setting is one value that is in force.
type Setting struct {
	// Path of the value, such as checks[2].every.
	Path string
	// Value as it would be written; secrets are masked, and what ${…} brought in
	// is shown as the ${…}.
	Value string
	// File and Line where it is written; "" and 0 for a default.
	File string
	Line int
	// Default is set when the files do not say.
	Default bool
}

// Effective returns every value that is in force, in the order of the sections,
// defaults included. It is made anew on each call; the caller owns it.
func (l *Loaded) Effective() []Setting {
	var settings []Setting
	var walk func(v *view)
	walk = func(v *view) {
		if v.leaf {
			settings = append(settings, Setting{Path: v.path, Value: v.text, File: v.file, Line: v.line, Default: v.byDefault})
		}
		for _, child := range v.children {
			walk(child)
		}
	}
	walk(l.view())
	return settings
}

// view is one value as people may see it.
type view struct {
	path      string
	key       string // in a mapping
	text      string // of a leaf
	file      string
	line      int
	children  []*view
	leaf      bool
	isList    bool
	isText    bool // text needs quotes where it looks like something else
	isQuoted  bool // text keeps its quotes: what ${…} brings in is a text, too
	byDefault bool
}

// viewer builds views of bound values.
type viewer struct {
	*Loaded
	redactor secret.Redactor
	hidden   bool // inside a mapping or list that is secret as a whole
}

func (l *Loaded) view() *view {
	w := viewer{Loaded: l}
	return w.of("", "", "", reflect.ValueOf(&l.File).Elem())
}

// of returns nil for what is not given and has no default of its own.
// documented is the default that the manual names, for values that a domain
// fills in later.
func (w *viewer) of(path, key, documented string, value reflect.Value) *view {
	v := &view{path: path, key: key, leaf: true, isText: true}
	node := w.given(path)
	if node != nil {
		v.file, v.line = node.src.name, int(node.line)
	}
	v.byDefault = node == nil
	if value.IsValid() && value.Type() == verbatimType {
		return w.verbatimView(v, node)
	}
	if e := w.expanded[path]; e != nil {
		w.show(v, key, e.written)
		v.isQuoted = node != nil && node.style != plain
		return v
	}
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		if value.IsNil() {
			if _, _, whole := w.root.locate(path); whole && value.Kind() == reflect.Interface { // null in a JSON body is a value
				v.text, v.isText, v.byDefault = "null", false, false
				return v
			}
			return w.documented(v, documented)
		}
		value = value.Elem()
	}
	if marshaler, ok := textOf(value); ok {
		if value.IsZero() && node == nil {
			return w.documented(v, documented)
		}
		if node != nil && isReference(node.text) {
			marshaler = node.text
		}
		w.show(v, key, marshaler)
		return v
	}
	switch value.Kind() {
	case reflect.Struct:
		if node != nil && node.kind == scalarNode { // the short form says it all
			v.text, v.isText = node.text, node.style != plain
			if value.Type() != reflect.TypeFor[checks.Capture]() { // `token: json.access_token` names a place, not a secret
				w.show(v, key, node.text)
			}
			return v
		}
		w.section(v, value)
	case reflect.Slice:
		if node != nil && node.kind == scalarNode { // the short form says it all
			v.isText = node.style != plain
			w.show(v, key, node.text)
			return v
		}
		v.leaf, v.isList = false, true
		for i := range value.Len() {
			if child := w.of(path+"["+strconv.Itoa(i)+"]", key, "", value.Index(i)); child != nil {
				v.children = append(v.children, child)
			}
		}
	case reflect.Map:
		w.mapping(v, value)
	default:
		if value.IsZero() && node == nil {
			shown := w.documented(v, documented)
			if shown != nil {
				shown.isText = value.Kind() == reflect.String
			}
			return shown
		}
		text := fmt.Sprint(value.Interface())
		if value.CanFloat() && node != nil {
			text = node.text // as written, not 1e+06
		}
		v.isText = value.Kind() == reflect.String && value.Type() != reflect.TypeFor[json.Number]()
		w.show(v, key, text)
		return v
	}
	if len(v.children) == 0 && path != "" {
		if node == nil {
			return nil
		}
		v.leaf, v.isText, v.text = true, false, "{}"
		if v.isList {
			v.text = "[]"
		}
	}
	return v
}

func (w *viewer) section(v *view, value reflect.Value) {
	v.leaf = false
	for _, f := range fieldsOf(value.Type()) {
		if f.absent && w.given(fault.JoinPath(v.path, f.key)) == nil {
			continue
		}
		documented := documentedDefault(value.Type().String(), f.key)
		if check, ok := reflect.TypeAssert[checks.Check](value); ok {
			documented = checkDefault(&check, f.key, documented)
		}
		child := w.of(fault.JoinPath(v.path, f.key), f.key, documented, value.FieldByIndex(f.index))
		if child != nil {
			v.children = append(v.children, child)
		}
	}
}

// checkDefault knows the defaults of a check that depend on its other keys.
func checkDefault(check *checks.Check, key, documented string) string {
	every := max(check.Every, check.Interval)
	switch {
	case key == "every" && (check.Cron != "" || every != 0):
		return ""
	case key == "timeout" && check.Cron == "":
		if every == 0 {
			every = checks.DefaultEvery
		}
		return min(checks.DefaultTimeout, every).String()
	case key == "timeout":
		return checks.DefaultTimeout.String()
	}
	return documented
}

func (w *viewer) mapping(v *view, value reflect.Value) {
	v.leaf = false
	captures := value.Type().Elem() == reflect.TypeFor[checks.Capture]() // their expressions name places, not secrets
	keys := make(map[string]reflect.Value, value.Len())
	for _, key := range value.MapKeys() {
		keys[key.String()] = value.MapIndex(key)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		outer := w.hidden
		w.hidden = outer || !captures && secret.SensitiveName(key)
		if child := w.of(fault.JoinPath(v.path, key), key, "", keys[key]); child != nil {
			v.children = append(v.children, child)
		}
		w.hidden = outer
	}
}

// documented is a leaf with the manual's default, or nil when it names none.
func (w *viewer) documented(v *view, text string) *view {
	if text == "" {
		return nil
	}
	v.text, v.isText = text, false
	return v
}

// given returns the node at exactly this path, or nil.
func (w *viewer) given(path string) *node {
	if _, value, whole := w.root.locate(path); whole && value.kind != nullNode {
		return value
	}
	return nil
}

// textOf returns the text of a value that marshals itself.
func textOf(value reflect.Value) (string, bool) {
	marshaler, ok := reflect.TypeAssert[encoding.TextMarshaler](value)
	if !ok {
		return "", false
	}
	text, err := marshaler.MarshalText()
	return string(text), err == nil
}
