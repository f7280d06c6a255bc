package ui_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

func TestAFullDiskIsToldAsSuch(t *testing.T) {
	source := uitest.Shop(noon)
	deps := uitest.Deps(source, noon)
	var log bytes.Buffer
	deps.Log = slog.New(slog.NewTextHandler(&log, nil))
	u := open(t, deps)
	source.Err = uitest.StorageFull()
	stranger := uitest.Deps(uitest.Shop(noon), noon)
	stranger.Log, stranger.Identity = deps.Log, as(ui.Viewer{Name: "anonymous"})
	for name, answer := range map[string]*http.Response{
		"a page":  get(t, u, "/checks/login"),
		"a login": post(t, open(t, stranger), "/login", url.Values{"password": {"full"}}),
	} {
		doc := parse(t, answer)
		if answer.StatusCode != http.StatusServiceUnavailable || text(doc.Find("h1")) != "No space to store it" {
			t.Errorf("%s: status %d, %q", name, answer.StatusCode, text(doc.Find("h1")))
		}
		if said := text(doc.Find("main")); !strings.Contains(said, "The disk that keeps the data is full.") || strings.Contains(said, "/var/lib") {
			t.Errorf("%s says %q", name, said)
		}
	}
	if n := strings.Count(log.String(), "/var/lib/lapwing"); n != 2 {
		t.Errorf("the log names the folder %d times, want once for each:\n%s", n, log.String())
	}
}
