package app

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// refused expects New to fail with these words.
func refused(t *testing.T, o Options, want string) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	a, err := New(t.Context(), o)
	if err == nil {
		a.close()
		t.Fatalf("started, want an error with %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %q, want %q in it", err, want)
	}
}

// startAndStop expects that nothing is left of what was refused before.
func startAndStop(t *testing.T, o Options) {
	t.Helper()
	s := newServer(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{ConfigFile: file(t, check("a")), Data: filepath.Join(t.TempDir(), "data"), Listen: taken.Addr().String()}
	refused(t, o, "is taken by another program")
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	startAndStop(t, o)
}

func TestAFolderThatAnotherServerUses(t *testing.T) {
	o := Options{ConfigFile: file(t, check("a")), Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0"}
	t.Run("while it runs", func(t *testing.T) {
		running(t, o)
		refused(t, o, "another Lapwing server")
	})
	startAndStop(t, o)
}

// A start that the parts refuse keeps neither the folder nor a port.
func TestAConfigurationThatThePartsRefuse(t *testing.T) {
	path := file(t, "checks: [{name: a, request: {url: \"http://127.0.0.1:1/\", body_file: none}}]\n")
	o := Options{ConfigFile: path, Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0"}
	refused(t, o, "lapwing.yaml:1:20: checks[0].request")
	write(t, path, check("a"))
	startAndStop(t, o)
}

// An address that is none is told as such, before anybody asks for a password
// or opens the folder.
func TestAnAddressThatIsNone(t *testing.T) {
	path := file(t, check("a"))
	for listen, want := range map[string]string{
		"foo:99999":             `listen address: "99999" is not a port; write a number from 1 to 65535, or 0 for any free port`,
		"7480":                  `listen address: "7480" is not an address; write host:port, such as 127.0.0.1:7480`,
		"http://127.0.0.1:7480": `is a URL, not an address`,
		"*:7480":                `"*" is not a host`,
	} {
		t.Run(listen, func(t *testing.T) {
			refused(t, Options{ConfigFile: path, Listen: listen, Data: filepath.Join(path, "no folder")}, want)
		})
	}
}

func TestTheWorldNeedsAPassword(t *testing.T) {
	refused(t, Options{ConfigFile: file(t, check("a")), Data: t.TempDir(), Listen: "0.0.0.0:0"}, "lapwing admin set-password")
}
