package catalog

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"lapwing.dev/lapwing/internal/fault"
)

// Document is one reading of an API's OpenAPI document. It does not change and
// is safe for concurrent use.
type Document struct {
	spec       *openapi3.T
	from       Origin
	converted  bool // it was Swagger 2.0
	basePath   string
	operations []Operation
	routes     routes
	all        []*route // in the order of operations
	contract   contract
}

// Origin says whose document it is and where it came from.
type Origin struct {
	API  string // name of the API; may be empty
	Base string // the API's URL: what its paths are on; may be empty
	URL  string // where the document was read: a URL or a file name; may be empty
}

// newDocument indexes a resolved document.
func newDocument(spec *openapi3.T, from Origin) (*Document, error) {
	d := &Document{spec: spec, from: from, contract: newContract(spec)}
	if base, err := url.Parse(from.Base); err == nil {
		d.basePath = trimSlash(base.EscapedPath())
	}
	location, err := url.Parse(from.URL)
	if err != nil {
		location = nil
	}
	items := spec.Paths.Map()
	paths := make([]string, 0, len(items))
	for path, item := range items {
		if item != nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		if !strings.HasPrefix(path, "/") {
			return nil, fault.Invalid("path %q does not start with a slash", shorten(path))
		}
		item := items[path]
		servers := spec.Servers
		if len(item.Servers) > 0 {
			servers = item.Servers
		}
		for _, method := range methodsOf(item) {
			if err := d.add(path, method, item, servers, location); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

func (d *Document) add(path, method string, item *openapi3.PathItem, servers openapi3.Servers, location *url.URL) error {
	spec := item.Operations()[method]
	if spec.Servers != nil && len(*spec.Servers) > 0 {
		servers = *spec.Servers
	}
	list := prefixes(d.basePath, location, servers)
	r := &route{
		Operation: Operation{
			API: d.from.API, Method: method, Path: path, ID: spec.OperationID, Summary: spec.Summary,
			Tags: spec.Tags, Deprecated: spec.Deprecated, Safe: method == "GET" || method == "HEAD",
		},
		item: item, spec: spec, prefix: list[0],
	}
	for _, prefix := range list {
		if !d.routes.add(d.basePath+prefix, r) {
			return fault.Invalid("path %q has more than %d segments", shorten(path), maxSegments)
		}
	}
	d.operations = append(d.operations, r.Operation)
	d.all = append(d.all, r)
	return nil
}

// methodOrder is how methods of one path are listed; others follow by name.
var methodOrder = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

func methodsOf(item *openapi3.PathItem) []string {
	var methods []string
	for method := range item.Operations() {
		methods = append(methods, method)
	}
	rank := func(method string) int {
		if i := slices.Index(methodOrder, method); i >= 0 {
			return i
		}
		return len(methodOrder)
	}
	slices.SortFunc(methods, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	return methods
}

// Title is the API's title as the document has it; may be empty.
func (d *Document) Title() string {
	if d.spec.Info == nil {
		return ""
	}
	return d.spec.Info.Title
}

// Version is the API's own version as the document has it; may be empty.
func (d *Document) Version() string {
	if d.spec.Info == nil {
		return ""
	}
	return d.spec.Info.Version
}

// Format names the document's format: "OpenAPI 3.1.0", "Swagger 2.0".
func (d *Document) Format() string {
	if d.converted {
		return "Swagger 2.0"
	}
	return fmt.Sprintf("OpenAPI %s", shorten(d.spec.OpenAPI))
}

// URL is where the document was read: a URL or a file name.
func (d *Document) URL() string { return d.from.URL }

// Operations lists the operations by path and method. The caller must not change the list.
func (d *Document) Operations() []Operation { return d.operations }

// Match returns the operation of a request. The path is as on the wire, escaped
// and without its query (url.URL's EscapedPath), and starts with the path of the
// API's URL. The host is not looked at.
//
// The most concrete route wins; a trailing slash more or less matches when the
// exact form is not documented; HEAD is answered by GET's operation.
func (d *Document) Match(method, path string) (Operation, bool) {
	if r := d.routes.find(method, path); r != nil {
		return r.Operation, true
	}
	return Operation{}, false
}

// shorten cuts a text from outside to a length that a message can bear.
func shorten(s string) string {
	const most = 120
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
