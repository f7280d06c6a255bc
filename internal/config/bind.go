package config

import (
	"cmp"
	"encoding"
	"reflect"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// fromScalar is implemented by sections with a short form: a single text
// instead of a mapping.
type fromScalar interface{ FromScalar(text string) error }

var (
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	shortForm       = reflect.TypeFor[fromScalar]()
	checkType       = reflect.TypeFor[checks.Check]()
)

// isTemplate reports whether a key of a check holds texts that the prober fills
// in again when the check runs, with what earlier steps captured.
func isTemplate(section reflect.Type, key string) bool {
	switch section {
	case checkType:
		return key == "url"
	case reflect.TypeFor[probe.HTTPRequest]():
		switch key {
		case "url", "headers", "query", "json", "form", "multipart", "graphql", "body":
			return true
		}
	case reflect.TypeFor[probe.Auth]():
		return key == "basic" || key == "bearer"
	}
	return false
}

// binder fills Go values from nodes. It goes on after a mistake, so that one
// run finds all of them; what it could not fill keeps its value.
type binder struct {
	*loader
	scope  scope
	fields map[reflect.Type][]field
	depth  int
}

// field is one key of a section.
type field struct {
	key    string
	index  []int
	typ    reflect.Type
	absent bool // nothing is in force when nobody wrote it: `omitempty`
}

// keysOf returns the keys of a section in the order of its struct.
func (b *binder) keysOf(t reflect.Type) []field {
	if known, ok := b.fields[t]; ok {
		return known
	}
	fields := fieldsOf(t)
	b.fields[t] = fields
	return fields
}

func fieldsOf(t reflect.Type) []field {
	var fields []field
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case options == "inline" || (f.Anonymous && name == ""):
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append(append([]int{}, f.Index...), inner.index...)
				fields = append(fields, inner)
			}
		case name != "":
			fields = append(fields, field{key: name, index: f.Index, typ: f.Type, absent: options == "omitempty"})
		}
	}
	return fields
}

// bind fills v, which must be settable, from n.
func (b *binder) bind(path string, n *node, v reflect.Value) {
	b.depth++
	defer func() { b.depth-- }()
	if b.depth > maxDepth {
		b.fail(n, path, "", "values are nested deeper than %d levels", maxDepth)
		return
	}
	if !b.spend(1) || n.kind == nullNode {
		return // `key:` with nothing after it is a key that was not given
	}
	t := v.Type()
	switch {
	case t == verbatimType:
		v.Set(reflect.ValueOf(b.verbatim(path, n)))
	case t.Kind() == reflect.Pointer:
		fresh := reflect.New(t.Elem())
		b.bind(path, n, fresh.Elem())
		v.Set(fresh)
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		b.text(path, n, v.Addr().Interface().(encoding.TextUnmarshaler))
	case n.kind == scalarNode && reflect.PointerTo(t).Implements(shortForm):
		if text, e, ok := b.scalar(path, n, t); ok {
			b.report(path, n, e, v.Addr().Interface().(fromScalar).FromScalar(text))
		}
	case t.Kind() == reflect.Struct:
		b.section(path, n, v)
	case t.Kind() == reflect.Slice:
		b.list(path, n, v)
	case t.Kind() == reflect.Map:
		b.mapping(path, n, v)
	case t.Kind() == reflect.Interface:
		if value := b.open(path, n); value != nil {
			v.Set(reflect.ValueOf(value))
		}
	default:
		b.basic(path, n, v)
	}
}

