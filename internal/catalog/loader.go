package catalog

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// entry is one configured API.
type entry struct {
	api    API
	place  place // of the document; zero when there is none
	loader *loader

	learned  *Learned // operations that the document does not have
	basePath string   // of api.URL
}

func newEntry(api API, dir string) (*entry, error) {
	e := &entry{api: api, loader: newLoader(api), learned: NewLearned()}
	if base, err := url.Parse(api.URL); err == nil {
		e.basePath = trimSlash(base.EscapedPath())
	}
	if api.OpenAPI == "" {
		return e, nil
	}
	var err error
	if e.place, err = locate(api.URL, api.OpenAPI, dir); err != nil {
		return nil, err
	}
	e.loader.place = e.place
	e.loader.state.Store(&state{status: Status{Source: e.place.String()}})
	if e.place.file == "" {
		return e, nil
	}
	d, _, err := e.place.read(context.Background(), nil, e.loader.from, validators{})
	if err != nil {
		return nil, err
	}
	e.loader.loaded(d)
	return e, nil
}

// with is the same document under a changed API (its labels).
func (e *entry) with(api API) *entry {
	return &entry{api: api, place: e.place, loader: e.loader, learned: e.learned}
}

// loader keeps one document current.
type loader struct {
	place place
	from  Origin
	state atomic.Pointer[state]
	first chan struct{} // closed after the first attempt
	once  sync.Once
}

// state is never changed, only replaced.
type state struct {
	document *Document
	status   Status
}

func newLoader(api API) *loader {
	l := &loader{from: Origin{API: api.Name, Base: api.URL}, first: make(chan struct{})}
	l.state.Store(&state{})
	return l
}

// How often a document is read: again after refreshEvery when it was there; when
// it was not, after retryFirst, and twice as long after each further failure.
const (
	refreshEvery = 5 * time.Minute
	retryFirst   = 2 * time.Second
)

// run loads until ctx ends.
func (l *loader) run(ctx context.Context, client *http.Client, log *slog.Logger) {
	var known validators
	retry := retryFirst
	for {
		d, seen, err := l.place.read(ctx, client, l.from, known)
		if ctx.Err() != nil {
			return
		}
		wait := refreshEvery
		if err != nil {
			l.failed(err, log)
			wait = retry
			retry = min(2*retry, refreshEvery)
		} else {
			known, retry = seen, retryFirst
			if l.loaded(d) {
				log.Info("OpenAPI document loaded", "source", l.place.String(), "operations", l.state.Load().status.Operations)
			}
		}
		timer := time.NewTimer(jitter(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// loaded records a success; d is nil when the document is the same as before. It
// reports whether there is something to tell.
func (l *loader) loaded(d *Document) bool {
	old := l.state.Load()
	next := &state{document: old.document, status: old.status}
	next.status.CheckedAt = time.Now()
	next.status.Err = nil
	if d != nil {
		next.document = d
		next.status.Title, next.status.Version, next.status.Format = d.Title(), d.Version(), d.Format()
		next.status.Operations = len(d.Operations())
		next.status.LoadedAt = next.status.CheckedAt
	}
	l.state.Store(next)
	l.once.Do(func() { close(l.first) })
	return (d != nil && l.place.file == "") || old.status.Err != nil
}

// failed records a failure and keeps the last good document. It logs only a new
// reason: an API that is down for a day is one line.
func (l *loader) failed(err error, log *slog.Logger) {
	old := l.state.Load()
	next := &state{document: old.document, status: old.status}
	next.status.Err = err
	l.state.Store(next)
	l.once.Do(func() { close(l.first) })
	if old.status.Err == nil || old.status.Err.Error() != err.Error() {
		log.Warn("OpenAPI document not loaded", "source", l.place.String(), "error", err, "kept_last", old.document != nil)
	}
}

// jitter spreads refreshes by a tenth in both directions.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // spreads load, keeps no secret
}

// below is a path without that of the API's URL, as operations are named.
func (e *entry) below(path string) string {
	if rest, ok := strings.CutPrefix(path, e.basePath); ok && (rest == "" || rest[0] == '/') {
		return cmp.Or(rest, "/")
	}
	return path
}
