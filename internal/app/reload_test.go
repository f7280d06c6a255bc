package app

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

func TestAChangedFileIsInForce(t *testing.T) {
	path := file(t, check("v1"))
	s := running(t, Options{ConfigFile: path})
	for _, name := range []string{"v2", "v3", "v4"} {
		write(t, path, check(name))
		if err := s.nextReload(); err != nil {
			t.Fatal(err)
		}
		s.expectChecks(name)
	}
}

// The file is saved again after it was read and before anybody watches it.
func TestAChangeDuringTheStartIsInForce(t *testing.T) {
	path := file(t, check("v1"))
	s := newServer(t, Options{ConfigFile: path})
	write(t, path, check("v2"))
	s.run()
	if err := s.nextReload(); err != nil {
		t.Fatal(err)
	}
	s.expectChecks("v2")
}

// The file is saved again by whoever hears that it was loaded: however soon
// that is, it is in force in the end.
func TestChangesInQuickSuccessionAreInForce(t *testing.T) {
	path := file(t, check("v1"))
	s := running(t, Options{ConfigFile: path})
	for _, name := range []string{"v2", "v3", "v4", "v5", "v6"} {
		write(t, path, check("draft-of-"+name))
		if err := s.Reload(t.Context()); err != nil { // as by SIGHUP
			t.Fatal(err)
		}
		write(t, path, check(name))
		for s.Checks().List()[0].Name != name {
			if err := s.nextReload(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestARefusedFileChangesNothing(t *testing.T) {
	path := file(t, check("v1"))
	s := running(t, Options{ConfigFile: path})
	write(t, path, "chekcs: []\n")
	if err := s.nextReload(); err == nil {
		t.Error("a file with mistakes was accepted")
	}
	s.expectChecks("v1")
	s.expectNotices(refusedNotice)

	write(t, path, check("v2"))
	if err := s.nextReload(); err != nil {
		t.Error(err)
	}
	s.expectChecks("v2")
	s.expectNotices()
}

// A file that only a refused configuration includes is watched, too.
func TestACorrectedIncludedFileIsInForce(t *testing.T) {
	path := file(t, "include: [\"inc/*.yaml\"]\n"+check("v1"))
	included := filepath.Join(filepath.Dir(path), "inc", "c.yaml")
	write(t, filepath.Join(filepath.Dir(path), "inc", "README.md"), "checks of the teams")
	s := running(t, Options{ConfigFile: path})

	write(t, included, "checks: [{name: more}]\n")
	if err := s.nextReload(); err == nil {
		t.Error("a file with mistakes was accepted")
	}
	s.expectChecks("v1")
	write(t, included, check("more"))
	if err := s.nextReload(); err != nil {
		t.Error(err)
	}
	s.expectChecks("v1", "more")
}

func TestAChangedPasswordFileIsInForce(t *testing.T) {
	path := file(t, "access: {password_file: password}\n"+check("v1"))
	password := filepath.Join(filepath.Dir(path), "password")
	write(t, password, "a first password\n")
	s := running(t, Options{ConfigFile: path})

	write(t, password, "short\n")
	if err := s.nextReload(); err == nil {
		t.Error("a bad password was accepted")
	}
	write(t, password, "a second password\n")
	if err := s.nextReload(); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.parts.access.VerifyPassword(t.Context(), secret.New("a second password")); !ok || err != nil {
		t.Errorf("the new password is accepted: %v, %v", ok, err)
	}
}

func TestReloadWithoutAFile(t *testing.T) {
	loaded, err := config.Parse("demo", []byte(check("demo")), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := running(t, Options{Config: loaded})
	if err := s.Reload(t.Context()); fault.KindOf(err) != fault.KindConflict {
		t.Errorf("got %v, want a conflict", err)
	}
	s.expectChecks("demo")
}

// What only a restart changes is said in the log and as a notice, until the
// file says again what is in force.
func TestChangesThatWaitForARestart(t *testing.T) {
	folder := t.TempDir()
	in := func(listen, data string) string {
		return "listen: " + listen + "\ndata: " + filepath.Join(folder, data) + "\n" + check("a")
	}
	path := file(t, in("127.0.0.1:0", "data"))
	s := &server{t: t, log: &logged{}}
	var err error
	if s.App, err = New(t.Context(), Options{Log: slog.New(slog.NewTextHandler(s.log, nil)), ConfigFile: path}); err != nil {
		t.Fatal(err)
	}
	s.run()
	for _, test := range []struct{ text, keys, logged string }{
		{in("127.0.0.1:7480", "data"), "listen", "level=WARN * keys=listen\n"},
		{in("127.0.0.1:0", "elsewhere"), "data", "level=WARN * keys=data\n"},
		{in("127.0.0.1:7480", "elsewhere"), "listen and data", "level=WARN * keys=\"listen and data\"\n"},
	} {
		write(t, path, test.text)
		if err := s.nextReload(); err != nil {
			t.Fatal(err)
		}
		s.expectNotices(restartNotice)
		if got, want := s.notices.List()[0].Title, "Restart to use the new "+test.keys; got != want {
			t.Errorf("the notice is %q, want %q", got, want)
		}
		before, after, _ := strings.Cut(test.logged, "*")
		if !s.log.has(before) || !s.log.has(after) {
			t.Errorf("the log has no line %s", test.logged)
		}
	}
	write(t, path, in("127.0.0.1:0", "data"))
	if err := s.nextReload(); err != nil {
		t.Fatal(err)
	}
	s.expectNotices()
}

// Flags win over the file, so its changes of the same wait for nothing.
func TestChangesThatFlagsOverrule(t *testing.T) {
	path := file(t, check("a"))
	s := running(t, Options{ConfigFile: path})
	write(t, path, "listen: 127.0.0.1:7480\ndata: elsewhere\n"+check("a"))
	if err := s.nextReload(); err != nil {
		t.Fatal(err)
	}
	s.expectNotices()
}
