// Package testneeds is for tests that need a program which is not on every
// machine: a browser, a Python with FastAPI.
//
// On a contributor's machine such a test is skipped and says what is missing.
// Where LAPWING_REQUIRE names the need (a list such as
// "chromium,python3-fastapi", as .ci/run exports it) the test fails instead, so
// that nothing is skipped unseen.
package testneeds

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// RequireEnv is the environment variable that lists the needs, separated by
// commas, whose absence fails a test. "all" stands for every need.
const RequireEnv = "LAPWING_REQUIRE"

// SkippedEnv is the environment variable that names a file to which every
// skipped test adds a line, so that `make test` can list them: go test shows a
// skip only when it shows everything.
const SkippedEnv = "LAPWING_SKIPPED"

// Program returns the path of the first candidate that can be run; a candidate
// is a name on PATH or an absolute path. Without candidates the name itself is
// looked for. When none is there, the test is skipped, or fails if
// LAPWING_REQUIRE lists name.
func Program(t testing.TB, name string, candidates ...string) string {
	t.Helper()
	if len(candidates) == 0 {
		candidates = []string{name}
	}
	for _, c := range candidates {
		if path, err := exec.LookPath(c); err == nil {
			return path
		}
	}
	Missing(t, name, fmt.Sprintf("none of %s is on PATH", strings.Join(candidates, ", ")))
	return ""
}

// Python returns the path of a Python 3 that can import all the modules. When
// there is none, the test is skipped, or fails if LAPWING_REQUIRE lists name.
// Several interpreters are tried, because the one that is first on PATH is often
// not the one for which the distribution packages its modules.
func Python(t testing.TB, name string, modules ...string) string {
	t.Helper()
	for _, c := range []string{"python3", "/usr/bin/python3", "python"} {
		path, err := exec.LookPath(c)
		if err != nil {
			continue
		}
		program := "import sys; assert sys.version_info[0] == 3; import " + strings.Join(append([]string{"sys"}, modules...), ", ")
		if exec.CommandContext(t.Context(), path, "-c", program).Run() == nil { // #nosec G204 -- module names are the test's own constants
			return path
		}
	}
	Missing(t, name, fmt.Sprintf("no python3 can import %s", strings.Join(modules, ", ")))
	return ""
}

// Missing ends the test because a need called name is not met: as skipped, or as
// failed if LAPWING_REQUIRE lists name. The detail says what was looked for.
func Missing(t testing.TB, name, detail string) {
	t.Helper()
	if required(name) {
		t.Fatalf("%s is missing and %s asks for it: %s", name, RequireEnv, detail)
	}
	note(t, name)
	t.Skipf("%s is missing: %s", name, detail)
}

// note adds the test that is about to be skipped to the file of SkippedEnv.
func note(t testing.TB, name string) {
	t.Helper()
	path := os.Getenv(SkippedEnv)
	if path == "" {
		return
	}
	// Several test binaries write at once: one short line, appended, stays whole.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600) // #nosec G703 -- whoever runs the tests names the file
	if err != nil {
		t.Logf("the skip cannot be listed: %v", err)
		return
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "  %s needs %s\n", t.Name(), name); err != nil {
		t.Logf("the skip cannot be listed: %v", err)
	}
}

func required(name string) bool {
	for need := range strings.SplitSeq(os.Getenv(RequireEnv), ",") {
		if need = strings.TrimSpace(need); need == "all" || need == name && name != "" {
			return true
		}
	}
	return false
}
