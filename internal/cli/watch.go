package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// findTime is how long the search for an OpenAPI document may take.
const findTime = 5 * time.Second

// watch is one call of `lapwing watch`.
type watch struct {
	openapi, out, listen, data string
	every                      string
	force, once                bool
}

func newWatch(s streams, g *globals) *cobra.Command {
	w := watch{}
	cmd := &cobra.Command{
		Use: "watch URL…", Short: "Start watching APIs: find their operations, check them, write lapwing.yaml", Args: someURL,
		Long: `Start watching APIs. Lapwing looks for the OpenAPI document of each (/openapi.json and
the other usual places, or --openapi), takes the operations that are safe to call (GET and
HEAD whose parameters are optional or have examples or defaults), checks them, writes
lapwing.yaml, and serves the web interface until Ctrl-C. Without a document it checks the
URL itself.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnv(cmd, "listen", "data"); err != nil {
				return err
			}
			return w.run(cmd.Context(), s, g, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&w.openapi, "openapi", "", "OpenAPI document: a path on the URL, a URL or a file")
	flags.StringVarP(&w.out, "out", "o", defaultFile, "configuration file to write")
	flags.BoolVar(&w.force, "force", false, "overwrite the file when it exists")
	flags.StringVar(&w.every, "every", "30s", "how often each check runs")
	flags.StringVar(&w.listen, "listen", "", "address of the web interface (LAPWING_LISTEN)")
	flags.StringVar(&w.data, "data", "", "folder of the stores (LAPWING_DATA)")
	flags.BoolVar(&w.once, "once", false, "check once, write the file, and end; exit status 1 when a check is down")
	return cmd
}

func (w *watch) run(ctx context.Context, s streams, g *globals, args []string) error {
	every, err := units.ParseDuration(w.every)
	if err != nil {
		return usageError("--every: %w", err)
	}
	if _, err := os.Stat(w.out); err == nil && !w.force {
		return usageError("%s exists; run it with `lapwing serve -c %s`, write elsewhere with --out FILE, or overwrite it with --force", w.out, w.out)
	}
	if w.openapi != "" && len(args) > 1 {
		return usageError("--openapi is for one URL; write the file by hand for several, or watch them without it")
	}
	apis := make([]watched, 0, len(args))
	names := map[string]bool{}
	for _, arg := range args {
		api, err := w.find(ctx, s.err, arg, names)
		if err != nil {
			return err
		}
		apis = append(apis, api)
	}
	nameChecks(apis)
	text := watchFile(w.out, apis, every, time.Now())
	if _, err := config.Parse(w.out, []byte(text), os.LookupEnv); err != nil {
		return fmt.Errorf("no configuration can be made of this: %w", err)
	}
	if err := os.WriteFile(w.out, []byte(text), 0o644); err != nil { //nolint:gosec // a configuration without secrets
		return fmt.Errorf("write the configuration: %w", err)
	}
	if w.once {
		return w.runOnce(ctx, s, g)
	}
	a, err := app.New(ctx, app.Options{
		Log: g.quietly(s.err), ConfigFile: w.out, Listen: w.listen, Data: w.data,
		OnReady: func(ctx context.Context, a *app.App) { w.firstResults(ctx, s, a) },
	})
	if err != nil {
		return err
	}
	stop := reloadOnHangup(ctx, a)
	defer stop()
	return a.Run(ctx)
}

// someURL wants an argument, and says which.
func someURL(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("name the API to watch, such as `lapwing watch http://localhost:8000`")
	}
	return nil
}

// find looks for an API's document and chooses what to check.
func (w *watch) find(ctx context.Context, talk io.Writer, arg string, names map[string]bool) (watched, error) {
	if !strings.Contains(arg, "://") {
		arg = "http://" + arg
	}
	u, err := url.Parse(arg)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return watched{}, usageError("%q is not an http or https URL", arg)
	}
	if u.User != nil {
		u.User = nil
		return watched{}, usageError("credentials do not belong into the URL, which is written to a file; watch %s, and add `auth: {basic: {username: …, password: \"${API_PASSWORD}\"}}` to the requests that need it", u)
	}
	// What is asked when there is no document, and where documents are looked for.
	asked := u.RequestURI()
	u.RawQuery, u.Fragment = "", ""
	base := strings.TrimSuffix(u.String(), "/")
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	doc, err := catalog.Find(ctx, &http.Client{}, base, w.openapi)
	if err != nil {
		if w.openapi != "" {
			return watched{}, fmt.Errorf("read the OpenAPI document: %w", err)
		}
		if fault.KindOf(err) != fault.KindNotFound {
			fmt.Fprintf(talk, "→ %s: %s; the URL itself is checked\n", base, err)
		} else {
			fmt.Fprintf(talk, "→ %s: no OpenAPI document; the URL itself is checked\n", base)
		}
		return itself(apiName("", u.Host, names), u, asked), nil
	}
	if origin := u.Scheme + "://" + u.Host; w.openapi == "" && !strings.HasPrefix(doc.URL(), base+"/") && strings.HasPrefix(doc.URL(), origin+"/") {
		// The document is the host's, so its paths are too: read it as such.
		if again, err := catalog.Find(ctx, &http.Client{}, origin, ""); err == nil {
			base, doc = origin, again
		}
	}
	probes, skipped := doc.Probes(base)
	api := watched{name: apiName(doc.Title(), u.Host, names), url: base, openapi: w.place(doc, base), skipped: len(skipped)}
	for _, p := range probes {
		api.checks = append(api.checks, watchedCheck{
			name: p.Operation.Method + " " + p.Operation.Path, path: p.Path, head: p.Operation.Method == http.MethodHead,
			headers: p.Headers,
		})
	}
	fmt.Fprintf(talk, "→ GET %s  %q %s, %s (%d safe, %d skipped: unsafe, or they need parameters or a login)\n",
		api.openapi, doc.Title(), doc.Version(), plural(len(probes)+len(skipped), "operation"), len(probes), len(skipped))
	if len(api.checks) == 0 {
		fmt.Fprintln(talk, "  none of them can be called just so; the URL itself is checked")
		return itself(api.name, u, asked), nil
	}
	return api, nil
}

