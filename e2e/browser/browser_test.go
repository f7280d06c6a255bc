// Package browser_test opens the pages in a real browser: nothing may be wrong
// in its console, nothing may be asked of another origin, and every page gets
// its picture taken in light, dark and on a phone (in the folder that
// LAPWING_SHOTS names).
package browser_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"lapwing.dev/lapwing/internal/testneeds"
)

// patience is for what takes long on a busy machine, such as starting a browser.
const patience = 60 * time.Second

// browser is a running browser, as chromedp keeps it.
type browser struct{ context.Context }

// startBrowser runs a browser of its own, with an empty profile, until the test ends.
func startBrowser(t *testing.T) browser {
	t.Helper()
	path := testneeds.Program(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(patience),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	started, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(started) // waits until the process has ended
		closeBrowser()
		stop()
	})
	if err := chromedp.Do(started); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return browser{started}
}

// look is how a reader looks at a page.
type look struct {
	Name   string
	Width  int64
	Height int64
	Dark   bool
	Touch  bool
	NoJS   bool
}

var (
	light = look{Name: "light", Width: 1440, Height: 900}
	dark  = look{Name: "dark", Width: 1440, Height: 900, Dark: true}
	phone = look{Name: "390", Width: 390, Height: 844, Touch: true}
	night = look{Name: "390-dark", Width: 390, Height: 844, Touch: true, Dark: true}
)

// tab is one tab that notes what goes wrong in it.
type tab struct {
	context.Context
	site string
	look look

	mu    sync.Mutex
	wrong []string
}

// openTab opens a tab with the look; it is closed when the test ends. That
// nothing went wrong in it is checked then.
func openTab(t *testing.T, b browser, site *httptest.Server, l look) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b)
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	p := &tab{Context: ctx, site: site.URL, look: l}
	t.Cleanup(func() {
		cancel()
		closeTab()
		p.nothingWrong(t)
	})
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	err := chromedp.Do(ctx)
	for _, step := range []func() error{
		func() error { return chromedp.Listen(ctx, p.listen) },
		command(ctx, network.Enable, network.EnableParams{}),
		command(ctx, log.Enable, cdp.Empty{}),
		command(ctx, emulation.SetDeviceMetricsOverride, l.metrics(l.Height)),
		command(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}),
		command(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Berlin"}),
		command(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.NoJS}),
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return p
}

func (l look) metrics(height int64) emulation.SetDeviceMetricsOverrideParams {
	return emulation.SetDeviceMetricsOverrideParams{Width: l.Width, Height: height, DeviceScaleFactor: 1, Mobile: l.Touch}
}

// resize changes the height of the window.
func (p *tab) resize(t *testing.T, height int64) {
	t.Helper()
	if err := command(p, emulation.SetDeviceMetricsOverride, p.look.metrics(height))(); err != nil {
		t.Fatalf("resize the window: %v", err)
	}
}

// command is one command of the protocol whose answer does not matter.
func command[P, R any](ctx context.Context, c cdp.Command[P, R], params P) func() error {
	return func() error {
		_, err := chromedp.Call(ctx, c, params)
		return err
	}
}

func (p *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			p.note("console: %s %s", e.Type, values(e.Args))
		}
	case *runtime.EventExceptionThrown:
		p.note("exception: %s", describe(e.ExceptionDetails))
	case *log.EventEntryAdded:
		// Violations of the content security policy and failed requests come here.
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.note("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; !strings.HasPrefix(url, p.site+"/") && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "about:") {
			p.note("request to another origin: %s", url)
		}
	}
}

func (p *tab) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// nothingWrong fails the test with what was noted, once.
func (p *tab) nothingWrong(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wrong {
		t.Error(w)
	}
	p.wrong = nil
}

// forgive drops what was noted so far, in a test that means to break something.
func (p *tab) forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = nil
}

func describe(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

func values(args []*runtime.RemoteObject) string {
	var b strings.Builder
	for _, a := range args {
		fmt.Fprintf(&b, "%s", a.Value)
		b.WriteString(a.Description)
		b.WriteByte(' ')
	}
	return b.String()
}

// do runs actions and ends the test when one fails.
func (p *tab) do(t *testing.T, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(p, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// get runs an action that has a value.
func get[T any](t *testing.T, p *tab, what string, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(p, action)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return value
}

// visit opens a path of the site and waits until it is loaded.
func (p *tab) visit(t *testing.T, path string) {
	t.Helper()
	p.do(t, "visit "+path, chromedp.Navigate(p.site+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// before runs a script in every page that is opened from now on, before its own.
func (p *tab) before(t *testing.T, script string) {
	t.Helper()
	if err := command(p, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})(); err != nil {
		t.Fatalf("prepare pages: %v", err)
	}
}

// eval returns the value of an expression in the page.
func eval[T any](t *testing.T, p *tab, expression string) T {
	t.Helper()
	return get(t, p, expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// wait asks the page until an expression is true. It asks from outside, because
// what waits inside of a page ends with it when the page leads elsewhere.
func (p *tab) wait(t *testing.T, expression string) {
	t.Helper()
	var last error
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience / 2); time.Now().Before(deadline); <-again.C {
		value, err := chromedp.Run(p, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && value {
			return
		}
		last = err
	}
	t.Fatalf("waited in vain for %s (last error: %v)", expression, last)
}

// live waits until the stream of events is open.
func (p *tab) live(t *testing.T) {
	t.Helper()
	p.wait(t, `document.getElementById("stream-text")?.textContent === "live" && !document.getElementById("stream").hidden`)
}
