package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"

	"lapwing.dev/lapwing/internal/fault"
)

// MaxSize is the largest document that is read, in bytes; with the files that it refers to.
const MaxSize = 10 << 20

// errForeign is what a place holds that has something, but no OpenAPI document:
// many sites answer every path with their start page.
var errForeign = errors.New("this is not an OpenAPI document")

// Parse reads a document: OpenAPI 3.x, or Swagger 2.0 which is converted; JSON
// or YAML. References to other documents are refused, so nothing else is read.
// Errors are of kind fault.Invalid and say what is wrong in the document's terms.
func Parse(data []byte, from Origin) (*Document, error) {
	return parse(data, from, refuseOthers)
}

// ReadFile reads a document from disk. It may refer to other files in its folder
// and below; a reference that leads out of it, or to the network, is refused.
func ReadFile(name string, from Origin) (*Document, error) {
	if from.URL == "" {
		from.URL = name
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, fault.NotFound("read %s: %w", name, plainPathError(err))
	}
	defer root.Close()
	files := &folder{root: root, left: MaxSize}
	data, err := files.read(filepath.Base(name))
	if err != nil {
		return nil, err
	}
	d, err := parse(data, from, files.readRef)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// readRef returns what a reference to another document leads to, as JSON.
type readRef func(loader *openapi3.Loader, location *url.URL) ([]byte, error)

func refuseOthers(_ *openapi3.Loader, location *url.URL) ([]byte, error) {
	return nil, fault.Invalid("it refers to another document, %q; such references are followed only between local files", shorten(location.Redacted()))
}

// parse holds a hostile document to bounds before the OpenAPI library sees it:
// size, nesting, and references whose resolution could multiply.
func parse(data []byte, from Origin, read readRef) (d *Document, err error) {
	// The library is large and the document is not ours: a defect that it finds
	// must be an error about this document, not the end of the process.
	defer func() {
		if cause := recover(); cause != nil {
			d, err = nil, fault.Invalid("the document cannot be read: %v", cause)
		}
	}()
	text, err := toJSON(data)
	if err != nil {
		return nil, err
	}
	if err := checkBounds(text); err != nil {
		return nil, err
	}
	var head struct {
		OpenAPI any `json:"openapi"`
		Swagger any `json:"swagger"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fault.Invalid("%w: %s", errForeign, plainJSONError(err))
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = true // readers decide: see refuseOthers and folder.readRef
	loader.ReadFromURIFunc = openapi3.ReadFromURIFunc(read)
	spec, err := load(loader, text, fmt.Sprint(head.OpenAPI), fmt.Sprint(head.Swagger))
	if err != nil {
		return nil, err
	}
	d, err = newDocument(spec, from)
	if err != nil {
		return nil, err
	}
	d.converted = head.OpenAPI == nil
	return d, nil
}

func load(loader *openapi3.Loader, text []byte, openapi, swagger string) (*openapi3.T, error) {
	location := &url.URL{Path: "openapi"} // relative references are on its folder, the file's own
	switch {
	case strings.HasPrefix(openapi, "3."):
		spec := &openapi3.T{}
		if err := json.Unmarshal(text, spec); err != nil {
			return nil, fault.Invalid("the OpenAPI document is not well formed: %s", plainJSONError(err))
		}
		if err := loader.ResolveRefsIn(spec, location); err != nil {
			return nil, unresolved(err)
		}
		return spec, nil
	case strings.HasPrefix(swagger, "2"):
		old := &openapi2.T{}
		if err := json.Unmarshal(text, old); err != nil {
			return nil, fault.Invalid("the Swagger 2.0 document is not well formed: %s", plainJSONError(err))
		}
		spec, err := openapi2conv.ToV3WithLoader(old, loader, location)
		if err != nil {
			return nil, unresolved(err)
		}
		return spec, nil
	case openapi != "<nil>":
		return nil, fault.Invalid("OpenAPI version %q is not known; 3.0, 3.1, 3.2 and Swagger 2.0 are", shorten(openapi))
	case swagger != "<nil>":
		return nil, fault.Invalid("Swagger version %q is not known; 2.0 and OpenAPI 3.x are", shorten(swagger))
	}
	return nil, fault.Invalid("%w: it has neither `openapi` nor `swagger`", errForeign)
}

func unresolved(err error) error {
	if ours, ok := errors.AsType[*fault.Error](err); ok {
		return ours
	}
	return fault.Invalid("a reference in the document leads nowhere: %s", shorten(err.Error()))
}

// plainJSONError takes the Go out of encoding/json's messages, which the library
// passes on as texts: "cannot unmarshal number into field T.paths of type …".
func plainJSONError(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%s (byte %d)", syntax.Error(), syntax.Offset)
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	rest, ok := strings.CutPrefix(text, "cannot unmarshal ")
	if !ok {
		return shorten(text)
	}
	kind, rest, _ := strings.Cut(rest, " into ")
	place, _, _ := strings.Cut(strings.TrimPrefix(rest, "Go struct field "), " of type")
	if _, member, ok := strings.Cut(strings.TrimPrefix(place, "field "), "."); ok {
		return fmt.Sprintf("%s: a %s cannot stand here", shorten(member), shorten(kind))
	}
	return fmt.Sprintf("a %s stands where it cannot", shorten(kind))
}

// toJSON returns JSON as it is and YAML converted.
func toJSON(data []byte) ([]byte, error) {
	if len(data) > MaxSize {
		return nil, fault.Invalid("the document is larger than %d MiB", MaxSize>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	start := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(start) == 0:
		return nil, fault.Invalid("%w: it is empty", errForeign)
	case start[0] == '<':
		return nil, fault.Invalid("%w but a web page", errForeign)
	case start[0] == '{' && json.Valid(start):
		return start, nil
	}
	return yamlToJSON(data)
}
