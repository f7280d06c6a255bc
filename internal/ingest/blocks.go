package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/middleware/block"
)

// blocksFor is how long a list is given out before it is made again: many
// middlewares ask, and it may be long.
const blocksFor = time.Second

// blockAnswer is the list as it is sent. The zero value is none yet.
type blockAnswer struct {
	mu   sync.Mutex
	made time.Time
	body []byte
	etag string
}

// Blocks answers GET /exchanges/blocks: the blocks in force, without their
// reasons and authors, which are for people. Who sends the ETag of the list that
// it has gets 304 until that has changed.
func (c *Receiver) Blocks(w http.ResponseWriter, r *http.Request) error {
	if c.deps.Blocks == nil {
		return fault.NotFound("this server keeps no blocks")
	}
	body, etag, err := c.blocks.get(c.deps.Blocks)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag)
	// Package web's default is no-store, with which nobody would ask so.
	w.Header().Set("Cache-Control", "no-cache")
	if strings.TrimPrefix(r.Header.Get("If-None-Match"), "W/") == etag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) //nolint:errcheck // the client has gone: nobody to tell
	return nil
}

func (a *blockAnswer) get(list func() ([]block.Entry, []block.Target)) (body []byte, etag string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.body != nil && now.Sub(a.made) < blocksFor {
		return a.body, a.etag, nil
	}
	body, err = encodeBlocks(list, now)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(body)
	a.body, a.etag, a.made = body, `"`+hex.EncodeToString(sum[:8])+`"`, now
	return a.body, a.etag, nil
}

type blockDTO struct {
	ID      string       `json:"id,omitempty"`
	Target  block.Target `json:"target"`
	Rule    string       `json:"rule,omitempty"`
	Expires time.Time    `json:"expires,omitzero"`
	Shadow  bool         `json:"shadow,omitempty"`
}

type blockListDTO struct {
	Blocks []blockDTO     `json:"blocks"`
	Allow  []block.Target `json:"allow"`
}

func encodeBlocks(source func() ([]block.Entry, []block.Target), now time.Time) ([]byte, error) {
	entries, allow := source()
	list := blockListDTO{Blocks: make([]blockDTO, 0, len(entries)), Allow: append([]block.Target{}, allow...)}
	for i := range entries {
		if e := &entries[i]; !e.Expired(now) && !e.Target.IsZero() {
			list.Blocks = append(list.Blocks, blockDTO{ID: e.ID, Target: e.Target, Rule: e.Rule, Expires: e.Expires, Shadow: e.Shadow})
		}
	}
	body, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("write the list of blocks: %w", err)
	}
	return body, nil
}
