package main

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/internal/verbatim"
	"lapwing.dev/lapwing/middleware/limit"
)

const module = "lapwing.dev/lapwing/"

// section is one struct of the configuration.
type section struct {
	name  string // of the Go type: checks.Check
	path  string // where it is first used: checks[].request
	doc   string
	keys  []key
	short string // what a text instead of the mapping means; "" when it means nothing
}

// key is one key of a section.
type key struct {
	name     string
	doc      string   // without the parts below
	fallback string   // what is after "Default:"
	example  string   // what is after "Example:"
	words    []string // the only values, for texts
	typ      reflect.Type
	section  *section // of the values, for sections, lists and mappings of them
	short    string   // what a text instead of the list means; "" when it means nothing
}

// model reads structs by reflection and their comments from the source.
type model struct {
	root     string
	comments map[string]map[string]string // Go type → field ("" for the type, "()" for FromScalar) → comment
	read     map[string]bool              // packages
	sections map[string]*section
	order    []*section
}

// readModel returns the whole file's section, and all sections in reading order.
func readModel(root string) (*section, []*section, error) {
	m := model{root: root, comments: map[string]map[string]string{}, read: map[string]bool{}, sections: map[string]*section{}}
	file, err := m.section(reflect.TypeFor[config.File](), "")
	return file, m.order, err
}

func (m *model) section(t reflect.Type, path string) (*section, error) {
	if known := m.sections[t.String()]; known != nil {
		return known, nil
	}
	if err := m.readComments(t); err != nil {
		return nil, err
	}
	comments := m.comments[t.String()]
	s := &section{name: t.String(), path: path, doc: comments[""], short: comments["()"]}
	m.sections[t.String()] = s
	m.order = append(m.order, s)
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || name == "" || !f.IsExported() {
			continue
		}
		comment := comments[f.Name]
		if comment == "" {
			return nil, fmt.Errorf("%s.%s has no comment: it is the manual of key %q", t, f.Name, name)
		}
		k := newKey(f, name, comment)
		below := strings.TrimPrefix(path+"."+name, ".")
		for inner := f.Type; ; {
			if err := m.readShortForm(&k, inner); err != nil {
				return nil, err
			}
			switch {
			case isScalar(inner), isVerbatim(inner):
			case inner.Kind() == reflect.Pointer:
				inner = inner.Elem()
				continue
			case inner.Kind() == reflect.Slice:
				inner, below = inner.Elem(), below+"[]"
				continue
			case inner.Kind() == reflect.Map:
				inner, below = inner.Elem(), below+".*"
				continue
			case inner.Kind() == reflect.Struct:
				var err error
				if k.section, err = m.section(inner, below); err != nil {
					return nil, err
				}
			}
			break
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

// readShortForm notes what a text instead of a list means, for lists that have
// such a form.
func (m *model) readShortForm(k *key, t reflect.Type) error {
	if t.Kind() != reflect.Slice || !hasShortForm(t) {
		return nil
	}
	err := m.readComments(t)
	k.short = m.comments[t.String()]["()"]
	return err
}

// isVerbatim reports whether a value is in another product's own language.
func isVerbatim(t reflect.Type) bool { return t == reflect.TypeFor[verbatim.YAML]() }

// hasShortForm reports whether a text may stand for the whole value.
func hasShortForm(t reflect.Type) bool {
	return t.Name() != "" && reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ FromScalar(text string) error }]())
}

var (
	examplePart = regexp.MustCompile(`\s*Example: (.+)$`)
	defaultPart = regexp.MustCompile(`\s*Default: (.+?)\.?$`)
	wordList    = regexp.MustCompile(`: ("?[\w-]+(?:\.[\w-]+)*"?(?:, "?[\w-]+(?:\.[\w-]+)*"?)* or "?[\w-]+(?:\.[\w-]+)*"?)(?:\.|$| \()`)
)

