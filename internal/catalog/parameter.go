package catalog

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"lapwing.dev/lapwing/internal/catalog/schema"
)

// parameter is a documented parameter that requests can be held to.
type parameter struct {
	in, name   string
	where      string // "query parameter limit"
	required   bool
	allowEmpty bool
	isJSON     bool   // documented by content: its text is JSON
	isArray    bool   //
	separator  string // between the elements of an array; "" when it is sent once for each
	types      types
	schema     *schema.Schema
}

// types are those that a text may stand for, over all alternatives of a schema.
type types struct{ number, boolean, text, null bool }

// compileParameter returns nil for a parameter of which nothing can be said.
func (d *Document) compileParameter(p *openapi3.Parameter) *parameter {
	if p.In == openapi3.ParameterInHeader && ignoredHeader(p.Name) {
		return nil
	}
	c := &parameter{
		in: p.In, name: p.Name, where: shorten(p.In) + " parameter " + shorten(p.Name),
		required: p.Required, allowEmpty: p.AllowEmptyValue, schema: d.contract.compile(p.Schema),
	}
	if p.Schema == nil || p.Schema.Value == nil {
		for kind, media := range p.Content {
			if isJSON(kind) && media != nil {
				c.isJSON, c.schema = true, d.contract.compile(media.Schema)
			}
		}
		return c
	}
	items, object := arrayOf(p.Schema, 0)
	switch {
	case object:
		c.schema = nil // its members have names of their own: only whether it is there can be said
		c.required = c.required && p.In != openapi3.ParameterInQuery
	case items != nil:
		c.isArray = true
		c.types = typesOf(items, 0)
		c.separator = separatorOf(p)
		if c.separator == "?" {
			c.schema = nil
		}
	default:
		c.types = typesOf(p.Schema, 0)
		if p.In == openapi3.ParameterInPath && p.Style != "" && p.Style != openapi3.SerializationSimple {
			c.schema = nil // ;id=5 and .5
		}
	}
	return c
}

// ignoredHeader knows those that a description of parameters must not be about
// (OpenAPI 3.0.3, "Parameter Object").
func ignoredHeader(name string) bool {
	return strings.EqualFold(name, "Accept") || strings.EqualFold(name, "Content-Type") || strings.EqualFold(name, "Authorization")
}

// separatorOf is what stands between the elements of an array; "" when the
// parameter is sent once for each, "?" for a style that is not known.
func separatorOf(p *openapi3.Parameter) string {
	switch p.In {
	case openapi3.ParameterInQuery, openapi3.ParameterInCookie:
		switch p.Style {
		case "", openapi3.SerializationForm:
			if p.Explode == nil || *p.Explode {
				return ""
			}
			return ","
		case openapi3.SerializationSpaceDelimited:
			if p.Explode == nil || *p.Explode {
				return ""
			}
			return " "
		case openapi3.SerializationPipeDelimited:
			if p.Explode == nil || *p.Explode {
				return ""
			}
			return "|"
		}
		return "?"
	}
	if p.Style == "" || p.Style == openapi3.SerializationSimple {
		return ","
	}
	return "?"
}

// deepestAlternative bounds looking for types through lists of alternatives.
const deepestAlternative = 8

// arrayOf returns the schema of the elements when a schema wants an array, in
// any of its alternatives; object reports that it may want an object.
func arrayOf(ref *openapi3.SchemaRef, depth int) (items *openapi3.SchemaRef, object bool) {
	if ref == nil || ref.Value == nil || depth > deepestAlternative {
		return nil, false
	}
	s := ref.Value
	if s.Type.Includes("object") || s.Type == nil && len(s.Properties) > 0 {
		return nil, true
	}
	if s.Type.Includes("array") {
		if s.Items == nil {
			return openapi3.NewSchemaRef("", &openapi3.Schema{}), false
		}
		return s.Items, false
	}
	for _, alternative := range alternativesOf(s) {
		if items, object := arrayOf(alternative, depth+1); items != nil || object {
			return items, object
		}
	}
	return nil, false
}

