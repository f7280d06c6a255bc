package catalog

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/middleware/observe"
)

// Deps are what a Catalog works with.
type Deps struct {
	Log *slog.Logger
	// Client reads documents. Default: one that uses no proxy from the environment.
	Client *http.Client
}

// Catalog keeps the present document of every configured API. All methods may
// be called concurrently; documents load only while Run runs.
type Catalog struct {
	log     *slog.Logger
	client  *http.Client
	entries atomic.Pointer[map[string]*entry] // by API name; never changed in place
	changed chan struct{}                     // has one element after a commit
	prepare sync.Mutex
}

// New returns a Catalog without APIs.
func New(deps Deps) *Catalog {
	c := &Catalog{log: deps.Log, client: deps.Client, changed: make(chan struct{}, 1)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.log = c.log.With("part", "catalog")
	if c.client == nil {
		// Closing each connection is cheaper than keeping one for five minutes.
		c.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	c.entries.Store(&map[string]*entry{})
	return c
}

// Prepare checks a new set of APIs and returns the step that puts it in place,
// which cannot fail. dir is the folder that relative file names are on. Documents
// in files are read here, so that a mistake in one is a mistake of the
// configuration; those on the network load when Run runs. APIs that did not
// change keep their document.
//
// An error is a fault.Problems with paths such as "apis[1].openapi"; then
// nothing has changed.
func (c *Catalog) Prepare(apis []API, dir string) (commit func(), err error) {
	c.prepare.Lock()
	defer c.prepare.Unlock()
	old := *c.entries.Load()
	next := make(map[string]*entry, len(apis))
	var problems fault.Problems
	for i, api := range apis {
		path := fmt.Sprintf("apis[%d]", i)
		if mistakes := api.Validate(); len(mistakes) > 0 {
			problems.Merge(path, mistakes)
			continue
		}
		if next[api.Name] != nil {
			problems.Add(path+".name", "names of APIs are unique", "there is already an API %q", api.Name)
			continue
		}
		e, err := newEntry(api, dir)
		if err != nil {
			problems.Add(path+".openapi", "", "%s", err)
			continue
		}
		if known := old[api.Name]; known != nil && known.place == e.place && known.api.URL == api.URL && e.place.file == "" {
			known = known.with(api)
			e = known
		} else if known != nil {
			e.learned = known.learned
		}
		next[api.Name] = e
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return func() {
		c.entries.Store(&next)
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}, nil
}

// Run loads the documents and refreshes them until ctx ends. It returns nil
// after everything that it started has ended.
func (c *Catalog) Run(ctx context.Context) error {
	var loaders sync.WaitGroup
	defer loaders.Wait()
	running := map[*loader]context.CancelFunc{}
	for {
		wanted := map[*loader]bool{}
		for _, e := range *c.entries.Load() {
			if e.place == (place{}) {
				continue
			}
			wanted[e.loader] = true
			if running[e.loader] != nil {
				continue
			}
			loading, cancel := context.WithCancel(ctx)
			running[e.loader] = cancel
			loaders.Go(func() {
				e.loader.run(loading, c.client, c.log.With("api", e.api.Name))
			})
		}
		for l, cancel := range running {
			if !wanted[l] {
				cancel()
				delete(running, l)
			}
		}
		select {
		case <-ctx.Done():
			for _, cancel := range running {
				cancel()
			}
			return nil
		case <-c.changed:
		}
	}
}

// APIs lists the configured APIs by name.
func (c *Catalog) APIs() []API {
	var list []API
	for _, e := range *c.entries.Load() {
		list = append(list, e.api)
	}
	slices.SortFunc(list, func(a, b API) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Operations lists an API's operations; nil when no document is loaded. The
// caller must not change the list.
func (c *Catalog) Operations(api string) []Operation {
	if d := c.present(api); d != nil {
		return d.Operations()
	}
	return nil
}

// Match returns the operation of a request to an API; see Document.Match.
func (c *Catalog) Match(api, method, path string) (Operation, bool) {
	if d := c.present(api); d != nil {
		return d.Match(method, path)
	}
	return Operation{}, false
}

// Operation returns the route template of a request to an API: its document's,
// or else one that was learned from paths; documented says which. It is "" for an
// API that there is not. The number of templates of an API is bounded.
func (c *Catalog) Operation(api, method, path string) (template string, documented bool) {
	e := (*c.entries.Load())[api]
	if e == nil {
		return "", false
	}
	if d := e.loader.state.Load().document; d != nil {
		if r := d.routes.find(method, path); r != nil {
			return r.Path, true
		}
	}
	return e.learned.Template(e.below(path)), false
}

// Observe implements observe.Sink: what an API says it has not got is not learned.
func (c *Catalog) Observe(x *observe.Exchange) {
	served := x.Verdict == observe.Allowed || x.Verdict == observe.Delayed
	if !served || x.Route == "" || x.Status != http.StatusNotFound && x.Status != http.StatusMethodNotAllowed {
		return
	}
	if e := (*c.entries.Load())[x.API]; e != nil {
		e.learned.Missed(x.Route)
	}
}

func (c *Catalog) present(api string) *Document {
	e := (*c.entries.Load())[api]
	if e == nil {
		return nil
	}
	return e.loader.state.Load().document
}

// ValidateResponse holds an answer to its operation: see
// Document.ValidateResponse. When the document is loading for the first time it
// waits for it, within ctx. An error that is not a *Violation is of kind
// fault.Unavailable or fault.NotFound and says why there is no document.
func (c *Catalog) ValidateResponse(ctx context.Context, api, method string, u *url.URL, status int, header http.Header, body []byte) error {
	d, err := c.document(ctx, api)
	if err != nil {
		return err
	}
	return d.ValidateResponse(ctx, method, u, status, header, body)
}

func (c *Catalog) document(ctx context.Context, api string) (*Document, error) {
	e := (*c.entries.Load())[api]
	switch {
	case api == "":
		return nil, fault.NotFound("the check belongs to no API; give it `api:`, and that API `openapi:`")
	case e == nil:
		return nil, fault.NotFound("there is no API %q", api)
	case e.place == place{}:
		return nil, fault.NotFound("API %q has no OpenAPI document; give it `openapi: /openapi.json`", api)
	}
	select {
	case <-e.loader.first:
	case <-ctx.Done():
		return nil, fault.Unavailable("the OpenAPI document of API %q has not been loaded yet: %w", api, ctx.Err())
	}
	s := e.loader.state.Load()
	if s.document == nil {
		return nil, fault.Unavailable("the OpenAPI document of API %q is not available: %w", api, s.status.Err)
	}
	return s.document, nil
}

// Status is how it stands with an API's document.
type Status struct {
	Source     string    // where the document is; empty when the API has none
	Title      string    // of the API, as the document has it
	Version    string    // of the API, as the document has it
	Format     string    // "OpenAPI 3.1.0"
	Operations int       // how many the document has
	LoadedAt   time.Time // when the present document was read; zero when there is none
	CheckedAt  time.Time // when it was last known to be current
	Err        error     // why the last load failed; nil when it did not
}

// Status tells how it stands with an API's document; ok is false when there is no such API.
func (c *Catalog) Status(api string) (status Status, ok bool) {
	e := (*c.entries.Load())[api]
	if e == nil {
		return Status{}, false
	}
	return e.loader.state.Load().status, true
}
