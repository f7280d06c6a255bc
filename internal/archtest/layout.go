package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// FolderNames checks that a folder is a word a user would say.
func FolderNames(t *Tree) []Violation {
	vague := []string{"base", "common", "core", "helper", "helpers", "lib", "misc", "pkg", "shared", "util", "utils"}
	var found []Violation
	for _, pkg := range t.Packages {
		for dir := range strings.SplitSeq(pkg.Dir, "/") {
			if slices.Contains(vague, dir) {
				found = append(found, Violation{pkg.Dir, fmt.Sprintf("a folder called %q collects whatever has no home: name what it owns", dir)})
			}
		}
	}
	return found
}

// Depth checks that there are at most two levels of packages under internal/.
func Depth(t *Tree) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		if dir, ok := strings.CutPrefix(pkg.Dir, "internal/"); ok && strings.Count(dir, "/") > 1 {
			found = append(found, Violation{pkg.Dir, "is more than two levels under internal/: the tree is read top-down like a table of contents"})
		}
	}
	return found
}

// PackageComments checks that every package says once what it is.
func PackageComments(t *Tree) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		files := pkg.files(false)
		if len(files) == 0 { // a folder of tests, such as e2e
			files = pkg.files(true)
		}
		var having []string
		for _, f := range files {
			if f.Syntax.Doc.Text() != "" {
				having = append(having, path.Base(f.Path))
			}
		}
		switch len(having) {
		case 0:
			found = append(found, Violation{pkg.Dir, "has no package comment: say in two to ten lines what it owns and how it is used"})
		case 1:
		default:
			found = append(found, Violation{pkg.Dir, "has a package comment in each of " + strings.Join(having, ", ") + ": keep one"})
		}
	}
	return found
}

// NoInit checks that importing a package does nothing.
func NoInit(t *Tree) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		for _, f := range pkg.files(false) {
			for _, d := range f.Syntax.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					found = append(found, Violation{t.where(fn.Pos()), "init runs for everybody who imports the package, in an order nobody reads: do it in New, or in app"})
				}
			}
		}
	}
	return found
}
