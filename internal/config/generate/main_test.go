package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is in the repository is what the structs and comments say now.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	file, all, err := readModel(root)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonSchema(file, all)
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := defaultsTable(all)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{
		filepath.Join(root, "docs", "reference", "configuration.md"): reference(file),
		filepath.Join(root, "lapwing.example.yaml"):                  example(file),
		filepath.Join("..", "schema.json"):                           schema,
		filepath.Join("..", "documented.go"):                         defaults,
	} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale, run go generate ./internal/config (-want +got):\n%s", path, diff)
		}
	}
}

func TestCommentsAreTakenApart(t *testing.T) {
	_, all, err := readModel(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	words := map[string][]string{}
	for _, s := range all {
		for _, k := range s.keys {
			if len(k.words) > 0 {
				words[s.name+" "+k.name] = k.words
			}
		}
	}
	want := map[string][]string{
		"blocks.Rule mode":              {"off", "propose", "shadow", "block"},
		"checks.Alert severity":         {"info", "warning", "critical"},
		"heartbeats.Heartbeat severity": {"info", "warning", "critical"},
		"checks.Assertion else":         {"fail", "degraded"},
		"checks.Retries backoff":        {"fixed", "linear", "exponential"},
		"checks.Retries on":             {"any", "network"},
		"gateway.Route encoded_slashes": {"reject", "allow"},
		"gateway.Route validate":        {"off", "report", "enforce"},
		"gateway.TLS min_version":       {"1.2", "1.3"},
		"limits.Limit mode":             {"reject", "throttle", "shadow"},
		"limits.Limit on_outage":        {"local-share", "local-full", "open", "closed"},
		"probe.HTTPRequest http":        {"1.1", "2"},
		"probe.HTTPRequest ip":          {"any", "4", "6"},
		"probe.TLSConfig min_version":   {"1.2", "1.3"},
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("lists of words (-want +got):\n%s", diff)
	}
}
