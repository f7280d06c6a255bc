// Package problem tells HTTP clients what went wrong: problem details in JSON
// (RFC 9457) with a stable code, a sentence for a human, and a link to what the
// code means.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"lapwing.dev/lapwing/internal/fault"
)

// Path is where the documentation of a code is served: Path + code.
const Path = "/api/v1/problems/"

// ContentType of a problem.
const ContentType = "application/problem+json"

// Problem is the body of an answer that is not a success.
type Problem struct {
	Type     string    `json:"type"` // a relative reference to the documentation of Code
	Title    string    `json:"title"`
	Status   int       `json:"status"`
	Detail   string    `json:"detail"`
	Code     string    `json:"code"`
	Instance string    `json:"instance,omitempty"` // the request's id, as in the log
	Problems []Mistake `json:"problems,omitempty"` // of invalid_configuration
}

// Mistake is one mistake in a configuration file.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Excerpt string `json:"excerpt,omitempty"` // the source line with a caret
}

// Mistakes is the error of a configuration that was refused.
type Mistakes []Mistake

func (m Mistakes) Error() string {
	if len(m) == 1 {
		return "the configuration has one mistake: " + m[0].Message
	}
	return "the configuration has " + strconv.Itoa(len(m)) + " mistakes"
}

// Of describes err to a client. Whatever has no kind is our own affair: its
// text is not shown. ours says that the cause is on our side and has to be logged.
func Of(ctx context.Context, err error) (p Problem, ours bool) {
	code, detail := classify(err)
	if code == "" {
		code = "internal"
		detail = "the request could not be answered; the log of Lapwing has the cause"
	}
	c, ok := Find(code)
	if !ok { // a code that is not in the list: its kind is still true
		c, _ = Find(string(fault.KindOf(err)))
	}
	p = Problem{Type: Path + c.Code, Title: c.Title, Status: c.Status, Detail: detail, Code: c.Code}
	if id := RequestID(ctx); id != "" {
		p.Instance = "urn:uuid:" + id
	}
	if mistakes, ok := errors.AsType[Mistakes](err); ok {
		p.Problems = mistakes
	}
	return p, c.ours()
}

// classify returns the code of err and what to tell, "" when it has none.
func classify(err error) (code, detail string) {
	var f *fault.Error
	var tooLarge *http.MaxBytesError
	var mistakes Mistakes
	var method *MethodError
	switch {
	case errors.As(err, &mistakes):
		return "invalid_configuration", mistakes.Error()
	case errors.As(err, &method):
		return "method_not_allowed", method.Error()
	case errors.As(err, &tooLarge):
		return "too_large", "the body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes"
	case errors.As(err, &f):
		if f.Code != "" {
			return f.Code, f.Message
		}
		return string(f.Kind), f.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", "the answer did not come in time"
	}
	return "", ""
}

// MethodError says that a path exists but not with this method.
type MethodError struct {
	Method string
	Allow  string // as in the header Allow
}

func (e *MethodError) Error() string {
	return "this path has no method " + strconv.Quote(clip(e.Method)) + "; it has " + e.Allow
}

// clip bounds what is repeated of a hostile text.
func clip(text string) string {
	if len(text) > 32 {
		return text[:32] + "…"
	}
	return text
}

// Writer answers with problems.
type Writer struct {
	Log *slog.Logger // for errors that are our own
}

// Write answers with err as problem+json. An error without a kind is logged,
// once, here. Nothing must have been written to w before.
func (p Writer) Write(w http.ResponseWriter, r *http.Request, err error) {
	problem, send := p.Prepare(w, r, err)
	if !send {
		return
	}
	body, err := json.Marshal(problem)
	if err != nil { // strings and numbers only: cannot happen
		http.Error(w, problem.Title, problem.Status)
		return
	}
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(problem.Status)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody to tell
}

// Prepare logs err when it is our own and sets the headers that belong to it,
// for answers in another form than JSON. When the client has gone, send is
// false: there is nobody to answer and nothing to log.
func (p Writer) Prepare(w http.ResponseWriter, r *http.Request, err error) (problem Problem, send bool) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return Problem{}, false
	}
	problem, ours := Of(r.Context(), err)
	if ours {
		p.Log.ErrorContext(r.Context(), "request failed", "method", clip(r.Method), "path", r.URL.Path,
			"request", RequestID(r.Context()), "error", err)
	}
	header := w.Header()
	header.Del("Content-Encoding")
	header.Del("Content-Length")
	header.Del("Etag")
	header.Set("Cache-Control", "no-store")
	if f, ok := errors.AsType[*fault.Error](err); ok && f.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if method, ok := errors.AsType[*MethodError](err); ok {
		header.Set("Allow", method.Allow)
	}
	if problem.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="lapwing"`) // RFC 9110 §15.5.2 asks for one
	}
	return problem, true
}

type requestIDKey struct{}

// WithRequestID returns a context that carries the request's id, a UUID.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id of the request that ctx belongs to, "" without one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
