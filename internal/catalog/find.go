package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// usualPlaces are where frameworks serve their document, the most likely first.
var usualPlaces = [...]string{
	"/openapi.json",            // FastAPI, Litestar, Hono, many others
	"/openapi.yaml",            //
	"/v3/api-docs",             // springdoc
	"/swagger.json",            // flask-restx, go-swagger
	"/api/openapi.json",        //
	"/api/v1/openapi.json",     // FastAPI's own template
	"/swagger/v1/swagger.json", // ASP.NET with Swashbuckle
	"/openapi/v1.json",         // ASP.NET since 9
	"/docs/openapi.json",       //
	"/api-docs",                // rswag
	"/api-json",                // NestJS
	"/swagger/doc.json",        // swag (Go)
	"/v2/api-docs",             // springfox
	"/api/schema/",             // drf-spectacular
	"/q/openapi",               // Quarkus
	"/swagger.yaml",            //
	"/openapi.yml",             //
	"/openapi",                 // MicroProfile
}

// Find reads the OpenAPI document of the API at base. openapi is a path on base,
// a URL, or a file (relative to the working folder); when it is empty the usual
// places are tried, on base and at the root of its host.
//
// The places are asked concurrently, a few at a time, and the first in order of
// preference that holds a document is taken. What was found when ctx ends is
// taken as well. The error is of kind fault.NotFound when nothing is there.
func Find(ctx context.Context, client *http.Client, base, openapi string) (*Document, error) {
	if message, hint := badURL(base); message != "" {
		return nil, fault.Invalid("%q: %s; %s", base, message, hint)
	}
	if openapi != "" {
		place, err := locate(base, openapi, "")
		if err != nil {
			return nil, err
		}
		d, _, err := place.read(ctx, client, Origin{Base: base}, validators{})
		return d, err
	}
	return search(ctx, client, base, candidates(base))
}

// candidates lists the URLs to try for base.
func candidates(base string) []string {
	u, err := url.Parse(base)
	if err != nil {
		return nil
	}
	root := u.Scheme + "://" + u.Host
	prefix := trimSlash(u.EscapedPath())
	var list []string
	switch path.Ext(prefix) {
	case ".json", ".yaml", ".yml": // the document's own address was given
		list = append(list, root+prefix)
		prefix = ""
	}
	for _, place := range usualPlaces {
		list = append(list, root+prefix+place)
	}
	if prefix != "" {
		for _, place := range usualPlaces {
			list = append(list, root+place)
		}
	}
	return list
}

// searchWidth is how many places are asked at the same time.
const searchWidth = 6

// search asks all places and returns the document of the first that has one.
func search(ctx context.Context, client *http.Client, base string, places []string) (*Document, error) {
	ctx, cancel := context.WithCancel(ctx)
	type answer struct {
		rank int
		d    *Document
		err  error
	}
	answers := make(chan answer)
	next := make(chan int)
	workers := min(searchWidth, len(places))
	for range workers {
		go func() {
			for rank := range next {
				d, _, err := place{url: places[rank]}.read(ctx, client, Origin{Base: base}, validators{})
				answers <- answer{rank, d, err}
			}
			answers <- answer{rank: -1}
		}()
	}
	// Feed in order, collect, and stop feeding once a better place cannot come.
	results := make([]*answer, len(places))
	best := len(places)
	fed := 0
	feed := next
	stop := func() {
		if feed != nil {
			close(feed)
			feed = nil
		}
		cancel()
	}
	for workers > 0 {
		if feed != nil && (fed == len(places) || fed > best) {
			close(feed)
			feed = nil
		}
		select {
		case feed <- fed:
			fed++
		case a := <-answers:
			if a.rank < 0 {
				workers--
				continue
			}
			results[a.rank] = &a
			if a.d != nil {
				best = min(best, a.rank)
			}
			if best < len(places) && !slices.Contains(results[:best], nil) {
				stop() // the rest is less preferred
			}
		}
	}
	stop()
	if best < len(places) {
		return results[best].d, nil
	}
	var errs []error
	for _, r := range results {
		if r != nil {
			errs = append(errs, r.err)
		}
	}
	return nil, nothingFound(base, errs)
}

// nothingFound tells the most useful of the errors: a document that cannot be
// read, then a host that does not answer, then that nothing is there.
func nothingFound(base string, errs []error) error {
	var unavailable error
	for _, err := range errs {
		switch fault.KindOf(err) {
		case fault.KindInvalid:
			if !errors.Is(err, errForeign) {
				return fault.NotFound("no OpenAPI document on %s: %w", base, err)
			}
		case fault.KindUnavailable:
			if unavailable == nil {
				unavailable = err
			}
		}
	}
	if unavailable != nil && len(errs) > 0 && fault.KindOf(errs[0]) == fault.KindUnavailable {
		return fault.NotFound("no OpenAPI document on %s: %w", base, unavailable)
	}
	return fault.NotFound("no OpenAPI document on %s: tried %s and %d other usual places; give its address with --openapi or `openapi:`",
		base, usualPlaces[0], len(usualPlaces)-1)
}

// place is where one document is: on the network or on disk.
type place struct {
	url  string
	file string
	// given is how the configuration wrote it, for a hint.
	given string
}

func (p place) String() string {
	if p.file != "" {
		return p.file
	}
	return shownURL(p.url)
}

// shownURL is a URL without what may be secret in it: credentials and the
// values of a query, such as a key that a document asks for.
func shownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that cannot be read"
	}
	u.User = nil
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}

// locate resolves `openapi:`: a URL, a file:// URL, a path on base (with a slash
// before it), or a file relative to dir.
func locate(base, openapi, dir string) (place, error) {
	switch {
	case strings.HasPrefix(openapi, "http://"), strings.HasPrefix(openapi, "https://"):
		return place{url: openapi, given: openapi}, nil
	case strings.HasPrefix(openapi, "file://"):
		return place{file: strings.TrimPrefix(openapi, "file://"), given: openapi}, nil
	case strings.HasPrefix(openapi, "/"):
		u, err := url.Parse(base)
		if err != nil || u.Host == "" {
			return place{}, fault.Invalid("openapi: %q is a path, but the API has no URL that it could be on", openapi)
		}
		return place{url: u.Scheme + "://" + u.Host + trimSlash(u.EscapedPath()) + openapi, given: openapi}, nil
	case strings.Contains(openapi, "://"):
		return place{}, fault.Invalid("openapi: %q must be http, https or file", openapi)
	}
	return place{file: filepath.Join(dir, openapi), given: openapi}, nil
}

// read returns the document, or nil without an error when nothing changed since
// the known validators.
func (p place) read(ctx context.Context, client *http.Client, from Origin, known validators) (*Document, validators, error) {
	if p.file != "" {
		from.URL = p.file
		d, err := ReadFile(p.file, from)
		if fault.KindOf(err) == fault.KindNotFound && !strings.ContainsAny(p.given, ":") {
			err = fault.NotFound("%w; for a path on the API's url write /%s", err, strings.TrimLeft(p.given, "./"))
		}
		return d, validators{}, err
	}
	found, err := fetch(ctx, client, p.url, known)
	if err != nil {
		return nil, validators{}, err
	}
	if found.unchanged {
		return nil, known, nil
	}
	found.validators.sum = sha256.Sum256(found.data)
	if found.validators.sum == known.sum { // FastAPI sends no ETag
		return nil, found.validators, nil
	}
	from.URL = found.url
	d, err := Parse(found.data, from)
	if err != nil {
		return nil, validators{}, fmt.Errorf("%s: %w", p.url, err)
	}
	return d, found.validators, nil
}
