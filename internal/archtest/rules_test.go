package archtest_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/archtest"
)

// invented is a tree with the given files, as path and text.
func invented(t *testing.T, files ...string) *archtest.Tree {
	t.Helper()
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.com/house\n\ngo 1.26\n")}}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	tree, err := archtest.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// expect compares violations with what they must begin with, in order.
func expect(t *testing.T, got []archtest.Violation, want ...string) {
	t.Helper()
	var lines []string
	for i, v := range got {
		line := v.String()
		if i < len(want) && strings.HasPrefix(line, want[i]) {
			line = want[i]
		}
		lines = append(lines, line)
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, test := range []struct {
		name, file, imports string
		want                []string
	}{
		{"a domain imports the foundation", "internal/checks/run.go", "example.com/house/internal/fault", nil},
		{"a domain imports its own sub-package", "internal/checks/run.go", "example.com/house/internal/checks/assert", nil},
		{
			"a domain imports another", "internal/checks/run.go", "example.com/house/internal/statuspage",
			[]string{"internal/checks/run.go:3: checks must not import internal/statuspage: a domain declares"},
		},
		{
			"a domain imports the store", "internal/checks/run.go", "example.com/house/internal/state",
			[]string{"internal/checks/run.go:3: checks must not import internal/state: a domain declares"},
		},
		{"a domain's test imports the store", "internal/checks/run_test.go", "example.com/house/internal/state", nil},
		{
			"the foundation imports a domain", "internal/fault/fault.go", "example.com/house/internal/checks",
			[]string{"internal/fault/fault.go:3: fault must not import internal/checks: everybody stands on it"},
		},
		{
			"a page imports the configuration", "internal/web/ui/settings.go", "example.com/house/internal/config",
			[]string{"internal/web/ui/settings.go:3: web must not import internal/config: handlers reach"},
		},
		{"a page imports a domain's nouns", "internal/web/ui/checks.go", "example.com/house/internal/checks", nil},
		{
			"the store imports the web", "internal/state/open.go", "example.com/house/internal/web/live",
			[]string{"internal/state/open.go:3: state must not import internal/web/live: a store is handed"},
		},
		{
			"product code imports a conformance suite", "internal/state/checks.go", "example.com/house/internal/checks/storetest",
			[]string{"internal/state/checks.go:3: internal/state imports internal/checks/storetest, which is for tests only"},
		},
		{"a suite imports what it tests", "internal/checks/storetest/suite.go", "example.com/house/internal/checks", nil},
		{
			"main imports more than the command line", "cmd/lapwing/main.go", "example.com/house/internal/app",
			[]string{"cmd/lapwing/main.go:3: cmd/lapwing imports internal/app: main only calls cli.Main"},
		},
		{"main imports the command line", "cmd/lapwing/main.go", "example.com/house/internal/cli", nil},
		{
			"SQL outside of the store", "internal/access/store.go", "database/sql",
			[]string{"internal/access/store.go:3: only internal/state may import database/sql: SQL is in one place"},
		},
		{"SQL in the store", "internal/state/open.go", "database/sql", nil},
		{
			"a room of which nobody has heard", "internal/gizmo/gizmo.go", "fmt",
			[]string{"internal/gizmo: is not in the import table"},
		},
		{
			"a name that only begins like a room", "internal/checksum/sum.go", "fmt",
			[]string{"internal/checksum: is not in the import table"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := invented(t, test.file, "package p\n\nimport _ \""+test.imports+"\"\n")
			expect(t, archtest.Imports(tree), test.want...)
		})
	}
}

func TestAPublicModuleImportsOnlyTheStandardLibrary(t *testing.T) {
	tree := invented(t,
		"limit/limit.go", "package limit\n\nimport (\n\t_ \"net/netip\"\n\t_ \"example.com/house/observe\"\n)\n",
		"limit/limit_test.go", "package limit\n\nimport _ \"github.com/google/go-cmp/cmp\"\n",
	)
	expect(t, archtest.StandardLibraryOnly(tree), "limit/limit_test.go:3: imports github.com/google/go-cmp/cmp")
}

func TestEveryRoomSaysWhatItOwns(t *testing.T) {
	seen := map[string]bool{}
	for _, room := range archtest.Table() {
		if room.Owns == "" {
			t.Errorf("%s does not say what it owns", room.Path)
		}
		if (room.Only != nil || room.Never != nil) && room.Why == "" {
			t.Errorf("%s has a rule without a reason", room.Path)
		}
		if seen[room.Path] {
			t.Errorf("%s stands in the table twice", room.Path)
		}
		seen[room.Path] = true
	}
}

func TestFoldersAreWords(t *testing.T) {
	tree := invented(t,
		"internal/checks/doc.go", "package checks\n",
		"internal/util/strings.go", "package util\n",
		"internal/web/helpers/a.go", "package helpers\n")
	expect(t, archtest.FolderNames(tree), `internal/util: a folder called "util"`, `internal/web/helpers: a folder called "helpers"`)
}

func TestTheTreeIsTwoLevelsDeep(t *testing.T) {
	tree := invented(t,
		"internal/config/generate/main.go", "package main\n",
		"internal/web/ui/charts/chart.go", "package charts\n",
		"internal/web/ui/charts/testdata/deep/a.go", "package not compiled\n",
		"bench/http/load/main.go", "package main\n")
	expect(t, archtest.Depth(tree), "internal/web/ui/charts: is more than two levels")
}

func TestAPackageSaysOnceWhatItIs(t *testing.T) {
	tree := invented(t,
		"e2e/story_test.go", "// Package e2e holds stories.\npackage e2e\n",
		"good/doc.go", "// Package good is.\npackage good\n",
		"good/a_test.go", "// Package good is tested.\npackage good\n",
		"mute/a.go", "// A note.\n\npackage mute\n",
		"mute/built.go", "//go:build linux\n\npackage mute\n",
		"twice/a.go", "// Package twice is.\npackage twice\n",
		"twice/b.go", "// Package twice is too.\npackage twice\n")
	expect(t, archtest.PackageComments(tree),
		"mute: has no package comment", "twice: has a package comment in each of a.go, b.go: keep one")
}

func TestImportingDoesNothing(t *testing.T) {
	tree := invented(t, "a/a.go", "package a\n\nfunc init() { register() }\n\nfunc register() {}\n\ntype t struct{}\n\nfunc (t) init() {}\n")
	expect(t, archtest.NoInit(tree), "a/a.go:3: init runs for everybody")
}

func TestPackagesKeepNoState(t *testing.T) {
	for _, test := range []struct {
		name, source string
		want         []string
	}{
		{"a table", `var kinds = map[string]int{"a": 1}`, nil},
		{"an error and a pattern", "var errGone = errors.New(\"gone\")\nvar word = regexp.MustCompile(`\\w+`)", nil},
		{"an interface that is satisfied", `var _ fmt.Stringer = (*T)(nil)`, nil},
		{"an embedded file", "//go:embed schema.json\nvar schema []byte", nil},
		{"a constant that is made late", `var schema = sync.OnceValue(load)`, nil},
		{"a table that is written to", "var kinds = map[string]int{}\n\nfunc Add(k string) { kinds[k]++ }", []string{"p/p.go:3: package variable kinds is written to"}},
		{"a field that is written to", "var now = clock{}\n\nfunc Set(t int) { now.t = t }", []string{"p/p.go:3: package variable now is written to"}},
		{"a table from which something is deleted", "var kinds = map[string]int{\"a\": 1}\n\nfunc Drop(k string) { delete(kinds, k) }", []string{"p/p.go:3: package variable kinds is written to"}},
		{"a local of the same name", "var kinds = map[string]int{}\n\nfunc Add() { kinds := map[string]int{}; kinds[\"a\"] = 1 }", nil},
		{"a default that is swapped", "var client = dial()\n\nfunc SetClient(c T) { client = c }", []string{"p/p.go:3: package variable client is written to"}},
		{"a cache", `var cache map[string]int`, []string{"p/p.go:3: package variable cache starts empty"}},
		{"a made cache", `var cache = make(map[string]int)`, []string{"p/p.go:3: package variable cache starts empty"}},
		{"a lock", `var mu sync.Mutex`, []string{"p/p.go:3: package variable mu guards or holds shared state"}},
		{"a counter", `var count atomic.Int64`, []string{"p/p.go:3: package variable count guards or holds shared state"}},
		{"a pool", `var pool = sync.Pool{}`, []string{"p/p.go:3: package variable pool guards or holds shared state"}},
		{"a pointer", `var client = &http.Client{}`, []string{"p/p.go:3: package variable client points to a value"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := invented(t, "p/p.go", "package p\n\n"+test.source+"\n")
			expect(t, archtest.NoSharedState(tree), test.want...)
		})
	}
}

func TestAWriteInAnotherFileIsFound(t *testing.T) {
	tree := invented(t,
		"p/a.go", "package p\n\nvar level = 1\n",
		"p/b.go", "package p\n\nimport \"os\"\n\nfunc Raise() { level = len(os.Args) }\n",
		"p/b_test.go", "package p\n\nvar seen = map[string]bool{}\n\nfunc note() { seen[\"a\"] = true }\n")
	expect(t, archtest.NoSharedState(tree), "p/a.go:3: package variable level is written to")
}

func TestFilesAreFormattedAndShort(t *testing.T) {
	long := "package p\n" + strings.Repeat("\n// A line.\n", 400)
	tree := invented(t, "p/a.go", "package p\n", "p/b.go", "package p\nvar  x = 1\n", "p/long.go", long)
	expect(t, archtest.Gofmt(tree), "p/b.go: is not formatted")
	expect(t, archtest.FileLength(tree), "p/long.go: has 801 lines")
}

func TestNothingNamesAMachine(t *testing.T) {
	home, work := "/"+"root/x", "/"+"work/main"
	tree := invented(t,
		"README.md", "See "+work+"/README.md\n\nor https://example.com"+work+"\n",
		"deploy/unit", "ExecStart=/usr/bin/lapwing\nEnvironment=HOME="+home+"\n",
		"data/lapwing.db", home,
		"web/picture.png", "\x00 "+home,
		".git/config", home,
		"tools/go.mod", "module example.com/tools\n",
		"tools/README.md", home)
	expect(t, archtest.NoMachinePaths(tree),
		"README.md:1: "+work, "deploy/unit:2: "+home)
}

func TestATreeWithoutAModuleIsRefused(t *testing.T) {
	for name, fsys := range map[string]fstest.MapFS{
		"no go.mod":          {},
		"an empty go.mod":    {"go.mod": {}},
		"a file with a typo": {"go.mod": {Data: []byte("module m\n")}, "a/a.go": {Data: []byte("pakage a\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := archtest.Load(fsys); err == nil {
				t.Error("it was read without complaint")
			}
		})
	}
}
