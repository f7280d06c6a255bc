package gateway

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
)

// isGRPC reports a gRPC call, whose body is a stream of messages: it may have
// any number of them, and be silent in between for as long as it likes. What a
// client says of itself is not enough for that: it must come over HTTP/2 and go
// to servers that speak it, or a header would be a way past every bound of bodies.
func (c *call) isGRPC(r *http.Request) bool {
	if r.ProtoMajor != 2 || r.Method != http.MethodPost || r.Body == nil || !c.route.pool(c.decision.Upstream).grpc {
		return false
	}
	rest, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';') // gRPC-Web is a request like any other
}

// speakGRPC reports whether all servers may: by HTTP/2.
func (s Servers) speakGRPC() bool {
	for i := range s {
		if !strings.HasPrefix(s[i].URL, "h2c:") && !strings.HasPrefix(s[i].URL, "https:") {
			return false
		}
	}
	return true
}

// messages is the body of a gRPC call, each message of which is bounded. It is
// held to the protocol's framing: a flag, a length of four bytes, the message.
type messages struct {
	io.ReadCloser
	most  int64 // bytes of a message
	left  int64 // of the present one
	frame [5]byte
	have  int // bytes of frame
	err   error
}

var errFrame = errors.New("it is no stream of gRPC messages")

// boundMessages bounds each message of a gRPC call; 0 is no bound.
func boundMessages(body io.ReadCloser, most int64) io.ReadCloser {
	if most <= 0 {
		return body
	}
	return &messages{ReadCloser: body, most: most}
}

// Read implements io.Reader. The error is a *http.MaxBytesError for a message
// that is too large.
func (m *messages) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.ReadCloser.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if m.left > 0 {
			part := min(m.left, int64(len(rest)))
			m.left -= part
			rest = rest[part:]
			continue
		}
		part := copy(m.frame[m.have:], rest)
		m.have += part
		rest = rest[part:]
		if m.have < len(m.frame) {
			break
		}
		m.have = 0
		m.left = int64(binary.BigEndian.Uint32(m.frame[1:]))
		switch {
		case m.frame[0] > 1: // not compressed, or compressed
			m.err = errFrame
		case m.left > m.most:
			m.err = &http.MaxBytesError{Limit: m.most}
		}
		if m.err != nil {
			return 0, m.err
		}
	}
	return n, err
}
