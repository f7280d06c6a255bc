package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/observe"
)

const (
	maxRaw      = 8 << 20  // bytes of a batch, decompressed
	maxLines    = 10_000   // of a batch
	maxLine     = 64 << 10 // bytes
	maxAtOnce   = 4        // batches that are read at the same time
	maxReasons  = 5        // told in an answer
	maxAge      = 24 * time.Hour
	maxAhead    = 5 * time.Minute // by which clocks may differ
	maxBatchID  = 64              // bytes
	keptBatches = 1024
)

// Headers of a batch, besides those of HTTP.
const (
	HeaderBatch   = "Lapwing-Batch"   // its id: the same again when it is sent again
	HeaderDropped = "Lapwing-Dropped" // how many exchanges the sender lost since the last batch that arrived
)

// Operations maps a path to the template of its route, for senders that do not
// know; "" when there is none.
type Operations interface {
	Operation(api, method, path string) (template string, documented bool)
}

// Deps are what a Receiver needs.
type Deps struct {
	Sink       observe.Sink
	Operations Operations // nil: what the sender says of routes is all there is

	// Blocks returns the blocks in force and whom none may hit; nil: there are none.
	Blocks func() (entries []block.Entry, allow []block.Target)
}

// Receiver answers the routes of middlewares. Its errors are answered as
// problems by whoever calls it; nothing has been written then.
type Receiver struct {
	deps   Deps
	redact *observe.Redactor
	places chan struct{} // one for each batch that may be read now
	seen   seen
	blocks blockAnswer

	accepted, rejected, dropped, refused, repeated atomic.Uint64
}

// New returns a receiver.
func New(d Deps) *Receiver {
	return &Receiver{deps: d, redact: observe.NewRedactor(observe.RedactOptions{}), places: make(chan struct{}, maxAtOnce)}
}

// Report is the answer to a batch.
type Report struct {
	Accepted int      `json:"accepted"`
	Rejected int      `json:"rejected"`
	Errors   []Reason `json:"errors,omitempty"` // of the first lines that were rejected
}

// Reason is why a line was rejected.
type Reason struct {
	Line  int    `json:"line"` // from 1
	Error string `json:"error"`
}

// Receive answers POST /exchanges: the body is lines of JSON (application/x-ndjson),
// plain or gzip. It answers 202 with a Report.
func (c *Receiver) Receive(w http.ResponseWriter, r *http.Request) error {
	report, err := c.take(r)
	if err != nil {
		c.refused.Add(1)
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(report) //nolint:errcheck // the client has gone: nobody to tell
	return nil
}

func (c *Receiver) take(r *http.Request) (Report, error) {
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	default:
		return Report{}, &fault.Error{Kind: fault.KindUnavailable, Message: "too many batches come at the same time", RetryAfter: time.Second}
	}
	id := r.Header.Get(HeaderBatch)
	if len(id) > maxBatchID {
		return Report{}, fault.Invalid("the header %s has more than %d bytes", HeaderBatch, maxBatchID)
	}
	if report, ok := c.seen.find(id); ok {
		c.repeated.Add(1)
		return report, nil
	}
	raw, err := readBatch(r)
	if err != nil {
		return Report{}, err
	}
	if bytes.Count(raw, []byte{'\n'}) > maxLines {
		return Report{}, fault.Invalid("a batch may have %d lines; send several", maxLines)
	}
	if !c.seen.begin(id) { // it came twice at the same time
		return Report{}, &fault.Error{Kind: fault.KindUnavailable, Message: "the same batch is being read", RetryAfter: time.Second}
	}
	report := c.observe(raw)
	c.seen.end(id, report)
	if n, err := strconv.ParseUint(r.Header.Get(HeaderDropped), 10, 32); err == nil {
		c.dropped.Add(n)
	}
	return report, nil
}

// observe hands every line that holds to the sink.
func (c *Receiver) observe(raw []byte) (report Report) {
	now := time.Now()
	var e observe.Exchange
	number := 0
	for line := range bytes.Lines(raw) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := c.read(line, &e, now); err != nil {
			report.Rejected++
			if len(report.Errors) < maxReasons {
				report.Errors = append(report.Errors, Reason{number, err.Error()})
			}
			continue
		}
		report.Accepted++
		c.deps.Sink.Observe(&e)
	}
	c.accepted.Add(uint64(report.Accepted)) //nolint:gosec // not negative
	c.rejected.Add(uint64(report.Rejected)) //nolint:gosec // not negative
	return report
}

// read reads one line. What the sender may not say is set here: that it is a
// middleware's word, and that nothing secret is in it.
func (c *Receiver) read(line []byte, e *observe.Exchange, now time.Time) error {
	if len(line) > maxLine {
		return fmt.Errorf("the line has more than %d bytes", maxLine)
	}
	if err := observe.DecodeJSON(line, e); err != nil {
		return err
	}
	switch {
	case e.API == "":
		return errors.New("api: is missing")
	case e.Method == "":
		return errors.New("method: is missing")
	case e.Time.IsZero():
		return errors.New("time: is missing")
	case e.Time.After(now.Add(maxAhead)):
		return fmt.Errorf("time: %s is in the future; is the sender's clock right?", e.Time.Format(time.RFC3339))
	case e.Time.Before(now.Add(-maxAge)):
		return fmt.Errorf("time: %s is more than a day ago", e.Time.Format(time.RFC3339))
	}
	e.Source = observe.SourceMiddleware
	if e.Verdict == "" {
		e.Verdict = observe.Allowed
	}
	if e.Route == "" && c.deps.Operations != nil {
		if template, _ := c.deps.Operations.Operation(e.API, e.Method, e.Path); template != "" {
			e.Route, e.Operation = template, e.Method+" "+template
		}
	}
	c.redact.Apply(e)
	return nil
}
