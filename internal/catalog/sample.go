package catalog

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// sampleOf returns a value for a parameter and what in the document gave it:
// "example", "default", "fixed value" or "first allowed value".
func sampleOf(p *openapi3.Parameter) (value any, source string, ok bool) {
	if usable(p.Example) {
		return p.Example, "example", true
	}
	if value, ok := firstExample(p.Examples); ok {
		return value, "example", true
	}
	if value, source, ok := sampleOfSchema(p.Schema, 0); ok {
		return value, source, true
	}
	for _, media := range slices.Sorted(maps.Keys(p.Content)) {
		content := p.Content[media]
		if content != nil && usable(content.Example) {
			return content.Example, "example", true
		}
	}
	return nil, "", false
}

func firstExample(examples openapi3.Examples) (any, bool) {
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		if ref := examples[name]; ref != nil && ref.Value != nil && usable(ref.Value.Value) {
			return ref.Value.Value, true
		}
	}
	return nil, false
}

// sampleOfSchema looks into alternatives too: FastAPI writes an optional integer
// as anyOf integer, null.
func sampleOfSchema(ref *openapi3.SchemaRef, depth int) (value any, source string, ok bool) {
	const deepest = 8
	if ref == nil || ref.Value == nil || depth > deepest {
		return nil, "", false
	}
	s := ref.Value
	if usable(s.Example) {
		return s.Example, "example", true
	}
	for _, example := range s.Examples {
		if usable(example) {
			return example, "example", true
		}
	}
	if usable(s.Default) {
		return s.Default, "default", true
	}
	if usable(s.Const) {
		return s.Const, "fixed value", true
	}
	for _, allowed := range s.Enum {
		if usable(allowed) {
			return allowed, "first allowed value", true
		}
	}
	// Few alternatives are enough: this bounds what nested lists of them cost.
	alternatives := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	for _, alternative := range alternatives[:min(len(alternatives), 4)] {
		if value, source, ok := sampleOfSchema(alternative, depth+1); ok {
			return value, source, true
		}
	}
	return nil, "", false
}

// usable refuses what says nothing: null and the empty text.
func usable(value any) bool { return value != nil && value != "" }

// scalar writes a text, number or boolean as it stands in a URL, unescaped.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// scalars writes a scalar or a list of them.
func scalars(value any) ([]string, bool) {
	list, isList := value.([]any)
	if !isList {
		text, ok := scalar(value)
		return []string{text}, ok
	}
	texts := make([]string, 0, len(list))
	for _, item := range list {
		text, ok := scalar(item)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// pathSegment writes a path parameter in the style simple (RFC 6570 §3.2.2), label or matrix.
func pathSegment(p *openapi3.Parameter, value any) (string, bool) {
	texts, ok := scalars(value)
	if !ok || len(texts) == 0 {
		return "", false
	}
	for i, text := range texts {
		texts[i] = url.PathEscape(text)
	}
	segment := strings.Join(texts, ",")
	if segment == "" || segment == "." || segment == ".." {
		return "", false // would name another resource
	}
	switch p.Style {
	case openapi3.SerializationLabel:
		segment = "." + segment
	case openapi3.SerializationMatrix:
		segment = ";" + url.PathEscape(p.Name) + "=" + segment
	}
	return segment, true
}

// queryPairs writes a query parameter: a list repeats it, unless it is not to
// explode; an object stands as JSON, which is what `content` parameters want.
func queryPairs(p *openapi3.Parameter, value any) []string {
	name := url.QueryEscape(p.Name)
	texts, ok := scalars(value)
	if !ok {
		text, err := json.Marshal(value)
		if err != nil {
			return nil
		}
		return []string{name + "=" + url.QueryEscape(string(text))}
	}
	for i, text := range texts {
		texts[i] = url.QueryEscape(text)
	}
	if p.Explode != nil && !*p.Explode {
		return []string{name + "=" + strings.Join(texts, ",")}
	}
	for i, text := range texts {
		texts[i] = name + "=" + text
	}
	return texts
}

func headerText(value any) (string, bool) {
	texts, ok := scalars(value)
	text := strings.Join(texts, ",")
	return text, ok && text != "" && !strings.ContainsAny(text, "\r\n\x00")
}

// escapeFixed escapes what a template holds besides parameters, which are
// escaped already: spaces and letters beyond ASCII.
func escapeFixed(path string) string {
	if u, err := url.Parse(path); err == nil && u.Path != "" && u.Host == "" && u.RawQuery == "" && u.Fragment == "" {
		return u.EscapedPath()
	}
	return (&url.URL{Path: path}).EscapedPath()
}