func (b *binder) section(path string, n *node, v reflect.Value) {
	t := v.Type()
	if n.kind != mapNode {
		b.mismatch(path, n, t)
		return
	}
	if t == checkType {
		outer := b.scope
		b.scope = scope{check: true, captured: captured(n), sensitive: map[string]bool{}}
		defer func() {
			v.Addr().Interface().(*checks.Check).Sensitive = sorted(b.scope.sensitive)
			b.scope = outer
		}()
	}
	fields := b.keysOf(t)
	for i, key := range n.keys {
		found := false
		for _, f := range fields {
			if f.key == key.text {
				outer := b.scope.template
				b.scope.template = outer || isTemplate(t, f.key)
				b.bind(fault.JoinPath(path, f.key), n.items[i], v.FieldByIndex(f.index))
				b.scope.template = outer
				found = true
				break
			}
		}
		if !found && (path != "" || !strings.HasPrefix(key.text, "x-")) {
			b.mark(fault.JoinPath(path, key.text))
			b.misspelt[path] = true
			b.errs.failAt(key, path, b.unknownHint(key.text, fields), "unknown key %q", shorten(key.text))
		}
	}
}

// unknownHint says which key was meant: one of this section, one of a section
// below it, or else which keys there are.
func (b *binder) unknownHint(key string, fields []field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	if hint := fault.DidYouMean(key, names); hint != "" {
		return hint
	}
	for _, f := range fields {
		below := f.typ
		for below.Kind() == reflect.Pointer {
			below = below.Elem()
		}
		if below.Kind() != reflect.Struct {
			continue
		}
		for _, inner := range b.keysOf(below) {
			if inner.key == key {
				return "it belongs under " + strconv.Quote(f.key)
			}
		}
	}
	return "keys here are " + strings.Join(names, ", ")
}

func (b *binder) list(path string, n *node, v reflect.Value) {
	if n.kind != listNode {
		hint := cmp.Or(example(v.Type()), "begin each entry with `- `")
		if n.kind == scalarNode {
			hint = "write [" + shorten(n.text) + "]"
		}
		b.fail(n, path, hint, "want %s, got %s", wanted(v.Type()), n.describe())
		return
	}
	if !b.spend(len(n.items)) {
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if item.kind == nullNode && list.Index(i).Kind() != reflect.Interface {
			b.fail(item, at, "remove the `-`, or write a value after it", "entry is empty")
			continue
		}
		b.bind(at, item, list.Index(i))
	}
	v.Set(list)
}

func (b *binder) mapping(path string, n *node, v reflect.Value) {
	if n.kind != mapNode {
		b.mismatch(path, n, v.Type())
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.items))
	for i, key := range n.keys {
		value := reflect.New(v.Type().Elem()).Elem()
		b.bind(fault.JoinPath(path, key.text), n.items[i], value)
		m.SetMapIndex(reflect.ValueOf(key.text).Convert(v.Type().Key()), value)
	}
	v.Set(m)
}

// open reads a value whose type the file decides: map[string]any, []any, string,
// int64, float64, json.Number (integers of more than 63 bits), bool or nil.
func (b *binder) open(path string, n *node) any {
	switch n.kind {
	case listNode:
		list := []any{}
		var v any
		for i, item := range n.items {
			v = nil
			b.bind(path+"["+strconv.Itoa(i)+"]", item, reflect.ValueOf(&v).Elem())
			list = append(list, v)
		}
		return list
	case mapNode:
		m := make(map[string]any, len(n.items))
		var v any
		for i, item := range n.items {
			v = nil
			b.bind(fault.JoinPath(path, n.keys[i].text), item, reflect.ValueOf(&v).Elem())
			m[n.keys[i].text] = v
		}
		return m
	}
	text, e, ok := b.scalar(path, n, nil)
	if !ok || n.style != plain {
		return text
	}
	value, err := resolve(text)
	b.report(path, n, e, err)
	return value
}

func (b *binder) text(path string, n *node, into encoding.TextUnmarshaler) {
	text, e, ok := b.scalar(path, n, reflect.TypeOf(into).Elem())
	if ok {
		b.report(path, n, e, into.UnmarshalText([]byte(text)))
	}
}

