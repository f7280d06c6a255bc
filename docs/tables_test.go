// Package docs_test holds the documentation to the product: tables that repeat
// what the code knows are written from it, and links lead somewhere.
package docs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks/assert"
)

var update = flag.Bool("update", false, "write the tables into the pages")

func TestAssertionsPageHasEveryNameAndFunction(t *testing.T) {
	page := openPage(t, "guides/assertions.md")
	page.table(t, "names", assertTable("name", assert.Names()))
	page.table(t, "functions", assertTable("function", assert.Functions()))
	page.close(t)
}

func assertTable(kind string, names []assert.Name) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | type | what it is | for example |\n| --- | --- | --- | --- |\n", kind)
	for _, n := range names {
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", n.Name, cell(n.Type), cell(n.Doc), cell(n.Example))
	}
	return b.String()
}

// cell makes a text fit into a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// page is a Markdown file with tables between a line "<!-- NAME: … -->" and a
// line "<!-- end -->".
type page struct{ path, text, written string }

func openPage(t *testing.T, path string) *page {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return &page{path, string(text), string(text)}
}

// table holds the named table to what it must be.
func (p *page) table(t *testing.T, name, want string) {
	t.Helper()
	before, rest, begins := strings.Cut(p.written, "<!-- "+name+":")
	mark, rest, marked := strings.Cut(rest, "\n")
	got, after, ends := strings.Cut(rest, "<!-- end -->")
	if !begins || !marked || !ends {
		t.Fatalf("%s has no table between <!-- %s: … --> and <!-- end -->", p.path, name)
	}
	if diff := cmp.Diff(want, got); diff != "" && !*update {
		t.Errorf("%s, table %s: run `go test ./docs -update` (-want +got):\n%s", p.path, name, diff)
	}
	p.written = before + "<!-- " + name + ":" + mark + "\n" + want + "<!-- end -->" + after
}

// close writes the page when tables are to be updated.
func (p *page) close(t *testing.T) {
	t.Helper()
	if !*update || p.written == p.text {
		return
	}
	if err := os.WriteFile(filepath.FromSlash(p.path), []byte(p.written), 0o600); err != nil {
		t.Fatal(err)
	}
}
