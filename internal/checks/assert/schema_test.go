package assert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeFiles writes a folder and returns its path.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const ordersSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "required": ["orders", "total"],
  "properties": {
    "orders": {"type": "array", "maxItems": 3, "items": {"$ref": "parts/order.json"}},
    "at": {"type": "string", "format": "date-time"},
    "state": {"anyOf": [{"const": "open"}, {"type": "integer"}]}
  }
}`

func TestAnswersAreHeldAgainstASchema(t *testing.T) {
	folder := writeFiles(t, map[string]string{
		"orders schema#1.json": ordersSchema,
		"parts/order.json":     `{"type": "object", "properties": {"id": {"type": "integer", "minimum": 1}, "a/b~c": {"type": "string"}}}`,
	})
	s, err := LoadSchema(filepath.Join(folder, "orders schema#1.json"))
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"orders": [{"id": 9007199254740993}], "total": 1, "at": "2026-01-02T03:04:05Z", "state": 3}`: "",
		`{"orders": []}`: "the body: missing property 'total'",
		`[]`:             "the body: got array, want object",
		`{"orders": [{"id": 1}, {"id": "2"}], "total": 1}`:         "/orders/1/id: got string, want integer",
		`{"orders": [{"id": 1.5}], "total": 1}`:                    "/orders/0/id: got number, want integer",
		`{"orders": [{"a/b~c": 1}], "total": 1}`:                   "/orders/0/a~1b~0c: got number, want string",
		`{"orders": [], "total": 1, "at": "yesterday"}`:            "/at: 'yesterday' is not valid date-time",
		`{"orders": [], "total": 1, "state": "shut"}`:              "/state: matches none of 2 alternatives",
		`{"orders": [{"id": 0}, {"id": 0}, {"id": 0}, {"id": 0}]}`: "/orders/0/id: minimum: got 0, want 1; /orders/1/id: minimum: got 0, want 1; /orders/2/id: minimum: got 0, want 1; and 3 more",
		`<html>`: "body is not JSON: invalid character '<' looking for beginning of value",
	} {
		holds, detail := s.Check(jsonAnswer(body))
		if holds != (want == "") || !strings.HasPrefix(detail, want) {
			t.Errorf("%s:\n got %v %q\nwant %q", body, holds, detail, want)
		}
	}
}

func TestManyViolationsAreCountedNotListed(t *testing.T) {
	folder := writeFiles(t, map[string]string{"s.json": `{"items": {"type": "string"}}`})
	s, err := LoadSchema(filepath.Join(folder, "s.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, detail := s.Check(jsonAnswer("[" + strings.Repeat("0,", 49_999) + "0]"))
	if want := "; and 49997 more"; !strings.HasSuffix(detail, want) || len(detail) > 300 {
		t.Errorf("got %q, want %s at its end", detail, want)
	}
}

func TestASchemaReadsOnlyItsOwnFolder(t *testing.T) {
	folder := writeFiles(t, map[string]string{
		"secret.json":       `{"type": "object"}`,
		"in/out.json":       `{"$ref": "../secret.json"}`,
		"in/url.json":       `{"$ref": "https://example.com/order.json"}`,
		"in/file.json":      `{"$ref": "file:///etc/passwd"}`,
		"in/gone.json":      `{"$ref": "nothing.json"}`,
		"in/broken.json":    `{"type": `,
		"in/wrong.json":     `{"type": "objekt"}`,
		"in/badref.json":    `{"$ref": "#/definitions/nope"}`,
		"in/link-user.json": `{"$ref": "link.json"}`,
	})
	if err := os.Symlink("../secret.json", filepath.Join(folder, "in", "link.json")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"out.json":       "no such file",
		"url.json":       `$ref "https://example.com/order.json" is not loaded; refer to a file in the schema's folder`,
		"file.json":      `$ref "file:///etc/passwd" is not loaded; refer to a file in the schema's folder`,
		"gone.json":      "no such file",
		"absent.json":    "no such file",
		"broken.json":    "broken.json is not JSON",
		"wrong.json":     "not a JSON Schema: /type: ",
		"badref.json":    "nope",
		"link-user.json": "escapes",
	} {
		_, err := LoadSchema(filepath.Join(folder, "in", name))
		if !strings.Contains(errorText(err), want) || !strings.HasPrefix(errorText(err), "schema ") {
			t.Errorf("%s: got error %v, want %s", name, err, want)
		}
	}
}