// newKey takes a comment apart: text, Default, Example, and the words that a
// text may be ("…: fixed, linear or exponential.").
func newKey(f reflect.StructField, name, comment string) key {
	k := key{name: name, typ: f.Type}
	if match := examplePart.FindStringSubmatch(comment); match != nil {
		k.example = match[1]
		comment = strings.TrimSuffix(comment, match[0])
	}
	if match := defaultPart.FindStringSubmatch(comment); match != nil {
		k.fallback = match[1]
		comment = strings.TrimSuffix(comment, match[0])
	}
	if match := wordList.FindStringSubmatch(comment); match != nil && f.Type.Kind() == reflect.String {
		for word := range strings.SplitSeq(strings.ReplaceAll(match[1], " or ", ", "), ", ") {
			k.words = append(k.words, strings.Trim(word, `"`))
		}
	}
	// A comment begins with the Go name; the manual calls the key by its own.
	if rest, found := strings.CutPrefix(comment, f.Name+" "); found && strings.Contains(name, "_") {
		comment = "`" + name + "` " + rest
	}
	k.doc = comment
	return k
}

func isScalar(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// literal returns the default when it is a value and not a sentence.
func (k *key) literal() string {
	if k.section == nil && (k.typ.Kind() == reflect.Slice || k.typ.Kind() == reflect.Map) {
		return ""
	}
	if plainWord.MatchString(k.fallback) && k.fallback != "none" {
		return k.fallback
	}
	return ""
}

var plainWord = regexp.MustCompile(`^[\w./:+%-]+$`)

// kind names the type of a key's values for people.
func kind(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[units.Duration]():
		return "duration"
	case reflect.TypeFor[units.Size]():
		return "size"
	case reflect.TypeFor[secret.String]():
		return "secret text"
	case reflect.TypeFor[units.Share]():
		return "share"
	case reflect.TypeFor[limit.Rate]():
		return "rate"
	case reflect.TypeFor[limit.Quota]():
		return "quota"
	case reflect.TypeFor[gateway.Network]():
		return "address or network"
	}
	if isScalar(t) {
		return "text"
	}
	if isVerbatim(t) {
		return "in that product's own language"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint16:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Interface:
		return "any value"
	case reflect.Slice:
		one := kind(t.Elem())
		list := "list of " + strings.Replace(one, "text", "texts", 1)
		switch {
		case hasShortForm(t) && one == "section":
			return "text or " + list
		case hasShortForm(t):
			return one + " or " + list
		}
		return list
	case reflect.Map:
		return "mapping of names to " + plural(kind(t.Elem()))
	case reflect.Struct:
		return "section"
	}
	return "text"
}

func plural(kind string) string {
	if kind == "any value" {
		return "any values"
	}
	return kind + "s"
}

// readComments reads the package of a type once.
func (m *model) readComments(t reflect.Type) error {
	if m.read[t.PkgPath()] {
		return nil
	}
	m.read[t.PkgPath()] = true
	folder := filepath.Join(m.root, filepath.FromSlash(strings.TrimPrefix(t.PkgPath(), module)))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(folder, entry.Name()), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			m.declaration(file.Name.Name, declaration)
		}
	}
	return nil
}

func (m *model) declaration(pkg string, declaration ast.Decl) {
	note := func(typ, field, comment string) {
		name := pkg + "." + typ
		if m.comments[name] == nil {
			m.comments[name] = map[string]string{}
		}
		m.comments[name][field] = strings.Join(strings.Fields(comment), " ")
	}
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Name.Name != "FromScalar" || d.Recv == nil {
			return
		}
		if star, ok := d.Recv.List[0].Type.(*ast.StarExpr); ok {
			if name, ok := star.X.(*ast.Ident); ok {
				note(name.Name, "()", d.Doc.Text())
			}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			typ, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			fields, ok := typ.Type.(*ast.StructType)
			if !ok {
				continue
			}
			comment := d.Doc.Text()
			if typ.Doc != nil {
				comment = typ.Doc.Text()
			}
			note(typ.Name.Name, "", comment)
			for _, field := range fields.Fields.List {
				for _, name := range field.Names {
					note(typ.Name.Name, name.Name, field.Doc.Text())
				}
			}
		}
	}
}
