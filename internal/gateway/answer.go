package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// answer tells the client why the gateway does not serve its request: problem
// details in JSON (RFC 9457). Nothing must have been written before.
func (c *call) answer(w http.ResponseWriter, status int) {
	body := c.problem(nil)
	h := w.Header()
	h["Content-Type"] = problemType
	h["Cache-Control"] = noStore
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	n, _ := w.Write(body) // the client has gone: nobody to tell
	c.exchange.Status = status
	if c.asked.method != http.MethodHead {
		c.exchange.ResponseBytes = int64(n)
	}
}

// Header values that do not change; net/http does not either.
var (
	problemType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
)

// fields sets the header fields that belong to the refusal.
func (c *call) fields(h http.Header) {
	switch c.refusal {
	case refusedUnauthorized:
		if c.challenge != "" {
			h.Set("WWW-Authenticate", c.challenge)
		}
	case refusedMethod:
		if c.route == nil && len(c.routes) > 0 {
			h.Set("Allow", allowOf(c.routes))
		}
	case failedNone:
		if c.res.RetryAfter > 0 {
			h.Set("Retry-After", strconv.FormatInt(seconds(c.res.RetryAfter), 10))
		}
	case refusedSlow:
		h.Set("Connection", "close")
	}
}

// allowOf is the Allow header of routes with one path.
func allowOf(routes []*route) string {
	all := make([]string, len(routes))
	for i, r := range routes {
		all[i] = r.allow
	}
	return strings.Join(all, ", ")
}

// problem appends the refusal in JSON.
func (c *call) problem(dst []byte) []byte {
	r := c.refusal
	if dst == nil {
		dst = make([]byte, 0, 512)
	}
	dst = append(dst, `{"type":`...)
	dst = appendText(dst, r.kind)
	dst = append(dst, `,"title":`...)
	dst = appendText(dst, r.title)
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(r.status), 10)
	detail := c.detail
	if detail == "" {
		detail = r.detail
	}
	if detail != "" {
		dst = append(dst, `,"detail":`...)
		dst = appendText(dst, detail)
	}
	dst = append(dst, `,"code":`...)
	dst = appendText(dst, r.code)
	if r == refusedQuota || r == refusedCapacity {
		dst = append(dst, `,"`+limit.ProblemViolatedPolicies+`":[`...)
		dst = appendText(dst, c.exchange.Policy)
		dst = append(dst, ']')
	}
	dst = append(dst, `,"request_id":`...)
	dst = appendText(dst, c.exchange.RequestID)
	return append(dst, "}\n"...)
}

// appendText appends a text in JSON, cut at a length that a message can bear.
func appendText(dst []byte, s string) []byte {
	const most = 1000
	if len(s) > most {
		s = s[:most]
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c == '\n':
			dst = append(dst, '\\', 'n')
			i++
		case c < ' ' || c == 0x7f || c == '<' || c == '>' || c == '&':
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
				dst = append(dst, `\ufffd`...)
			} else {
				dst = append(dst, s[i:i+size]...)
			}
			i += size
		}
	}
	return append(dst, '"')
}

// upstreamFailed is the refusal for what an upstream did, and for bodies that
// could not be read on the way to it. It is nil when there is nobody to answer.
func (c *call) upstreamFailed(body *pacedBody) *refusal {
	switch c.res.Error {
	case observe.ErrorClientGone:
		return nil
	case observe.ErrorRequestBody:
		switch {
		case body != nil && body.tooSlow():
			return c.refuse(refusedSlow, "")
		case c.res.StatusCode() == http.StatusRequestEntityTooLarge:
			return c.refuse(refusedLarge, largeDetail(c.route.maxBody))
		}
		return c.refuse(refusedBody, "")
	case observe.ErrorInternal:
		return c.refuse(failedInternal, "")
	case observe.ErrorNoUpstream:
		return c.refuse(failedNone, "")
	case observe.ErrorTimeout:
		return c.refuse(failedTimeout, "")
	}
	return c.refuse(failedUpstream, "")
}
