package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("lapwing.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("lapwing.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON is what an editor checks: the file with anchors and merges resolved.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestSchemaTakesGoodFiles(t *testing.T) {
	schema := compileSchema(t)
	files := append(glob(t, "testdata/*.good.yaml"), "../../lapwing.example.yaml")
	for _, path := range files {
		if strings.Contains(path, "empty-sections") {
			continue // keys without a value load, but an editor should ask what they are for
		}
		t.Run(path, func(t *testing.T) {
			if err := schema.Validate(asJSON(t, read(t, path))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSchemaRefusesWhatEditorsCanSee(t *testing.T) {
	schema := compileSchema(t)
	for _, name := range []string{
		"unknown-top-key", "unknown-key-near", "unknown-key-far", "unknown-key-deep", "duration-without-unit", "duration-word",
		"duration-list", "size-unit", "list-wanted-text", "list-wanted-mapping", "mapping-wanted-text", "section-wanted-list",
		"text-wanted-mapping", "number-wanted-text", "number-fraction", "boolean-word",
	} {
		t.Run(name, func(t *testing.T) {
			if err := schema.Validate(asJSON(t, read(t, "testdata/"+name+".bad.yaml"))); err == nil {
				t.Error("the schema takes it")
			}
		})
	}
}

// The defaults of the sections are those that their comments promise.
func TestDefaultsAreAsDocumented(t *testing.T) {
	loaded, err := Parse("f", []byte("checks:\n  - {name: a, url: \"http://a/\"}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	section := func(name string, values map[string]string) {
		for key, got := range values {
			if want := documentedDefault(name, key); want != got {
				t.Errorf("%s %s is %q, its comment says %q", name, key, got, want)
			}
		}
	}
	f := loaded.File
	section("config.File", map[string]string{"listen": f.Listen, "data": f.Data})
	section("checks.Retention", map[string]string{
		"results": f.History.Results.String(), "hourly": f.History.Hourly.String(),
		"daily": f.History.Daily.String(), "evidence": jsonText(t, f.History.Evidence),
	})
	got := map[string]string{}
	for _, s := range loaded.Effective() {
		if s.Default && strings.HasPrefix(s.Path, "checks[0].") {
			got[strings.TrimPrefix(s.Path, "checks[0].")] = s.Value
		}
	}
	want := map[string]string{
		"every": "1m", "timeout": "10s", "retries.max": "0", "retries.delay": "1s", "retries.backoff": "fixed", "retries.on": "any",
		"alert.after": "1", "alert.recover_after": "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults of a check (-want +got):\n%s", diff)
	}
}

func jsonText(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Every key of the example file can be switched on: it exists and takes the
// value that is shown. (Together they exclude each other.)
func TestExampleKeysExist(t *testing.T) {
	var lines []string
	for line := range strings.Lines(read(t, "../../lapwing.example.yaml")) {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		if rest, found := strings.CutPrefix(line[len(indent):], "#"); found && !strings.HasPrefix(rest, " ") {
			line = indent + rest
		} else if found && strings.Contains(rest, ": ") && strings.HasPrefix(rest, "  ") && !strings.HasPrefix(strings.TrimSpace(rest), "#") {
			line = indent + rest
		} else if found && strings.HasPrefix(rest, "  ") && strings.HasSuffix(strings.TrimSpace(rest), ":") {
			line = indent + rest
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "")
	text = strings.Replace(text, "include: [checks/*.yaml]", "", 1)
	_, err := Parse("f", []byte(text), func(string) (string, bool) { return "5", true })
	if err == nil {
		t.Fatal("keys that exclude each other load together")
	}
	for _, message := range messages(t, err) {
		for _, sign := range []string{"want ", "unknown key", "is not a duration", "is not a size", "not YAML"} {
			if strings.Contains(message, sign) {
				t.Error(message)
			}
		}
	}
	if !strings.Contains(text, "\n    steps:\n") || !strings.Contains(text, "\n      auth:\n") {
		t.Error("the example was not switched on")
	}
}
