package app

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/config"
)

// inFolders is a configuration whose mistakes only the parts find: each names a
// file that is none, and so is everything but the check's URL.
const inFolders = `access: {password_file: secrets}
apis: [{name: orders, url: "http://127.0.0.1:1", openapi: secrets}]
checks:
  - {name: a, request: {url: "http://127.0.0.1:1/", body_file: secrets}}
  - {name: b, request: {url: "http://127.0.0.1:1/", body_file: /dev/zero}}
`

// places are where mistakes are, as path and position.
func places(t *testing.T, err error) []string {
	t.Helper()
	var mistakes *config.Errors
	if !errors.As(err, &mistakes) {
		t.Fatalf("got %v, want mistakes with their places", err)
	}
	var list []string
	for _, e := range mistakes.All {
		if e.Line == 0 || filepath.Base(e.File) != "lapwing.yaml" {
			t.Errorf("%s has no place", e)
		}
		list = append(list, e.Path)
	}
	return list
}

// What the parts refuse is told at once, each with its place.
func TestThePartsTellAllMistakesAtOnce(t *testing.T) {
	path := file(t, inFolders)
	write(t, filepath.Join(filepath.Dir(path), "secrets", "x"), "")
	loaded, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	err = CheckConfig(t.Context(), slog.New(slog.DiscardHandler), loaded)
	want := []string{"access.password_file", "apis[0].openapi", "checks[0].request", "checks[1].request"}
	if diff := cmp.Diff(want, places(t, err)); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// So it is when the file has other mistakes: nobody shall correct one and meet
// the next. What could not be read at all is not complained about twice.
func TestMistakesOfTheFileAndOfThePartsAreToldAtOnce(t *testing.T) {
	path := file(t, inFolders+"  - {name: c, url: \"http://127.0.0.1:1/\", evry: 1m}\n"+
		"  - {name: d, depends_on: [nope], request: {url: \"http://127.0.0.1:1/\", body_file: [x]}}\n")
	write(t, filepath.Join(filepath.Dir(path), "secrets", "x"), "")
	_, err := LoadConfig(path)
	want := []string{
		"access.password_file", "apis[0].openapi", "checks[0].request", "checks[1].request", "checks[2]",
		"checks[3].depends_on[0]", "checks[3].request.body_file",
	}
	if diff := cmp.Diff(want, places(t, err)); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// A check from the command line needs no password of the server.
func TestOfflineChecksNeedNoPasswordFile(t *testing.T) {
	loaded, err := LoadConfig(file(t, "access: {password_file: on-the-server-only}\n"+check("a")))
	if err != nil {
		t.Fatal(err)
	}
	m, done, err := OfflineChecks(t.Context(), slog.New(slog.DiscardHandler), loaded)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if n := len(m.List()); n != 1 {
		t.Errorf("%d checks", n)
	}
}
