package dogstatsd

import (
	"context"
	"net"
	"strings"
	"time"
)

// Sizes of a datagram, as Datadog's own clients have them: what one packet of an
// Ethernet holds, and the agent's buffer.
const (
	udpLimit  = 1432
	unixLimit = 8192
)

const writeWithin = time.Second // a full socket of an agent that hangs

// socket is the way to the agent. nil is none.
type socket struct {
	network, address string
	limit            int // bytes of a datagram
	conn             net.Conn
}

func newSocket(address string) *socket {
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		return &socket{network: "unixgram", address: path, limit: unixLimit}
	}
	return &socket{network: "udp", address: address, limit: udpLimit}
}

// open connects, unless it is connected. An agent that was started anew has
// another socket.
func (s *socket) open(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	var err error
	dialer := net.Dialer{Timeout: 5 * time.Second}
	s.conn, err = dialer.DialContext(ctx, s.network, s.address)
	return err
}

func (s *socket) write(datagram []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	_, err := s.conn.Write(datagram)
	return err
}

func (s *socket) close() {
	if s != nil && s.conn != nil {
		_ = s.conn.Close() //nolint:errcheck // datagrams have left, or have not
		s.conn = nil
	}
}
