package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// validators tell whether a document changed: what the server sent for that
// purpose (RFC 9110 §13.1), and a sum for servers that send nothing.
type validators struct {
	etag, lastModified string
	sum                [sha256.Size]byte
}

// fetched is a document as it came over the network.
type fetched struct {
	data       []byte
	url        string // after redirects
	validators validators
	unchanged  bool // 304: data is empty
}

// fetchTimeout ends a fetch whose caller would wait longer.
const fetchTimeout = 30 * time.Second

// fetch reads one place. Redirects are followed on the same host only: what an
// API answers must not send Lapwing to other machines of its network.
func fetch(ctx context.Context, client *http.Client, place string, known validators) (*fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	shown := shownURL(place)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, fault.Invalid("%q is not a URL", shown)
	}
	request.Header.Set("Accept", "application/json, application/yaml;q=0.9, text/yaml;q=0.8, */*;q=0.1")
	request.Header.Set("User-Agent", "Lapwing (+openapi)")
	if known.etag != "" {
		request.Header.Set("If-None-Match", known.etag)
	}
	if known.lastModified != "" {
		request.Header.Set("If-Modified-Since", known.lastModified)
	}
	confined := *client
	confined.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		const most = 5
		if len(via) > most {
			return fmt.Errorf("more than %d redirects", most)
		}
		if next.URL.Host != via[0].URL.Host && next.URL.Hostname() != via[0].URL.Hostname() {
			return fmt.Errorf("it redirects to another host, %s", next.URL.Host)
		}
		return nil
	}
	response, err := confined.Do(request)
	if err != nil {
		return nil, fault.Unavailable("read %s: %w", shown, plainNetError(ctx, err))
	}
	defer response.Body.Close()
	found := &fetched{
		url:        response.Request.URL.Redacted(),
		validators: validators{etag: response.Header.Get("ETag"), lastModified: response.Header.Get("Last-Modified")},
	}
	switch {
	case response.StatusCode == http.StatusNotModified && known != validators{}:
		found.unchanged = true
		return found, nil
	case response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone:
		return nil, fault.NotFound("%s answered %s", shown, response.Status)
	case response.StatusCode != http.StatusOK:
		return nil, fault.Unavailable("%s answered %s", shown, response.Status)
	}
	found.data, err = io.ReadAll(io.LimitReader(response.Body, MaxSize+1))
	if err != nil {
		return nil, fault.Unavailable("read %s: %w", shown, plainNetError(ctx, err))
	}
	if len(found.data) > MaxSize {
		return nil, fault.Invalid("%s: the document is larger than %d MiB", shown, MaxSize>>20)
	}
	return found, nil
}

// plainNetError leaves the reason, without the method and URL that net/http repeats.
func plainNetError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
