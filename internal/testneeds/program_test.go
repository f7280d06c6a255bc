package testneeds_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

// recorder is a testing.TB that notes how a test ended instead of ending ours.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run calls need as a test of its own would and reports how that test ended.
func run(t *testing.T, need func(testing.TB)) *recorder {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		need(r)
	}()
	<-done
	return r
}

func TestAProgramOnPathIsFound(t *testing.T) {
	dir := t.TempDir()
	browser := filepath.Join(dir, "second-browser")
	if err := os.WriteFile(browser, []byte("#!/bin/sh\n"), 0o700); err != nil { // #nosec G306 -- a program must be executable
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got := testneeds.Program(t, "browser", "first-browser", "second-browser"); got != browser {
		t.Errorf("Program() = %q, want %q", got, browser)
	}
}

func TestWhatIsMissingIsSkippedUnlessRequired(t *testing.T) {
	for _, test := range []struct {
		name, require string
		want          recorder
	}{
		{"nothing is required", "", recorder{skipped: "browser is missing: none of no-such-browser is on PATH"}},
		{"something else is required", "python3-fastapi", recorder{skipped: "browser is missing: none of no-such-browser is on PATH"}},
		{"it is required", "python3-fastapi, browser", recorder{failed: "browser is missing and LAPWING_REQUIRE asks for it: none of no-such-browser is on PATH"}},
		{"all is required", "all", recorder{failed: "browser is missing and LAPWING_REQUIRE asks for it: none of no-such-browser is on PATH"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(testneeds.RequireEnv, test.require)
			t.Setenv(testneeds.SkippedEnv, "")
			got := run(t, func(tb testing.TB) { testneeds.Program(tb, "browser", "no-such-browser") })
			if got.skipped != test.want.skipped || got.failed != test.want.failed {
				t.Errorf("skipped %q, failed %q; want skipped %q, failed %q", got.skipped, got.failed, test.want.skipped, test.want.failed)
			}
		})
	}
}

func TestSkipsAreListed(t *testing.T) {
	list := filepath.Join(t.TempDir(), "skipped")
	t.Setenv(testneeds.RequireEnv, "")
	t.Setenv(testneeds.SkippedEnv, list)
	for _, name := range []string{"browser", "python"} {
		run(t, func(tb testing.TB) { testneeds.Missing(tb, name, "not here") })
	}
	got, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if want := "  TestSkipsAreListed needs browser\n  TestSkipsAreListed needs python\n"; string(got) != want {
		t.Errorf("the list is %q, want %q", got, want)
	}
}

func TestAPythonWithoutTheModuleIsNoUse(t *testing.T) {
	t.Setenv(testneeds.RequireEnv, "")
	t.Setenv(testneeds.SkippedEnv, "")
	got := run(t, func(tb testing.TB) { testneeds.Python(tb, "python3-nothing", "no_such_module_anywhere") })
	if want := "python3-nothing is missing: no python3 can import no_such_module_anywhere"; got.skipped != want {
		t.Errorf("skipped with %q, want %q", got.skipped, want)
	}
}
