package probe

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"mime"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// body is what a request sends, ready or to be filled in.
type body struct {
	present     bool
	text        template
	fixed       []byte // the body when text has nothing to fill in
	contentType string
}

// fill returns the body of one run.
func (b *body) fill(vars map[string]string) ([]byte, error) {
	if b.fixed != nil || !b.present {
		return b.fixed, nil
	}
	text, err := b.text.fill(vars)
	return []byte(text), err
}

// prepareBody reads or builds the body, whichever kind the request has.
func (h *HTTP) prepareBody(r *HTTPRequest) (body, error) {
	b, err := h.buildBody(r)
	if err != nil {
		return body{}, err
	}
	if b.present && b.fixed == nil && b.text.fixed() {
		text, err := b.text.fill(nil)
		if err != nil {
			return body{}, err
		}
		b.fixed, b.text = []byte(text), template{}
	}
	return b, nil
}

func (h *HTTP) buildBody(r *HTTPRequest) (body, error) {
	const jsonType = "application/json"
	switch {
	case r.JSON != nil:
		text, err := marshalJSON(r.JSON)
		if err != nil {
			return body{}, fmt.Errorf("json: %w", err)
		}
		return body{present: true, text: parseTemplate(string(text), jsonEscape), contentType: jsonType}, nil
	case r.GraphQL != nil:
		operation := map[string]any{"query": r.GraphQL.Query}
		if r.GraphQL.Variables != nil {
			operation["variables"] = r.GraphQL.Variables
		}
		if r.GraphQL.Operation != "" {
			operation["operationName"] = r.GraphQL.Operation
		}
		text, err := marshalJSON(operation)
		if err != nil {
			return body{}, fmt.Errorf("graphql: %w", err)
		}
		return body{present: true, text: parseTemplate(string(text), jsonEscape), contentType: jsonType}, nil
	case r.Form != nil:
		values := make(map[string]any, len(r.Form))
		for name, value := range r.Form {
			values[name] = value
		}
		return body{present: true, text: queryTemplate(values), contentType: "application/x-www-form-urlencoded"}, nil
	case r.Multipart != nil:
		return h.multipartBody(r.Multipart)
	case r.BodyFile != "":
		content, err := h.readFile(r.BodyFile, maxBodyFile)
		if err != nil {
			return body{}, fmt.Errorf("body_file: %w", err)
		}
		if content == nil {
			content = []byte{}
		}
		return body{present: true, fixed: content, contentType: mime.TypeByExtension(filepath.Ext(r.BodyFile))}, nil
	case r.Body != "":
		return body{present: true, text: parseTemplate(r.Body, verbatim)}, nil
	}
	return body{}, nil
}

// multipartBody writes multipart/form-data (RFC 7578), parts by name.
func (h *HTTP) multipartBody(parts map[string]Part) (body, error) {
	var (
		t       template
		written bytes.Buffer
	)
	w := multipart.NewWriter(&written)
	if err := w.SetBoundary("lapwing-" + rand.Text()); err != nil {
		return body{}, fmt.Errorf("multipart: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		part := parts[name]
		header := textproto.MIMEHeader{}
		disposition := `form-data; name="` + quoteParameter(name) + `"`
		content := parseTemplate(part.Value, verbatim)
		contentType := part.Type
		if part.File != "" {
			file, err := h.readFile(part.File, maxBodyFile)
			if err != nil {
				return body{}, fmt.Errorf("multipart.%s.file: %w", name, err)
			}
			content = literal(string(file))
			disposition += `; filename="` + quoteParameter(filepath.Base(part.File)) + `"`
			if contentType == "" {
				contentType = mime.TypeByExtension(filepath.Ext(part.File))
			}
			if contentType == "" {
				contentType = "application/octet-stream"
			}
		}
		header.Set("Content-Disposition", disposition)
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		if _, err := w.CreatePart(header); err != nil {
			return body{}, fmt.Errorf("multipart.%s: %w", name, err)
		}
		t.write(written.String())
		written.Reset()
		t.append(content)
	}
	if err := w.Close(); err != nil {
		return body{}, fmt.Errorf("multipart: %w", err)
	}
	t.write(written.String())
	return body{present: true, text: t, contentType: w.FormDataContentType()}, nil
}

// quoteParameter writes a name inside a quoted parameter as browsers do
// (HTML, multipart/form-data encoding).
func quoteParameter(name string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(name)
}

// queryTemplate writes parameters by name, lists repeated; the placeholders in
// values are escaped when they are filled in. The values were validated.
func queryTemplate(values map[string]any) template {
	names := slices.Collect(maps.Keys(values))
	sort.Strings(names)
	var t template
	add := func(name string, value any) {
		text, _ := scalarText(value)
		if len(t.parts) > 0 {
			t.write("&")
		}
		t.write(url.QueryEscape(name) + "=")
		t.add(text, queryEscape, queryEscape)
	}
	for _, name := range names {
		if list, ok := values[name].([]any); ok {
			for _, value := range list {
				add(name, value)
			}
			continue
		}
		add(name, values[name])
	}
	return t
}

// scalarText writes a YAML scalar as text; false when value is none.
func scalarText(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case time.Time:
		return v.Format(time.RFC3339Nano), true
	}
	return "", false
}
