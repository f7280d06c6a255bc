package assert

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Limits of a schema's files and of what is said about an answer.
const (
	maxSchemaFile = 4 << 20 // bytes
	maxViolations = 3       // that are said
	maxSorted     = 100     // of which the first are taken
)

// Schema is a JSON Schema that an answer's body must match. It may be used by
// several goroutines at once.
type Schema struct {
	schema *jsonschema.Schema
}

// LoadSchema reads a JSON Schema file, draft 4 to 2020-12. It may $ref files in
// its own folder and below, and nothing else: no network, no path out of it
// (symbolic links included). `format` is asserted.
func LoadSchema(file string) (*Schema, error) {
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	defer func() { _ = root.Close() }() // only read from
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(localFiles{root})
	compiler.AssertFormat()
	s, err := compiler.Compile(localScheme + ":///" + url.PathEscape(filepath.Base(file)))
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, schemaError(err))
	}
	return &Schema{s}, nil
}

// localScheme is of URLs whose paths are in the schema's folder, so that a
// schema's $ref cannot even say another place.
const localScheme = "schema"

// localFiles loads what a schema refers to.
type localFiles struct{ root *os.Root }

func (l localFiles) Load(ref string) (any, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("$ref %q: %w", ref, err)
	}
	if u.Scheme != localScheme {
		return nil, fmt.Errorf("$ref %q is not loaded; refer to a file in the schema's folder", ref)
	}
	name := filepath.FromSlash(strings.TrimPrefix(path.Clean(u.Path), "/"))
	f, err := l.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("$ref %q: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read from
	doc, err := jsonschema.UnmarshalJSON(io.LimitReader(f, maxSchemaFile))
	if err != nil {
		return nil, fmt.Errorf("%s is not JSON: %w", name, err)
	}
	return doc, nil
}

// schemaError leaves out what the library says about its own URLs.
func schemaError(err error) error {
	if load, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return load.Err
	}
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if v, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			return errors.New("not a JSON Schema: " + violations(v))
		}
	}
	return err
}

// Check reports whether the answer's body is JSON that matches the schema. If
// not, detail names the places as JSON pointers (RFC 6901) and what was
// expected: "/orders/0/id: got string, want integer".
func (s *Schema) Check(a *Answer) (holds bool, detail string) {
	doc, err := a.decodedJSON()
	if err != nil {
		return false, err.Error()
	}
	err = s.schema.Validate(doc)
	var v *jsonschema.ValidationError
	switch {
	case err == nil:
		return true, ""
	case errors.As(err, &v):
		return false, violations(v)
	}
	return false, err.Error()
}

// violations lists the first places that do not match.
func violations(v *jsonschema.ValidationError) string {
	printer := message.NewPrinter(language.English)
	var all []string
	total := 0
	collect(v, func(leaf *jsonschema.ValidationError) {
		if total++; total <= maxSorted {
			all = append(all, violation(leaf, printer))
		}
	})
	slices.Sort(all)
	said := min(len(all), maxViolations)
	text := strings.Join(all[:said], "; ")
	if more := total - said; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// collect finds the errors that have no cause of their own. The alternatives of
// a choice are one error: which of them was meant, nobody knows.
func collect(v *jsonschema.ValidationError, leaf func(*jsonschema.ValidationError)) {
	switch v.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		leaf(v)
		return
	}
	if len(v.Causes) == 0 {
		leaf(v)
	}
	for _, cause := range v.Causes {
		collect(cause, leaf)
	}
}

func violation(v *jsonschema.ValidationError, printer *message.Printer) string {
	said := v.ErrorKind.LocalizedString(printer)
	switch v.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		said = fmt.Sprintf("matches none of %d alternatives", max(1, len(v.Causes)))
		if len(v.Causes) == 0 {
			said = "matches more than one alternative"
		}
	}
	var pointer strings.Builder
	for _, token := range v.InstanceLocation {
		pointer.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	place := cut(pointer.String(), maxShown)
	if place == "" {
		place = "the body"
	}
	return place + ": " + cut(said, 2*maxShown)
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
