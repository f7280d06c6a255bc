package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

const maxAnswer = 64 << 10 // bytes that are read of an answer

// refusedError is of a request that the collector will never take.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }

func (e *refusedError) Unwrap() error { return e.err }

// client posts requests. Redirects are not followed: headers may hold a key that
// is meant for one server.
type client struct{ http.Client }

func newClient() *client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // somebody has replaced it
		transport = &http.Transport{}
	}
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost = 2
	return &client{http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send posts metrics until they are taken, refused, or ctx ends.
func (c *client) send(ctx context.Context, to *target, md pmetric.Metrics) (rejected int, err error) {
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		return 0, &refusedError{err}
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(body); err != nil {
		return 0, &refusedError{err}
	}
	if err := zip.Close(); err != nil {
		return 0, &refusedError{err}
	}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		rejected, after, err := c.post(ctx, to, packed.Bytes())
		if _, refused := errors.AsType[*refusedError](err); err == nil || refused {
			return rejected, err
		}
		timer := time.NewTimer(max(after, wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, err
		case <-timer.C:
		}
	}
}

// post makes one attempt. After is how long the collector wants us to wait.
func (c *client) post(ctx context.Context, to *target, packed []byte) (rejected int, after time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(packed))
	if err != nil {
		return 0, 0, &refusedError{err}
	}
	for name, value := range to.Headers {
		request.Header.Set(name, value.Reveal())
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("User-Agent", "Lapwing")
	answer, err := c.Do(request)
	if err != nil {
		return 0, 0, err
	}
	body, readErr := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	_ = answer.Body.Close() //nolint:errcheck // what was read is all that is wanted
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) //nolint:errcheck // 0 is none
		return 0, time.Duration(min(max(seconds, 0), 300)) * time.Second, fmt.Errorf("the collector answered %s", answer.Status)
	}
	if answer.StatusCode/100 != 2 {
		return 0, 0, &refusedError{fmt.Errorf("the collector answered %s: %.200q", answer.Status, body)}
	}
	response := pmetricotlp.NewExportResponse()
	if readErr != nil || response.UnmarshalProto(body) != nil { // it was taken all the same
		return 0, 0, nil
	}
	return int(max(0, response.PartialSuccess().RejectedDataPoints())), 0, nil
}
