package middleware

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/block"
)

const (
	blocksPath    = "/api/v1/exchanges/blocks"
	blocksEvery   = 10 * time.Second
	blocksTimeout = 30 * time.Second
	maxBlocks     = 64 << 20 // bytes of a list
)

// serverBlocks is the server's block list, fetched again and again. While the
// server is away the last one holds; blocks with an end still end.
type serverBlocks struct {
	post    *poster
	onError func(error)
	list    atomic.Pointer[block.List]
	etag    string // of run
}

func newServerBlocks(o *Options) *serverBlocks {
	return &serverBlocks{post: newPoster(o), onError: o.OnError}
}

// Blocked implements Blocker.
func (s *serverBlocks) Blocked(addr netip.Addr, key string) (block.Entry, bool) {
	list := s.list.Load()
	if list.Len() == 0 {
		return block.Entry{}, false
	}
	return list.Match(addr, key, time.Now())
}

// run fetches the list until ctx ends.
func (s *serverBlocks) run(ctx context.Context) {
	pause := blocksEvery
	for ctx.Err() == nil {
		if err := s.fetch(ctx); err != nil && ctx.Err() == nil {
			s.onError(err)
			pause = min(2*pause, maxBackoff)
		} else {
			pause = blocksEvery
		}
		timer := time.NewTimer(pause*3/4 + rand.N(pause/2)) //nolint:gosec // so that many do not come at once; nobody gains by guessing
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// fetch asks for the list once.
func (s *serverBlocks) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, blocksTimeout)
	defer cancel()
	r, err := s.post.request(ctx, http.MethodGet, blocksPath, nil)
	if err != nil {
		return err
	}
	if s.etag != "" {
		r.Header.Set("If-None-Match", s.etag)
	}
	response, err := s.post.client.Do(r)
	if err != nil {
		return fmt.Errorf("fetch blocks: %w", withoutURL(err))
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusNotModified:
		return nil
	case http.StatusOK:
	default:
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) //nolint:errcheck // the status is what counts
		return fmt.Errorf("fetch blocks: the server answered %d%s", response.StatusCode, detail(body))
	}
	var list blockList
	if err := json.NewDecoder(io.LimitReader(response.Body, maxBlocks)).Decode(&list); err != nil {
		return fmt.Errorf("fetch blocks: read the list: %w", err)
	}
	built, err := list.build()
	if built != nil {
		s.list.Store(built)
		s.etag = response.Header.Get("ETag")
	}
	return err
}

// blockList is the list as the server sends it.
type blockList struct {
	Blocks []struct {
		ID      string    `json:"id"`
		Target  string    `json:"target"`
		Rule    string    `json:"rule"`
		Expires time.Time `json:"expires"`
		Shadow  bool      `json:"shadow"`
	} `json:"blocks"`
	Allow []string `json:"allow"`
}

// build leaves out blocks that it does not understand, as a later server may
// have some, and says so. Of whom no block may hit it must understand
// everything: the list is nil otherwise.
func (l *blockList) build() (list *block.List, err error) {
	allow := make([]block.Target, len(l.Allow))
	for i, text := range l.Allow {
		if allow[i], err = block.ParseTarget(text); err != nil {
			return nil, fmt.Errorf("fetch blocks: allowed: %w", err)
		}
	}
	entries := make([]block.Entry, 0, len(l.Blocks))
	for _, b := range l.Blocks {
		target, unknown := block.ParseTarget(b.Target)
		if unknown != nil {
			err = fmt.Errorf("fetch blocks: one is left out: %w", unknown)
			continue
		}
		entries = append(entries, block.Entry{ID: b.ID, Target: target, Rule: b.Rule, Expires: b.Expires, Shadow: b.Shadow})
	}
	return block.Build(entries, allow), err
}
