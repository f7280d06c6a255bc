package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// Imports checks the product's code against the import table.
func Imports(t *Tree) []Violation { return checkImports(t, Table(), Engines()) }

func checkImports(t *Tree, table []Room, engines []Engine) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		dir, internal := strings.CutPrefix(pkg.Dir, "internal/")
		room, known := roomOf(table, dir)
		if internal && !known {
			found = append(found, Violation{pkg.Dir, "is not in the import table: say what it owns and what it may import, in internal/archtest/table.go"})
			continue
		}
		for _, file := range pkg.files(false) {
			for _, imp := range file.imports() {
				if why := forbidden(t, table, engines, pkg.Dir, room, imp.Path); why != "" {
					found = append(found, Violation{t.where(imp.Pos), why})
				}
			}
		}
	}
	return found
}

// forbidden says why the package in dir, which belongs to room (the zero Room
// outside internal/), must not import path; "" when it may.
func forbidden(t *Tree, table []Room, engines []Engine, dir string, room Room, path string) string {
	ours, own := strings.CutPrefix(path, t.Module+"/")
	if !own {
		return strayEngine(engines, dir, path)
	}
	target, internal := strings.CutPrefix(ours, "internal/")
	if strings.HasPrefix(dir, "cmd/") && ours != "internal/cli" {
		return fmt.Sprintf("%s imports %s: main only calls cli.Main, so that every command can be run by a test", dir, ours)
	}
	if !internal {
		return ""
	}
	if to, _ := roomOf(table, target); to.ForTests && !room.ForTests {
		return fmt.Sprintf("%s imports %s, which is for tests only", dir, ours)
	}
	if room.Path == "" || below(target, room.Path) {
		return ""
	}
	listed := func(rooms []string) bool {
		return slices.ContainsFunc(rooms, func(r string) bool { return below(target, r) })
	}
	if listed(room.Never) || room.Only != nil && !listed(room.Only) {
		return fmt.Sprintf("%s must not import %s: %s", room.Path, ours, room.Why)
	}
	return ""
}

// strayEngine says why an outside package must not be imported here.
func strayEngine(engines []Engine, dir, path string) string {
	for _, e := range engines {
		inside := func(room string) bool { return below(strings.TrimPrefix(dir, "internal/"), room) }
		if below(path, e.Import) && strings.HasPrefix(dir, "internal/") && !slices.ContainsFunc(e.Rooms, inside) {
			return fmt.Sprintf("only internal/%s may import %s: %s", strings.Join(e.Rooms, " and internal/"), e.Import, e.Why)
		}
	}
	return ""
}

// roomOf returns the line of the table for a folder under internal/: the longest
// path that it is or lies below.
func roomOf(table []Room, dir string) (Room, bool) {
	var best Room
	for _, r := range table {
		if below(dir, r.Path) && len(r.Path) > len(best.Path) {
			best = r
		}
	}
	return best, best.Path != ""
}

// below reports whether path is root or lies below it.
func below(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// StandardLibraryOnly checks a public module: whoever imports it must not get
// anything else along. Its tests keep to that too, since their modules would
// stand in its go.mod.
func StandardLibraryOnly(t *Tree) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		for _, file := range pkg.Files {
			for _, imp := range file.imports() {
				first, _, _ := strings.Cut(imp.Path, "/")
				if strings.Contains(first, ".") && !below(imp.Path, t.Module) {
					found = append(found, Violation{t.where(imp.Pos), "imports " + imp.Path + ": an API that imports this module must not get a dependency with it"})
				}
			}
		}
	}
	return found
}
