package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tree is a checkout as the rules see it: its own module's Go packages, parsed,
// and every other text file. Nested modules, hidden folders and what the build
// leaves behind are not part of it.
type Tree struct {
	Module   string     // path of the module: "lapwing.dev/lapwing"
	Packages []*Package // by folder
	Texts    []Text     // every text file, the Go files too, by path
	fset     *token.FileSet
}

// Package is one folder with Go files.
type Package struct {
	Dir   string  // slash path from the root: "internal/checks"
	Files []*File // by path
}

// File is one parsed Go file.
type File struct {
	Path   string // slash path from the root
	Test   bool   // its name ends in _test.go
	Source []byte
	Syntax *ast.File
}

// Text is one text file as it is.
type Text struct {
	Path   string
	Source []byte
}

// Violation is one place that breaks a rule.
type Violation struct {
	Where   string // "internal/checks/run.go:12", or a folder
	Message string // what is wrong and why it is a rule
}

func (v Violation) String() string { return v.Where + ": " + v.Message }

// skipped are folders that are not part of the product: build results, run-time
// data, downloaded modules of a browser test.
var skipped = []string{"bin", "data", "node_modules"}

// maxText keeps a picture or a database that lies around from being read.
const maxText = 4 << 20

// Load reads the tree whose root, with go.mod, is fsys.
func Load(fsys fs.FS) (*Tree, error) {
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	module := regexp.MustCompile(`(?m)^module\s+(\S+)`).FindSubmatch(mod)
	if module == nil {
		return nil, fmt.Errorf("read the tree: go.mod names no module")
	}
	t := &Tree{Module: string(module[1]), fset: token.NewFileSet()}
	err = fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return t.enter(fsys, name)
		case !entry.Type().IsRegular():
			return nil
		}
		return t.add(fsys, name, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	return t, nil
}

// enter decides whether the folder is part of the tree.
func (t *Tree) enter(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	hidden := strings.HasPrefix(base, ".") && base != ".ci" && base != ".github"
	if hidden || slices.Contains(skipped, dir) || base == "node_modules" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// add reads one file; a binary or huge one is no concern of any rule.
func (t *Tree) add(fsys fs.FS, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if info.Size() > maxText {
		return nil
	}
	source, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	if slices.Contains(source, 0) {
		return nil
	}
	t.Texts = append(t.Texts, Text{Path: name, Source: source})
	if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
		return nil
	}
	syntax, err := parser.ParseFile(t.fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	pkg := t.folder(path.Dir(name))
	pkg.Files = append(pkg.Files, &File{Path: name, Test: strings.HasSuffix(name, "_test.go"), Source: source, Syntax: syntax})
	return nil
}

// folder returns the package in dir, new if this is its first file. Files come
// in the order of their paths, but a folder's files and its sub-folders mix.
func (t *Tree) folder(dir string) *Package {
	i, found := slices.BinarySearchFunc(t.Packages, dir, func(p *Package, dir string) int { return strings.Compare(p.Dir, dir) })
	if !found {
		t.Packages = slices.Insert(t.Packages, i, &Package{Dir: dir})
	}
	return t.Packages[i]
}

// where is the position of a piece of syntax: "internal/checks/run.go:12".
func (t *Tree) where(pos token.Pos) string {
	p := t.fset.Position(pos)
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// imported is one import of one file.
type imported struct {
	Path string // "lapwing.dev/lapwing/internal/fault", "database/sql"
	Pos  token.Pos
}

// imports lists what the file imports.
func (f *File) imports() []imported {
	list := make([]imported, 0, len(f.Syntax.Imports))
	for _, spec := range f.Syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			list = append(list, imported{Path: p, Pos: spec.Pos()})
		}
	}
	return list
}

// files lists the package's files, with or without its tests.
func (p *Package) files(tests bool) []*File {
	return slices.DeleteFunc(slices.Clone(p.Files), func(f *File) bool { return f.Test && !tests })
}
