package tracecontext

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// Context is a place in a trace. The zero value is in none.
type Context struct {
	TraceID  [16]byte
	SpanID   [8]byte // as extracted: of the caller; after Child: of this hop
	ParentID [8]byte // zero at the root, and where the caller does not tell
	Sampled  bool    // somebody upstream, or New, decided to record it
	Random   bool    // the trace id is random in its last 7 bytes (W3C Level 2)
	State    string  // tracestate: what other vendors pass along; valid, at most MaxState bytes, or ""
}

// New begins a trace.
//
// Ids are random but not secret: they come from a generator that no client can
// predict and that never blocks.
func New(sampled bool) Context {
	c := Context{SpanID: newSpanID(), Sampled: sampled, Random: true}
	for c.TraceID == ([16]byte{}) {
		binary.BigEndian.PutUint64(c.TraceID[:8], random())
		binary.BigEndian.PutUint64(c.TraceID[8:], random())
	}
	return c
}

// Child returns the next hop: the same trace, a new span id, and the old one as
// its parent.
func (c Context) Child() Context {
	c.ParentID, c.SpanID = c.SpanID, newSpanID()
	return c
}

// Valid reports whether both ids are there.
func (c *Context) Valid() bool { return c.TraceID != [16]byte{} && c.SpanID != [8]byte{} }

func newSpanID() (id [8]byte) {
	for id == [8]byte{} {
		binary.BigEndian.PutUint64(id[:], random())
	}
	return id
}

func random() uint64 {
	return rand.Uint64() //nolint:gosec // ChaCha8 with the system's seed; an id grants nothing
}

// NewRequestID returns 16 random bytes in hex, for requests that came without an
// id.
func NewRequestID() string {
	var text [32]byte
	id := New(false).TraceID
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// ValidRequestID reports whether an id that came from outside may be taken over:
// 1 to 128 bytes of letters, digits and the signs that ids are made of. Anything
// else could end up in a log or a command as something that it is not.
func ValidRequestID(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=', c == '@', c == ',', c == '~':
		default:
			return false
		}
	}
	return true
}