// alternativesOf are the first schemas that s is made of: a few are enough, and
// bound what nested lists of them cost.
func alternativesOf(s *openapi3.Schema) openapi3.SchemaRefs {
	all := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	return all[:min(len(all), 4)]
}

func typesOf(ref *openapi3.SchemaRef, depth int) (t types) {
	if ref == nil || ref.Value == nil || depth > deepestAlternative {
		return types{text: true}
	}
	s := ref.Value
	if s.Type != nil {
		return types{
			number:  s.Type.Includes("integer") || s.Type.Includes("number"),
			boolean: s.Type.Includes("boolean"),
			text:    s.Type.Includes("string"),
			null:    s.Type.Includes("null") || s.Nullable,
		}
	}
	for _, value := range append(slices.Clone(s.Enum), s.Const) {
		switch value.(type) {
		case float64, int, int64, uint64, json.Number:
			t.number = true
		case bool:
			t.boolean = true
		case string:
			t.text = true
		}
	}
	for _, alternative := range alternativesOf(s) {
		a := typesOf(alternative, depth+1)
		t = types{t.number || a.number, t.boolean || a.boolean, t.text || a.text, t.null || a.null}
	}
	if t == (types{}) {
		t.text = true
	}
	return t
}

// readings are the values that a text may stand for, the likeliest first.
func (t types) readings(text string) []any {
	var list []any
	if t.number && isNumber(text) {
		list = append(list, json.Number(text))
	}
	if t.boolean {
		if b, err := strconv.ParseBool(text); err == nil {
			list = append(list, b)
		}
	}
	if t.null && (text == "" || text == "null") {
		list = append(list, nil)
	}
	if t.text || len(list) == 0 {
		list = append(list, text)
	}
	return list
}

// isNumber reports whether text is a number as JSON writes it.
func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') &&
		text[len(text)-1] != ' ' && json.Valid([]byte(text))
}

// sentValues are the parameters of one request. Each kind is read when the first of
// it is asked for.
type sentValues struct {
	route     *route
	path      string
	query     string
	header    http.Header
	paths     map[string]string
	queries   map[string][]string
	cookies   []*http.Cookie
	readParts uint8
}

const (
	readPath = 1 << iota
	readQuery
	readCookies
)

// values are what was sent for a parameter; nil when it was not.
func (s *sentValues) values(in, name string) []string {
	switch in {
	case openapi3.ParameterInPath:
		if s.readParts&readPath == 0 {
			s.readParts |= readPath
			s.paths = s.route.pathValues(s.path)
		}
		if value, ok := s.paths[name]; ok {
			return []string{value}
		}
	case openapi3.ParameterInQuery:
		if s.readParts&readQuery == 0 {
			s.readParts |= readQuery
			s.queries = readValues(s.query)
		}
		return s.queries[name]
	case openapi3.ParameterInHeader:
		return s.header.Values(name)
	case openapi3.ParameterInCookie:
		if s.readParts&readCookies == 0 {
			s.readParts |= readCookies
			s.cookies = (&http.Request{Header: s.header}).Cookies()
		}
		var values []string
		for _, c := range s.cookies {
			if c.Name == name {
				values = append(values, c.Value)
			}
		}
		return values
	}
	return nil
}

// maxQueryValues bounds how many parameters of one query are read.
const maxQueryValues = 1000

// readValues reads a query leniently, as servers do that the request may go to:
// what is not escaped well stays as it is.
func readValues(query string) map[string][]string {
	values := map[string][]string{}
	n := 0
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if n++; n > maxQueryValues {
			break
		}
		name, value, _ := strings.Cut(pair, "=")
		name = unescapeQuery(name)
		values[name] = append(values[name], unescapeQuery(value))
	}
	return values
}