// itself watches nothing but the URL that was given: its path and query.
func itself(name string, u *url.URL, asked string) watched {
	origin := url.URL{Scheme: u.Scheme, Host: u.Host}
	return watched{name: name, url: origin.String(), checks: []watchedCheck{{name: name, path: asked}}}
}

// place is how the configuration names the document: a path on the API when it is there.
func (w *watch) place(doc *catalog.Document, base string) string {
	if w.openapi == "" {
		return strings.TrimPrefix(doc.URL(), base)
	}
	if _, err := os.Stat(w.openapi); err != nil || strings.HasPrefix(w.openapi, "/") {
		return w.openapi
	}
	// Names of files in a configuration are relative to it, not to where we are.
	from, err := filepath.Abs(filepath.Dir(w.out))
	if err != nil {
		return w.openapi
	}
	file, err := filepath.Abs(w.openapi)
	if err != nil {
		return w.openapi
	}
	if relative, err := filepath.Rel(from, file); err == nil {
		return filepath.ToSlash(relative)
	}
	return file
}

// nameChecks makes the names unique over all APIs.
// Paths of a foreign document may hold anything; names are shown everywhere.
func nameChecks(apis []watched) {
	for _, api := range apis {
		for i := range api.checks {
			api.checks[i].name = visible(api.checks[i].name)
		}
	}
	count := map[string]int{}
	for _, api := range apis {
		for _, c := range api.checks {
			count[checks.ID(c.name)]++
		}
	}
	for _, api := range apis {
		seen := map[string]int{}
		for i := range api.checks {
			c := &api.checks[i]
			if count[checks.ID(c.name)] > 1 && len(apis) > 1 {
				c.name = api.name + " " + c.name
			}
			id := checks.ID(c.name)
			seen[id]++
			if seen[id] > 1 { // two templates that differ in signs only
				c.name = fmt.Sprintf("%s (%d)", c.name, seen[id])
			}
		}
	}
}

// visible replaces what cannot be part of a name: control characters, and those
// that change the direction of what follows.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '_'
		}
		return r
	}, name)
}

// runOnce checks what was found once, without a server.
func (w *watch) runOnce(ctx context.Context, s streams, g *globals) error {
	loaded, err := app.LoadConfig(w.out)
	if err != nil {
		return err
	}
	m, done, err := app.OfflineChecks(ctx, g.quietly(s.err), loaded)
	if err != nil {
		return err
	}
	defer done()
	down := false
	err = m.RunOnce(ctx, nil, 8, func(o checks.Once) {
		down = down || o.Result.Status == checks.Down
		printResult(s.out, o.View.Name, &o.Result)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "  wrote %s; run it: lapwing serve -c %s\n", w.out, w.out)
	if down {
		return &exitError{status: ExitFailed, err: errChecksFailed, silent: true}
	}
	return nil
}

// firstResults runs every check at once and prints what comes back.
func (w *watch) firstResults(ctx context.Context, s streams, a *app.App) {
	var printing sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, 8)
	views := a.Checks().List()
	for _, v := range views {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			result, err := a.Checks().RunNow(ctx, v.ID)
			printing.Lock()
			defer printing.Unlock()
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					fmt.Fprintf(s.err, "  %s: %s\n", v.Name, err)
				}
				return
			}
			printResult(s.out, v.Name, result)
		})
	}
	running.Wait()
	fmt.Fprintf(s.err, "  wrote %s (%s)\n  UI %s    to keep it: lapwing serve -c %s\n", w.out, plural(len(views), "check"), a.URL(), w.out)
}

func printResult(w io.Writer, name string, r *checks.Result) {
	line := fmt.Sprintf("  %s %s", glyph(r.Status), name)
	if code := r.Last().Code; code != 0 {
		line += fmt.Sprintf(" %d", code)
	}
	line += " " + milliseconds(r.Latency())
	if reason := r.Last().Reason; reason != "" {
		line += "  " + reason
	}
	fmt.Fprintln(w, line)
}
