package tracecontext

import (
	"encoding/hex"
	"strings"
)

// maxB3 is the length of a b3 header with everything in it.
const maxB3 = 32 + 1 + 16 + 1 + 1 + 1 + 16

// B3 is the value of the header b3: trace-span-sampled, and the parent when there
// is one.
func (c *Context) B3() string {
	var text [maxB3]byte
	dst := hex.AppendEncode(text[:0], c.TraceID[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, c.SpanID[:])
	dst = append(dst, '-', c.decision())
	if c.ParentID != ([8]byte{}) {
		dst = append(dst, '-')
		dst = hex.AppendEncode(dst, c.ParentID[:])
	}
	return string(dst)
}

func (c *Context) decision() byte {
	if c.Sampled {
		return '1'
	}
	return '0'
}

// parseB3 reads the header b3: trace-span[-sampled[-parent]]. A lone decision
// ("0") is no trace.
func parseB3(text string) (Context, bool) {
	if len(text) > maxB3 {
		return Context{}, false
	}
	trace, rest, _ := strings.Cut(text, "-")
	span, rest, decided := strings.Cut(rest, "-")
	sampled, parent, hasParent := strings.Cut(rest, "-")
	if decided && sampled == "" || hasParent && parent == "" {
		return Context{}, false
	}
	return newB3(trace, span, parent, sampled)
}

// extractB3 reads the headers X-B3-….
func extractB3(h Values) (Context, bool) {
	trace := only(h.Values(B3TraceID))
	if trace == "" {
		return Context{}, false
	}
	sampled := only(h.Values(B3Sampled))
	if only(h.Values(B3Flags)) == "1" {
		sampled = "d"
	}
	return newB3(trace, only(h.Values(B3SpanID)), only(h.Values(B3ParentSpanID)), sampled)
}

// newB3 checks the parts. A trace id of 64 bits stands in the low half, so that
// it is the same trace when it goes on as W3C.
func newB3(trace, span, parent, sampled string) (c Context, ok bool) {
	switch len(trace) {
	case 16:
		ok = anyHex(c.TraceID[8:], trace)
	case 32:
		ok = anyHex(c.TraceID[:], trace)
	}
	if !ok || len(span) != 16 || !anyHex(c.SpanID[:], span) || !c.Valid() {
		return Context{}, false
	}
	if parent != "" && (len(parent) != 16 || !anyHex(c.ParentID[:], parent)) {
		return Context{}, false
	}
	switch sampled {
	case "1", "d", "true":
		c.Sampled = true
	case "", "0", "false":
	default:
		return Context{}, false
	}
	return c, true
}

// anyHex decodes src, which has twice the length of dst, in either case.
func anyHex(dst []byte, src string) bool {
	for i := range dst {
		high, ok1 := lowerDigit(lower(src[2*i]))
		low, ok2 := lowerDigit(lower(src[2*i+1]))
		if !ok1 || !ok2 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'F' {
		return c + 'a' - 'A'
	}
	return c
}

func injectB3(h Setter, c *Context) {
	h.Set(B3TraceID, hex.EncodeToString(c.TraceID[:]))
	h.Set(B3SpanID, hex.EncodeToString(c.SpanID[:]))
	if c.ParentID != ([8]byte{}) {
		h.Set(B3ParentSpanID, hex.EncodeToString(c.ParentID[:]))
	}
	if c.Sampled {
		h.Set(B3Sampled, "1")
	} else {
		h.Set(B3Sampled, "0")
	}
}
