package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"lapwing.dev/lapwing/internal/catalog/schema"
)

// Violation is an answer that does not match its operation. It is the only
// error of ValidateResponse that is about the answer.
type Violation struct {
	Operation Operation // zero when the request has no operation
	Problem   string    // `body /orders/0/id: want integer, got string "x"`
}

func (v *Violation) Error() string { return v.Problem }

// contract compiles the document's schemas when they are first needed.
type contract struct {
	mu       *sync.Mutex
	compiler *schema.Compiler
}

func newContract(spec *openapi3.T) contract {
	return contract{&sync.Mutex{}, schema.NewCompiler(spec.IsOpenAPI30())}
}

func (c *contract) compile(ref *openapi3.SchemaRef) *schema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile(ref)
}

// ValidateResponse holds an answer to its operation: the status and content type
// must be documented, headers and JSON body must match their schemas. A HEAD's
// body and bodies in other formats than JSON and text are not looked at.
//
// It returns nil, a *Violation, or an error of the context or of a document
// whose schemas cannot be evaluated within bounds.
func (d *Document) ValidateResponse(ctx context.Context, method string, u *url.URL, status int, header http.Header, body []byte) error {
	r := d.routes.find(method, u.EscapedPath())
	if r == nil {
		return &Violation{Problem: fmt.Sprintf("%s %s is not in the OpenAPI document", method, shorten(u.EscapedPath()))}
	}
	violation := func(format string, args ...any) error {
		return &Violation{r.Operation, fmt.Sprintf(format, args...)}
	}
	if r.spec.Responses.Len() == 0 {
		return nil
	}
	response := responseOf(r.spec.Responses, status)
	if response == nil {
		return violation("status %d is not documented for %s; documented: %s",
			status, r.Operation, strings.Join(slices.Sorted(maps.Keys(r.spec.Responses.Map())), ", "))
	}
	if problem, err := d.checkHeaders(ctx, response.Headers, header); err != nil {
		return err
	} else if problem != "" {
		return violation("%s", problem)
	}
	if method == http.MethodHead || len(response.Content) == 0 || status == http.StatusNoContent || status == http.StatusNotModified {
		return nil
	}
	media := response.Content.Get(header.Get("Content-Type"))
	if media == nil {
		documented := strings.Join(slices.Sorted(maps.Keys(response.Content)), ", ")
		if header.Get("Content-Type") == "" {
			return violation("the answer has no Content-Type; documented for status %d of %s: %s", status, r.Operation, documented)
		}
		return violation("content type %s is not documented for status %d of %s; documented: %s",
			shorten(mediaType(header)), status, r.Operation, documented)
	}
	problem, err := d.checkBody(ctx, media, header, body)
	if err != nil {
		return fmt.Errorf("contract of %s: %w", r.Operation, err)
	}
	if problem != "" {
		return violation("%s", problem)
	}
	return nil
}

// responseOf returns what is documented for a status: exactly, as 2XX, or by default.
func responseOf(responses *openapi3.Responses, status int) *openapi3.Response {
	code := strconv.Itoa(status)
	for _, key := range []string{code, code[:1] + "XX", code[:1] + "xx", "default"} {
		if ref := responses.Value(key); ref != nil && ref.Value != nil {
			return ref.Value
		}
	}
	return nil
}

// budget is how many schemas may be visited for one answer: plenty for an honest
// one, a fraction of a second for a hostile one.
func budget(body []byte) int { return 100_000 + 16*len(body) }

func (d *Document) checkBody(ctx context.Context, media *openapi3.MediaType, header http.Header, body []byte) (string, error) {
	s := d.contract.compile(media.Schema)
	if s == nil {
		return "", nil
	}
	var value any
	switch kind := mediaType(header); {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if len(bytes.TrimSpace(body)) == 0 {
			return "body: want JSON, got nothing", nil
		}
		var err error
		if value, err = decodeJSON(body); err != nil {
			return "body: not JSON: " + err.Error(), nil
		}
	case strings.HasPrefix(kind, "text/plain"):
		value = string(body)
	default:
		return "", nil
	}
	return told(s.Check(ctx, value, budget(body)), "body")
}

// told turns a schema's violation into a sentence and passes other errors on.
func told(err error, where string) (string, error) {
	var v *schema.Violation
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &v):
		return "", err
	case v.Pointer != "":
		return where + " " + v.Pointer + ": " + v.Problem, nil
	}
	return where + ": " + v.Problem, nil
}

// decodeJSON decodes exactly one value, with numbers as written.
func decodeJSON(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("cut short after %d bytes", len(body))
		}
		return nil, fmt.Errorf("%s at byte %d", err.Error(), decoder.InputOffset())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more after the value, at byte %d", decoder.InputOffset())
	}
	return value, nil
}

func mediaType(header http.Header) string {
	text := header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(text); err == nil {
		return kind
	}
	kind, _, _ := strings.Cut(text, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// checkHeaders looks at documented headers, in the order of their names.
func (d *Document) checkHeaders(ctx context.Context, documented openapi3.Headers, header http.Header) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		ref := documented[name]
		if ref == nil || ref.Value == nil || strings.EqualFold(name, "Content-Type") {
			continue // Content-Type is for `content` to say (OpenAPI 3.0.3, "Response Object")
		}
		values := header.Values(name)
		if len(values) == 0 {
			if ref.Value.Required {
				return fmt.Sprintf("header %s is missing", shorten(name)), nil
			}
			continue
		}
		s := d.contract.compile(ref.Value.Schema)
		if s == nil {
			continue
		}
		value := headerValue(ref.Value.Schema.Value, strings.Join(values, ", "))
		if problem, err := told(s.Check(ctx, value, budget(nil)), "header "+shorten(name)); err != nil || problem != "" {
			return problem, err
		}
	}
	return "", nil
}

// headerValue reads a header's text as the type that its schema wants; a text
// that is not of that type stays one, and so breaks the schema.
func headerValue(s *openapi3.Schema, text string) any {
	if !s.Type.Includes("array") {
		return headerScalar(s, text)
	}
	list := []any{}
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if s.Items != nil && s.Items.Value != nil {
			list = append(list, headerScalar(s.Items.Value, item))
		} else {
			list = append(list, item)
		}
	}
	return list
}

func headerScalar(s *openapi3.Schema, text string) any {
	switch {
	case s.Type.Includes("integer"), s.Type.Includes("number"):
		if _, err := strconv.ParseFloat(text, 64); err == nil && json.Valid([]byte(text)) {
			return json.Number(text)
		}
	case s.Type.Includes("boolean"):
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}