func unescapeQuery(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// check returns what is wrong with a request's parameter, or "".
func (p *parameter) check(ctx context.Context, sent *sentValues) (string, error) {
	values := sent.values(p.in, p.name)
	if len(values) == 0 {
		if p.required {
			return p.where + " is missing", nil
		}
		return "", nil
	}
	if p.schema == nil {
		return "", nil
	}
	if p.in == openapi3.ParameterInHeader && len(values) > 1 {
		values = []string{strings.Join(values, ",")} // the same (RFC 9110 §5.3)
	}
	if p.isArray {
		return p.checkArray(ctx, values)
	}
	for _, text := range values { // which of several counts is for the API to say: all must be good
		if text == "" && p.allowEmpty {
			continue
		}
		if problem, err := p.checkText(ctx, text); err != nil || problem != "" {
			return problem, err
		}
	}
	return "", nil
}

func (p *parameter) checkText(ctx context.Context, text string) (string, error) {
	if p.isJSON {
		value, err := decodeJSON([]byte(text))
		if err != nil {
			return p.where + ": not JSON: " + err.Error(), nil
		}
		return told(p.schema.CheckRequest(ctx, value, budget(nil)), p.where)
	}
	return p.anyOf(ctx, p.types.readings(text))
}

// maxElements bounds the array of one parameter.
const maxElements = 10_000

func (p *parameter) checkArray(ctx context.Context, values []string) (string, error) {
	if p.separator != "" {
		var elements []string
		for _, text := range values {
			if text != "" {
				elements = append(elements, strings.Split(text, p.separator)...)
			}
		}
		values = elements
	}
	if len(values) > maxElements {
		return p.where + " has too many elements to check", nil
	}
	read, texts := make([]any, len(values)), make([]any, len(values))
	for i, text := range values {
		if p.in == openapi3.ParameterInHeader {
			text = strings.TrimSpace(text)
		}
		read[i], texts[i] = p.types.readings(text)[0], text
	}
	if p.types.text && (p.types.number || p.types.boolean || p.types.null) {
		return p.anyOf(ctx, []any{read, texts})
	}
	return p.anyOf(ctx, []any{read})
}

// anyOf reports the first reading's mistake when none of them is good.
func (p *parameter) anyOf(ctx context.Context, readings []any) (string, error) {
	first := ""
	for i, value := range readings {
		problem, err := told(p.schema.CheckRequest(ctx, value, budget(nil)), p.where)
		if err != nil || problem == "" {
			return "", err
		}
		if i == 0 {
			first = problem
		}
	}
	return first, nil
}

// pathValues are the path parameters of a path that matched the route. The
// template is at the path's end: what comes before it is of the API's URL and
// servers.
func (r *route) pathValues(path string) map[string]string {
	values := map[string]string{}
	template := strings.TrimSuffix(r.Path, "/")
	path = strings.TrimSuffix(path, "/")
	for template != "" {
		i, j := strings.LastIndexByte(template, '/'), strings.LastIndexByte(path, '/')
		if i < 0 || j < 0 {
			break
		}
		if want := template[i+1:]; strings.IndexByte(want, '{') >= 0 {
			capture(values, want, unescape(path[j+1:]))
		}
		template, path = template[:i], path[:j]
	}
	return values
}

// capture takes the parameters of one segment, as mixedEdge.matches cuts it.
func capture(values map[string]string, template, segment string) {
	fixed := splitTemplate(template)
	rest, found := strings.CutPrefix(segment, fixed[0])
	template = template[len(fixed[0]):]
	for i := 1; i < len(fixed) && found; i++ {
		end := strings.IndexByte(template, '}')
		name := template[1:end]
		template = template[end+1+len(fixed[i]):]
		n := len(rest) - len(fixed[i])
		if i < len(fixed)-1 && rest != "" {
			n = 1 + strings.Index(rest[1:], fixed[i])
		}
		if n < 1 {
			return
		}
		values[name] = rest[:n]
		rest = rest[min(n+len(fixed[i]), len(rest)):]
	}
}
