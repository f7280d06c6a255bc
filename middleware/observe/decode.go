package observe

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"
)

// record is the form of an Exchange in JSON. AppendJSON writes it by hand.
type record struct {
	Time      string  `json:"time"`
	API       string  `json:"api"`
	Operation string  `json:"operation"`
	Route     string  `json:"route"`
	Method    string  `json:"method"`
	Scheme    string  `json:"scheme"`
	Host      string  `json:"host"`
	Path      string  `json:"path"`
	Query     string  `json:"query"`
	Protocol  string  `json:"protocol"`
	Status    int     `json:"status"`
	Duration  float64 `json:"duration_ms"`

	Queued   float64 `json:"queued_ms"`
	Connect  float64 `json:"connect_ms"`
	Wait     float64 `json:"wait_ms"`
	Transfer float64 `json:"transfer_ms"`

	RequestBytes  int64 `json:"bytes_in"`
	ResponseBytes int64 `json:"bytes_out"`

	Client    string `json:"client"`
	ClientKey string `json:"client_key"`
	User      string `json:"user"`
	Tier      string `json:"tier"`
	UserAgent string `json:"user_agent"`
	RequestID string `json:"request_id"`

	Verdict    Verdict `json:"verdict"`
	Policy     string  `json:"policy"`
	Shadow     string  `json:"shadow"`
	RetryAfter float64 `json:"retry_after_ms"`

	TraceID      string `json:"trace_id"`
	SpanID       string `json:"span_id"`
	ParentSpanID string `json:"parent_span_id"`
	Sampled      bool   `json:"sampled"`

	Upstream string     `json:"upstream"`
	Attempts int        `json:"attempts"`
	Error    ErrorClass `json:"error"`
	Source   Source     `json:"source"`
}

// DecodeJSON reads what AppendJSON wrote into e. Members that it does not know
// are skipped, so that a later version may add some; texts are cut at their
// bounds. The line may come from anybody: the error says which member cannot be
// true, and e is then as it was.
//
// The caller bounds the length of the line.
func DecodeJSON(line []byte, e *Exchange) error {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("not an exchange in JSON: %w", err)
	}
	read, err := r.exchange()
	if err != nil {
		return err
	}
	*e = read
	return nil
}

func (r *record) exchange() (Exchange, error) {
	e := Exchange{
		Source: r.Source, API: r.API, Operation: r.Operation, Route: r.Route, Method: r.Method, Scheme: r.Scheme,
		Host: r.Host, Path: r.Path, Query: r.Query, Protocol: r.Protocol, Status: r.Status,
		RequestBytes: r.RequestBytes, ResponseBytes: r.ResponseBytes, ClientKey: r.ClientKey, User: r.User,
		Tier: r.Tier, UserAgent: r.UserAgent, RequestID: r.RequestID, Verdict: r.Verdict, Policy: r.Policy,
		Shadow: r.Shadow, Sampled: r.Sampled, Upstream: r.Upstream, Attempts: r.Attempts, Error: r.Error,
	}
	switch {
	case r.Source != "" && !r.Source.known():
		return e, fmt.Errorf("source: %.40q is not known", string(r.Source))
	case r.Verdict != "" && !r.Verdict.known():
		return e, fmt.Errorf("verdict: %.40q is not known", string(r.Verdict))
	case !r.Error.known():
		return e, fmt.Errorf("error: %.40q is not known", string(r.Error))
	case r.Status < 0 || r.Status > 999:
		return e, fmt.Errorf("status: %d is not one of HTTP", r.Status)
	case r.RequestBytes < 0 || r.ResponseBytes < 0:
		return e, errors.New("bytes_in, bytes_out: cannot be negative")
	case r.Attempts < 0 || r.Attempts > math.MaxInt16:
		return e, fmt.Errorf("attempts: %d is not possible", r.Attempts)
	}
	e.Trim()
	if r.Client != "" {
		addr, err := netip.ParseAddr(r.Client)
		if err != nil || addr.Zone() != "" {
			return e, fmt.Errorf("client: %.60q is not an address", r.Client)
		}
		e.Client = addr
	}
	return e, errors.Join(r.times(&e), r.trace(&e))
}

// times reads the moment and the durations.
func (r *record) times(e *Exchange) error {
	if r.Time != "" {
		t, err := time.Parse(time.RFC3339Nano, r.Time)
		if err != nil {
			return fmt.Errorf("time: %.40q is not a time as in RFC 3339", r.Time)
		}
		e.Time = t.UTC()
	}
	for _, d := range [...]struct {
		name   string
		millis float64
		to     *time.Duration
	}{
		{"duration_ms", r.Duration, &e.Duration},
		{"queued_ms", r.Queued, &e.Phases.Queued},
		{"connect_ms", r.Connect, &e.Phases.Connect},
		{"wait_ms", r.Wait, &e.Phases.Wait},
		{"transfer_ms", r.Transfer, &e.Phases.Transfer},
		{"retry_after_ms", r.RetryAfter, &e.RetryAfter},
	} {
		if d.millis < 0 || d.millis > maxMillis {
			return fmt.Errorf("%s: %g is not possible", d.name, d.millis)
		}
		*d.to = time.Duration(math.Round(d.millis*1000)) * time.Microsecond
	}
	return nil
}

// trace reads the ids.
func (r *record) trace(e *Exchange) error {
	for _, id := range [...]struct {
		name, text string
		to         []byte
	}{
		{"trace_id", r.TraceID, e.TraceID[:]},
		{"span_id", r.SpanID, e.SpanID[:]},
		{"parent_span_id", r.ParentSpanID, e.ParentSpanID[:]},
	} {
		if id.text == "" {
			continue
		}
		if len(id.text) != 2*len(id.to) {
			return fmt.Errorf("%s: has %d digits, want %d", id.name, len(id.text), 2*len(id.to))
		}
		if _, err := hex.Decode(id.to, []byte(id.text)); err != nil {
			return fmt.Errorf("%s: %.40q is not hexadecimal", id.name, id.text)
		}
	}
	return nil
}

func (s Source) known() bool {
	switch s {
	case SourceGateway, SourceDecision, SourceMiddleware:
		return true
	}
	return false
}

func (v Verdict) known() bool {
	switch v {
	case Allowed, Delayed, Rejected, Blocked, Unauthorized, Invalid:
		return true
	}
	return false
}

func (c ErrorClass) known() bool {
	switch c {
	case NoError, ErrorConnect, ErrorTimeout, ErrorReset, ErrorProtocol, ErrorNoUpstream, ErrorClientGone, ErrorRequestBody, ErrorInternal:
		return true
	}
	return false
}
