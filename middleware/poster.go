package middleware

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	exchangesPath = "/api/v1/exchanges"
	postTimeout   = 10 * time.Second
	maxAnswer     = 64 << 10 // bytes of an answer that are read
	maxPause      = 5 * time.Minute

	batchHeader   = "Lapwing-Batch"   // id of the batch: one that comes twice counts once
	droppedHeader = "Lapwing-Dropped" // how many exchanges were dropped since the last batch that arrived
)

// poster speaks to the server.
type poster struct {
	client        *http.Client
	own           bool // client is nobody else's
	server, token string
}

func newPoster(o *Options) *poster { return &poster{o.Client, o.ownClient, o.Server, o.Token} }

// close ends the connections that are kept open.
func (p *poster) close() {
	if p.own {
		p.client.CloseIdleConnections()
	}
}

// answer is what the server says of a batch.
type answer struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	Errors   []struct {
		Error string `json:"error"`
	} `json:"errors"`

	final bool          // the batch must not be sent again
	pause time.Duration // when to try again; 0: not said
}

// reason is why lines were refused.
func (a *answer) reason() string {
	if len(a.Errors) == 0 {
		return "no reason was given"
	}
	return fmt.Sprintf("%.200s", a.Errors[0].Error)
}

// send posts the batch once.
func (p *poster) send(ctx context.Context, b *batch, dropped uint64) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	r, err := p.request(ctx, http.MethodPost, exchangesPath, bytes.NewReader(b.body.Bytes()))
	if err != nil {
		return answer{final: true}, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set(batchHeader, b.id)
	if dropped > 0 {
		r.Header.Set(droppedHeader, strconv.FormatUint(dropped, 10))
	}
	response, err := p.client.Do(r)
	if err != nil {
		return answer{}, fmt.Errorf("send exchanges: %w", withoutURL(err))
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) //nolint:errcheck // the status is what counts
	return readAnswer(response, body)
}

// request is one to the server with the token.
func (p *poster) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.server+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	r.Header.Set("User-Agent", "lapwing-middleware")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	return r, nil
}

// readAnswer decides what an answer means. Only the body itself being wrong is
// final: a token or an address can be put right while the batch waits.
func readAnswer(response *http.Response, body []byte) (a answer, err error) {
	switch status := response.StatusCode; {
	case status/100 == 2:
		_ = json.Unmarshal(body, &a) //nolint:errcheck // an old server may answer with nothing
		a.Rejected = max(a.Rejected, 0)
		return a, nil
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnsupportedMediaType, status == http.StatusUnprocessableEntity:
		a.final = true
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		a.pause = min(time.Duration(seconds)*time.Second, maxPause)
	}
	return a, fmt.Errorf("send exchanges: the server answered %d%s", response.StatusCode, detail(body))
}

// detail is the sentence of a problem, if the answer is one.
func detail(body []byte) string {
	var p struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return ""
	}
	return fmt.Sprintf(": %.200s", p.Detail)
}

// withoutURL is the error without the address, which is known and repeats
// itself in every line of a log.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
