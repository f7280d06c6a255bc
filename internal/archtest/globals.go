package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// SharedState is a package-level variable that may change, and why it may.
type SharedState struct {
	Package string // folder from the root
	Name    string
	Why     string
}

// AllowedState lists the exceptions of NoSharedState.
func AllowedState() []SharedState {
	return []SharedState{
		{"internal/app", "version", "set by the linker (-X) before the program starts, never after"},
	}
}

// NoSharedState checks that a package keeps no state of its own: two instances
// in one process, as every parallel test has them, must not meet. Tables, error
// values, compiled patterns and embedded files are fine as long as nothing
// writes to them.
func NoSharedState(t *Tree) []Violation { return checkState(t, AllowedState()) }

func checkState(t *Tree, allowed []SharedState) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		files := pkg.files(false)
		vars := variables(files)
		report := func(id *ast.Ident, why string) {
			if !slices.ContainsFunc(allowed, func(a SharedState) bool { return a.Package == pkg.Dir && a.Name == id.Name }) {
				found = append(found, Violation{t.where(id.Pos()), fmt.Sprintf("package variable %s %s: keep state in a value that New returns, or list it with its reason in internal/archtest/globals.go", id.Name, why)})
			}
		}
		for id, spec := range vars {
			if why := stateful(spec); why != "" {
				report(id, why)
			}
		}
		for id := range writes(t.fset, files, vars) {
			report(id, "is written to")
		}
	}
	slices.SortFunc(found, func(a, b Violation) int { return strings.Compare(a.Where, b.Where) })
	return found
}

// variable is where a package variable comes from.
type variable struct {
	value    ast.Expr // nil without one
	typ      ast.Expr // nil without one
	embedded bool     // filled in by //go:embed
}

// variables lists the package variables by the identifier that declares each.
func variables(files []*File) map[*ast.Ident]variable {
	vars := map[*ast.Ident]variable{}
	for _, f := range files {
		for _, d := range f.Syntax.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.VAR {
				continue
			}
			for _, s := range decl.Specs {
				spec := s.(*ast.ValueSpec) // what a var declaration consists of
				for i, id := range spec.Names {
					if id.Name == "_" {
						continue
					}
					v := variable{typ: spec.Type, embedded: embeds(decl.Doc) || embeds(spec.Doc)}
					if len(spec.Values) == len(spec.Names) {
						v.value = spec.Values[i]
					} else if len(spec.Values) == 1 {
						v.value = spec.Values[0]
					}
					vars[id] = v
				}
			}
		}
	}
	return vars
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// stateful says why a variable can only be meant to change; "" when it need not.
func stateful(v variable) string {
	switch {
	case v.embedded:
		return ""
	case concurrent(v.typ) || concurrent(v.value):
		return "guards or holds shared state"
	case v.value == nil:
		return "starts empty, so something must fill it"
	}
	switch value := v.value.(type) {
	case *ast.UnaryExpr:
		if _, ok := value.X.(*ast.CompositeLit); ok && value.Op == token.AND {
			return "points to a value that everybody can change"
		}
	case *ast.CallExpr:
		if fn, ok := value.Fun.(*ast.Ident); ok && (fn.Name == "make" || fn.Name == "new") {
			return "starts empty, so something must fill it"
		}
	}
	return ""
}

// concurrent reports whether a type, or the type of a composite literal, is one
// of package sync or sync/atomic. sync.OnceValue and its siblings are calls and
// so are fine: they are constants that are made late.
func concurrent(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.CompositeLit:
		return concurrent(x.Type)
	case *ast.UnaryExpr:
		return concurrent(x.X)
	case *ast.StarExpr:
		return concurrent(x.X)
	case *ast.IndexExpr: // atomic.Pointer[T]
		return concurrent(x.X)
	case *ast.SelectorExpr:
		pkg, ok := x.X.(*ast.Ident)
		return ok && (pkg.Name == "sync" || pkg.Name == "atomic")
	}
	return false
}

// writes lists the package variables that a function assigns to, in whole or in
// part, or whose entries it removes.
func writes(fset *token.FileSet, files []*File, vars map[*ast.Ident]variable) map[*ast.Ident]bool {
	uses := resolve(fset, files)
	written := map[*ast.Ident]bool{}
	mark := func(x ast.Expr) {
		if id := root(x); id != nil {
			if obj := uses[id]; obj != nil {
				for declared := range vars {
					if declared.Pos() == obj.Pos() {
						written[declared] = true
					}
				}
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, x := range n.Lhs {
						mark(x)
					}
				}
			case *ast.IncDecStmt:
				mark(n.X)
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN {
					mark(n.Key)
					mark(n.Value)
				}
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
					mark(n.Args[0])
				}
			}
			return true
		})
	}
	return written
}

// root is the variable whose whole or part an expression names: m in m[k].f.
func root(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.IndexExpr:
			x = e.X
		case *ast.SelectorExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		default:
			return nil
		}
	}
}

// resolve finds what each identifier means by the scopes of the package alone;
// what other packages declare stays unknown, which is not needed here and would
// cost seconds.
func resolve(fset *token.FileSet, files []*File) map[*ast.Ident]types.Object {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{
		Importer: blind{},
		Error:    func(error) {}, // every import is one
	}
	var syntax []*ast.File
	for _, f := range files {
		syntax = append(syntax, f.Syntax)
	}
	_, _ = conf.Check("p", fset, syntax, info) // its error is the first of those above
	return info.Uses
}

// blind is an importer that knows no package.
type blind struct{}

var errBlind = errors.New("not looked at")

func (blind) Import(string) (*types.Package, error) { return nil, errBlind }
