package browser_test

import (
	"context"
	"flag"
	"io"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/cli"
)

// update takes the pictures of README and guides anew.
var update = flag.Bool("update", false, "write docs/img anew")

const images = "../../docs/img"

// startDemo runs `lapwing demo` in this process until the test ends.
func startDemo(t *testing.T) *httptest.Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	talk, told := io.Pipe()
	var running sync.WaitGroup
	running.Go(func() {
		status := cli.Main(ctx, []string{"demo", "--listen", "127.0.0.1:0"}, strings.NewReader(""), io.Discard, told)
		_ = told.Close()
		if status != cli.ExitOK {
			t.Errorf("the demo ended with status %d", status)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })

	found := make(chan string, 1)
	running.Go(func() { listen(talk, found) })
	select {
	case url := <-found:
		return &httptest.Server{URL: url}
	case <-time.After(patience):
		t.Fatal("the demo does not say where its pages are")
		return nil
	}
}

// listen reads everything that the demo says, and passes on where its pages are
// once it has told its first results.
func listen(talk io.Reader, found chan<- string) {
	pages := regexp.MustCompile(`UI\s+(http://\S+)/`)
	var said strings.Builder
	buffer := make([]byte, 1024)
	for {
		n, err := talk.Read(buffer)
		said.Write(buffer[:n])
		if match := pages.FindStringSubmatch(said.String()); match != nil && strings.Contains(said.String(), "Next:") {
			select {
			case found <- match[1]:
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

// toldOfRequests waits until the demo's requests, too, are told of: a picture of
// its first seconds would lack what fails.
func toldOfRequests(t *testing.T, browser browser, site *httptest.Server) {
	t.Helper()
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/") // and it follows by itself
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for end := time.Now().Add(2 * patience); time.Now().Before(end); <-again.C {
		if eval[bool](t, tab, `document.querySelector("#attention").textContent.includes("GET /inventory")`) {
			return
		}
	}
	t.Fatal("the demo does not tell of GET /inventory, which fails")
}

func TestTheDemoIsWhatTheReadmeShows(t *testing.T) {
	browser := startBrowser(t)
	site := startDemo(t)
	if *update {
		toldOfRequests(t, browser, site)
	}
	for _, l := range []look{light, dark, phone} {
		folder := pictures(t)
		if *update && l != phone {
			folder = images
		}
		tab := openTab(t, browser, site, l)
		tab.visit(t, "/")
		tab.live(t)
		tab.wait(t, `document.querySelector("h1").textContent.includes("1 check down, 1 degraded")`)
		name := map[string]string{"light": "overview.png", "dark": "overview-dark.png", "390": "overview-390.png"}[l.Name]
		shoot(t, tab, filepath.Join(folder, name))
		for _, path := range []string{"/checks", "/checks/refunds", "/checks/login-journey?range=1h", "/endpoints", "/endpoints/GET/refunds?api=shop", "/alerts", "/alerts/silences/new", "/traffic", "/settings", "/status"} {
			tab.visit(t, path)
			if wide := eval[bool](t, tab, "document.documentElement.scrollWidth > window.innerWidth"); wide {
				t.Errorf("%s scrolls sideways in %s", path, l.Name)
			}
		}
	}

	// What a visitor does first: look at the failure, run it again, pause it, undo that.
	tab := openTab(t, browser, site, light)
	tab.visit(t, "/checks/refunds")
	press := func(action string) {
		tab.wait(t, `document.querySelector('form[action$="/`+action+`"] button')`)
		eval[bool](t, tab, `(document.querySelector('form[action$="/`+action+`"] button').click(), true)`)
	}
	press("pause")
	tab.wait(t, `document.querySelector('form[action$="/resume"]')`)
	press("resume")
	tab.wait(t, `document.querySelector('form[action$="/pause"]')`)
	press("run")
	tab.wait(t, `document.querySelector("main").textContent.includes("503")`)
}
