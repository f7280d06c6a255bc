package delivery

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	commoncfg "github.com/prometheus/common/config"
)

// maxAnswer is how much a receiver may answer to one request. Alertmanager's
// notifiers read all of it into memory.
const maxAnswer = 1 << 20

// bounded are the HTTP clients of Alertmanager's notifiers. They speak HTTP/1.1,
// where an answer ends with the next request: that is what bounds it.
func bounded() []commoncfg.HTTPClientOption {
	dialer := &net.Dialer{Timeout: firstTry, KeepAlive: 30 * time.Second}
	return []commoncfg.HTTPClientOption{
		commoncfg.WithUserAgent(userAgent),
		commoncfg.WithHTTP2Disabled(),
		commoncfg.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &boundedConn{Conn: conn}, nil
		}),
	}
}

// boundedConn refuses to read more than maxAnswer bytes between two writes.
type boundedConn struct {
	net.Conn
	read atomic.Int64
}

// Read implements net.Conn.
func (c *boundedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.read.Add(int64(n)) > maxAnswer {
		return 0, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return n, err
}

// Write implements net.Conn.
func (c *boundedConn) Write(b []byte) (int, error) {
	c.read.Store(0)
	return c.Conn.Write(b)
}
