package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"
)

// place is where a set of keys is: a URL or a file.
type place struct {
	url    string
	file   string
	client *http.Client // with authorities of its own; nil: the manager's
}

func (p *place) String() string {
	if p.file != "" {
		return p.file
	}
	if u, err := url.Parse(p.url); err == nil {
		return u.Redacted()
	}
	return "a URL"
}

// Bounds of reading keys.
const (
	maxFile     = 1 << 20 // bytes
	readTimeout = 10 * time.Second
)

func (p *place) read(ctx context.Context, client *http.Client) (*keySet, error) {
	var data []byte
	var err error
	if p.file != "" {
		data, err = readFile(p.file)
	} else {
		if p.client != nil {
			client = p.client
		}
		data, err = fetch(ctx, client, p.url)
	}
	if err != nil {
		return nil, err
	}
	set, err := parseSet(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	return set, nil
}

// readFile reads a small file.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, plain(err))
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, plain(err))
	case len(data) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, nil
}

// fetch reads a URL. Redirects are followed on the same host only, and never
// from https to http: whoever can answer in between would choose the keys.
func fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address of the keys is not a URL")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json;q=0.9")
	request.Header.Set("User-Agent", "Lapwing (+jwks)")
	confined := *client
	confined.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		const most = 3
		switch {
		case len(via) > most:
			return fmt.Errorf("more than %d redirects", most)
		case next.URL.Host != via[0].URL.Host, next.URL.Scheme != via[0].URL.Scheme:
			return fmt.Errorf("it redirects to another place, %s://%s", next.URL.Scheme, next.URL.Host)
		}
		return nil
	}
	shown := request.URL.Redacted()
	response, err := confined.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", shown, plainNet(ctx, err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", shown, response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", shown, plainNet(ctx, err))
	case len(data) > maxFile:
		return nil, fmt.Errorf("the answer of %s is larger than %d bytes", shown, maxFile)
	}
	return data, nil
}

// plain leaves the reason: "no such file or directory".
func plain(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// plainNet leaves the reason, without the method and URL that net/http repeats.
func plainNet(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
