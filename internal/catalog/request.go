package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"lapwing.dev/lapwing/internal/catalog/schema"
)

// MaxRequestBody is the largest body, in bytes, that is held to its schema:
// decoding takes some thirty times as much memory.
const MaxRequestBody = 1 << 20

// request is what an operation wants of a request, made when the first one comes.
type request struct {
	once       sync.Once
	parameters []*parameter
	body       *openapi3.RequestBody // nil: none is documented
}

// ValidateRequest holds a request to its operation: there must be one;
// parameters in path, query, headers and cookies and a JSON body must be there
// when they are required, and match their schemas. Parameters and headers that
// are not documented may be there, and OPTIONS always may. Not looked at are
// bodies in other formats than JSON, parameters that are objects, and
// credentials.
//
// The URL has the path that the API sees. body is nil when it was not read; then
// only its content type is looked at.
//
// It returns nil, a *Violation, whose text may be shown to the client, or the
// context's error.
func (d *Document) ValidateRequest(ctx context.Context, method string, u *url.URL, header http.Header, body []byte) error {
	path := u.EscapedPath()
	r := d.routes.find(method, path)
	if r == nil {
		if method == http.MethodOptions {
			return nil // browsers ask before requests to other origins (Fetch §4.8); nobody documents that
		}
		return &Violation{Problem: fmt.Sprintf("%s %s is not in the OpenAPI document", shorten(method), shorten(path))}
	}
	r.request.once.Do(func() { d.compileRequest(r) })
	problem, err := d.requestProblem(ctx, r, path, u.RawQuery, header, body)
	switch {
	case errors.Is(err, schema.ErrTooCostly):
		return &Violation{r.Operation, "the request takes too long to check"}
	case err != nil:
		return err
	case problem != "":
		return &Violation{r.Operation, problem}
	}
	return nil
}

func (d *Document) requestProblem(ctx context.Context, r *route, path, query string, header http.Header, body []byte) (string, error) {
	if len(r.request.parameters) > 0 {
		sent := &sentValues{route: r, path: path, query: query, header: header}
		for _, p := range r.request.parameters {
			if problem, err := p.check(ctx, sent); err != nil || problem != "" {
				return problem, err
			}
		}
	}
	if r.request.body == nil {
		return "", nil
	}
	return d.checkRequestBody(ctx, r.request.body, header, body)
}

func (d *Document) checkRequestBody(ctx context.Context, documented *openapi3.RequestBody, header http.Header, body []byte) (string, error) {
	kind := header.Get("Content-Type")
	if body != nil && len(body) == 0 || body == nil && kind == "" {
		if body != nil && documented.Required {
			return "the body is missing", nil
		}
		return "", nil
	}
	if len(documented.Content) == 0 {
		return "", nil
	}
	media := documented.Content.Get(kind)
	if media == nil {
		list := shorten(strings.Join(slices.Sorted(maps.Keys(documented.Content)), ", "))
		if kind == "" {
			return "the body has no Content-Type; documented: " + list, nil
		}
		return fmt.Sprintf("content type %s is not documented for the body; documented: %s", shorten(mediaType(header)), list), nil
	}
	if body == nil || !isJSON(mediaType(header)) {
		return "", nil
	}
	if len(body) > MaxRequestBody {
		return fmt.Sprintf("body: %d bytes are too many to check; at most %d", len(body), MaxRequestBody), nil
	}
	s := d.contract.compile(media.Schema)
	value, err := decodeJSON(body)
	if err != nil {
		return "body: not JSON: " + err.Error(), nil
	}
	return told(s.CheckRequest(ctx, value, budget(body)), "body")
}

func isJSON(kind string) bool { return kind == "application/json" || strings.HasSuffix(kind, "+json") }

// compileRequest prepares what requests of a route are held to.
func (d *Document) compileRequest(r *route) {
	for _, p := range parametersOf(r) {
		if compiled := d.compileParameter(p); compiled != nil {
			r.request.parameters = append(r.request.parameters, compiled)
		}
	}
	if ref := r.spec.RequestBody; ref != nil {
		r.request.body = ref.Value
	}
}

// ValidateRequest holds a request to its operation: see Document.ValidateRequest.
// It waits for nothing: while an API has no document, every request is fine.
func (c *Catalog) ValidateRequest(ctx context.Context, api, method string, u *url.URL, header http.Header, body []byte) error {
	if d := c.present(api); d != nil {
		return d.ValidateRequest(ctx, method, u, header, body)
	}
	return nil
}