// basic binds texts, numbers and booleans.
func (b *binder) basic(path string, n *node, v reflect.Value) {
	text, e, ok := b.scalar(path, n, v.Type())
	if !ok {
		return
	}
	if v.Kind() == reflect.String {
		v.SetString(text)
		return
	}
	// A quoted number is a text, except where quotes were needed for ${…}.
	typed := n.style == plain || e != nil
	switch {
	case v.Kind() == reflect.Bool:
		if value, valid := boolean(text); valid && typed {
			v.SetBool(value)
			return
		}
	case v.CanInt():
		if i, err := strconv.ParseInt(text, 10, v.Type().Bits()); err == nil && typed {
			v.SetInt(i)
			return
		}
	case v.CanUint():
		if u, err := strconv.ParseUint(text, 10, v.Type().Bits()); err == nil && typed {
			v.SetUint(u)
			return
		}
	case v.CanFloat():
		if f, err := strconv.ParseFloat(text, v.Type().Bits()); err == nil && typed && f-f == 0 {
			v.SetFloat(f)
			return
		}
	}
	filled := *n
	filled.text = text
	got := filled.describe()
	if e != nil {
		got = e.conceal(got)
	}
	hint := ""
	if !typed {
		hint = "remove the quotes"
	}
	b.fail(n, path, hint, "want %s, got %s", wanted(v.Type()), got)
}

// scalar returns the text of a scalar with ${…} filled in. t says what was
// wanted, for the message when it is not a scalar.
func (b *binder) scalar(path string, n *node, t reflect.Type) (string, *expansion, bool) {
	if n.kind != scalarNode {
		b.mismatch(path, n, t)
		return "", nil, false
	}
	text, e, ok := b.expand(n, path, b.scope)
	if !ok {
		b.mark(path)
	}
	if e != nil {
		b.expanded[path] = e
	}
	return text, e, ok
}

// report turns the error of a text's own reader into a mistake at its place.
func (b *binder) report(path string, n *node, e *expansion, err error) {
	if err == nil {
		return
	}
	text := err.Error()
	if e != nil {
		text = e.conceal(text)
	}
	message, hint, _ := strings.Cut(text, "; ")
	b.fail(n, path, hint, "%s", message)
}

func (b *binder) mismatch(path string, n *node, t reflect.Type) {
	b.fail(n, path, example(t), "want %s, got %s", wanted(t), n.describe())
}

// example is the hint for keys of which people expect another form.
func example(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[map[string]gateway.Servers]():
		return "write {default: [http://127.0.0.1:8000]}"
	case reflect.TypeFor[limits.Queue]():
		return "write {depth: 100}"
	case reflect.TypeFor[limits.Quota]():
		return "write 1000/day"
	case reflect.TypeFor[blocks.Config]():
		return "write {allow: [10.0.0.0/8]}"
	}
	return ""
}

// wanted says what a key takes.
func wanted(t reflect.Type) string {
	if t == nil {
		return "a value"
	}
	switch t {
	case reflect.TypeFor[units.Duration]():
		return "a duration such as 30s"
	case reflect.TypeFor[units.Size]():
		return "a size such as 1MiB"
	case reflect.TypeFor[secret.String]():
		return "a text"
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return wanted(t.Elem())
	case t.Kind() == reflect.Slice && reflect.PointerTo(t).Implements(shortForm):
		return "a text or a list"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map:
		return "a mapping of names to values"
	case t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(shortForm):
		return "a text or a mapping"
	case t.Kind() == reflect.Struct:
		return "a mapping"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return "a whole number"
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return "a number"
	}
	return "a text"
}

// captured returns the names that the steps of a check capture.
func captured(check *node) map[string]bool {
	names := map[string]bool{}
	_, steps := check.get("steps")
	if steps == nil || steps.kind != listNode {
		return names
	}
	for _, step := range steps.items {
		_, capture := step.get("capture")
		if capture == nil || capture.kind != mapNode {
			continue
		}
		for _, key := range capture.keys {
			names[key.text] = true
		}
	}
	return names
}
