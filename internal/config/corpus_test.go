package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// environment is what the files of testdata find in the environment.
func environment(name string) (string, bool) {
	value, set := map[string]string{
		"PASSWORD": "s3cret-value",
		"URL":      "http://127.0.0.1:8000",
		"NUMBER":   "5",
		"EMPTY":    "",
		"HIDDEN":   "one\n::two",
	}[name]
	return value, set
}

// messages returns an error's lines without excerpts.
func messages(t *testing.T, err error) []string {
	t.Helper()
	var errs *Errors
	if !errors.As(err, &errs) {
		t.Fatalf("got %T %v, want *Errors", err, err)
	}
	lines := make([]string, len(errs.All))
	for i, e := range errs.All {
		lines[i] = e.Error()
	}
	return lines
}

// Each testdata/*.bad.yaml holds one mistake (one file holds many). The
// comments that it begins with are the messages that it must cause.
func TestBadFilesSayWhatIsWrong(t *testing.T) {
	paths := glob(t, "testdata/*.bad.yaml")
	if len(paths) < 40 {
		t.Fatalf("only %d bad files", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".bad.yaml"), func(t *testing.T) {
			text := read(t, path)
			want, body := splitHeader(text)
			got := badMessages(t, text)
			if *update {
				// The messages move the lines that they name: write, then look again.
				for range 2 {
					text = "# " + strings.Join(got, "\n# ") + "\n" + body
					got = badMessages(t, text)
				}
				write(t, path, text)
				want, _ = splitHeader(text)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

func badMessages(t *testing.T, text string) []string {
	t.Helper()
	loaded, err := Parse("lapwing.yaml", []byte(text), environment)
	if err == nil {
		t.Fatalf("loads as %+v", loaded.File)
	}
	if strings.Contains(err.Error(), "s3cret-value") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the message shows a secret:\n%s", err)
	}
	return messages(t, err)
}

// splitHeader takes the comments that a file begins with off it.
func splitHeader(text string) (header []string, body string) {
	for {
		line, rest, found := strings.Cut(text, "\n")
		message, comment := strings.CutPrefix(line, "# ")
		if !comment || !found {
			return header, text
		}
		header, text = append(header, message), rest
	}
}

// Each testdata/*.good.yaml loads; *.golden is what is then in force.
func TestGoodFilesAreInForceAsWritten(t *testing.T) {
	for _, path := range glob(t, "testdata/*.good.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".good.yaml"), func(t *testing.T) {
			loaded, err := Parse("lapwing.yaml", []byte(read(t, path)), environment)
			if err != nil {
				t.Fatal(err)
			}
			got, err := loaded.YAML()
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".golden"
			if *update {
				write(t, golden, string(got))
			}
			if diff := cmp.Diff(read(t, golden), string(got)); diff != "" {
				t.Errorf("in force (-want +got):\n%s", diff)
			}
			if strings.Contains(string(got), "s3cret-value") || strings.Contains(string(got), "S-") {
				t.Error("a secret is shown")
			}
			// What is shown means the same: it loads to the same values where nothing is masked.
			if strings.Contains(string(got), "[redacted]") {
				return
			}
			again, err := Parse("lapwing.yaml", got, environment)
			if err != nil {
				t.Fatalf("what is in force does not load: %v", err)
			}
			twice, err := again.YAML()
			if err != nil {
				t.Fatal(err)
			}
			unmarked := func(text string) string { return strings.ReplaceAll(text, " # default", "") }
			if diff := cmp.Diff(unmarked(string(got)), unmarked(string(twice))); diff != "" {
				t.Errorf("loaded again (-first +second):\n%s", diff)
			}
		})
	}
}

// Every YAML block in docs/ that looks like a configuration, the example file,
// and the configurations in examples/ load.
func TestDocumentationLoads(t *testing.T) {
	anything := func(name string) (string, bool) {
		if strings.HasSuffix(name, "URL") {
			return "http://127.0.0.1:8000", true
		}
		return "value-of-the-environment", true
	}
	load := func(name, text string) {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(name, []byte(text), anything); err != nil {
				t.Error(err)
			}
		})
	}
	root := filepath.Join("..", "..")
	load("lapwing.example.yaml", read(t, filepath.Join(root, "lapwing.example.yaml")))
	blocks := 0
	documents := glob(t, filepath.Join(root, "*.md"))
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			documents = append(documents, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range documents {
		for i, block := range yamlBlocks(read(t, path)) {
			if isConfiguration(block) {
				blocks++
				load(filepath.Base(path)+"#"+string(rune('a'+i%26)), block)
			}
		}
	}
	if blocks == 0 {
		t.Error("no YAML block was found in docs/")
	}
	for _, path := range append(glob(t, filepath.Join(root, "examples", "*", "*.yaml")), glob(t, filepath.Join(root, "examples", "*.yaml"))...) {
		if !isConfiguration(read(t, path)) {
			continue
		}
		t.Run(path, func(t *testing.T) {
			if _, err := Load(path, anything); err != nil {
				t.Error(err)
			}
		})
	}
}

// isConfiguration reports whether a YAML text has a section that only lapwing.yaml has.
func isConfiguration(text string) bool {
	for _, section := range []string{"checks:", "apis:"} {
		if strings.HasPrefix(text, section) || strings.Contains(text, "\n"+section) {
			return true
		}
	}
	return false
}

func yamlBlocks(markdown string) []string {
	var blocks []string
	for i, part := range strings.Split(markdown, "```yaml\n") {
		if block, _, closed := strings.Cut(part, "\n```"); closed && i > 0 {
			blocks = append(blocks, block+"\n")
		}
	}
	return blocks
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
