package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
)

// Links to other sites are not followed: a test must not need the network.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, path := range documents(t) {
		for _, target := range targets(read(t, path)) {
			file, anchor, _ := strings.Cut(target, "#")
			place := path
			if file != "" {
				place = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
			}
			info, err := os.Stat(place)
			if err != nil {
				t.Errorf("%s links to %s, which is not there", path, target)
				continue
			}
			if anchor != "" && !info.IsDir() && !anchors(read(t, place))[anchor] {
				t.Errorf("%s links to %s, but %s has no such heading", path, target, place)
			}
		}
	}
}

// documents are the Markdown files of the repository that people read.
func documents(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("..", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{".", filepath.Join("..", "examples"), filepath.Join("..", "bench"), filepath.Join("..", "deploy")} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".md") {
				list = append(list, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func targets(text string) []string {
	var list []string
	for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		target := found[1] + found[2]
		if !strings.Contains(target, "://") && !strings.HasPrefix(target, "mailto:") {
			list = append(list, target)
		}
	}
	return list
}

// anchors are the names by which a page's headings are linked to, as code
// hosts make them: lower case, spaces to dashes, other signs dropped.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, found[1])
		names[name] = true
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
