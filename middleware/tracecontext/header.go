package tracecontext

// Names of the headers, in canonical form.
const (
	Traceparent    = "Traceparent"
	Tracestate     = "Tracestate"
	B3             = "B3"
	B3TraceID      = "X-B3-Traceid"
	B3SpanID       = "X-B3-Spanid"
	B3ParentSpanID = "X-B3-Parentspanid"
	B3Sampled      = "X-B3-Sampled"
	B3Flags        = "X-B3-Flags"
)

// Values looks up the lines of a header by its canonical name. An http.Header is
// one.
type Values interface{ Values(name string) []string }

// Setter replaces a header. An http.Header is one.
type Setter interface{ Set(name, value string) }

// Format is a set of ways to write a context.
type Format uint8

// The formats. They may be combined: W3C | B3Single.
const (
	W3C Format = 1 << iota
	B3Single
	B3Multi
)

// Extract reads the trace that a request belongs to: W3C first, then B3 in one
// header, then in several. Whatever is malformed, contradictory or zero counts
// as not there; it reports false when nothing is left. A B3 header without a
// decision is read as not sampled.
func Extract(h Values) (Context, bool) {
	if line := only(h.Values(Traceparent)); line != "" {
		if c, ok := ParseTraceparent(line); ok {
			c.State = parseState(h.Values(Tracestate))
			return c, true
		}
	}
	if line := only(h.Values(B3)); line != "" {
		if c, ok := parseB3(line); ok {
			return c, true
		}
	}
	return extractB3(h)
}

// Inject writes the context in each of the formats, and nothing of a context
// that is not valid.
func Inject(h Setter, c *Context, formats Format) {
	if !c.Valid() {
		return
	}
	if formats&W3C != 0 {
		h.Set(Traceparent, c.Traceparent())
		if c.State != "" {
			h.Set(Tracestate, c.State)
		}
	}
	if formats&B3Single != 0 {
		h.Set(B3, c.B3())
	}
	if formats&B3Multi != 0 {
		injectB3(h, c)
	}
}

// only returns the single line of a header that must not be repeated; "" when it
// is missing, or there twice, so that nobody can tell which one is true.
func only(lines []string) string {
	if len(lines) != 1 {
		return ""
	}
	return lines[0]
}
