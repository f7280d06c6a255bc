package gateway

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// gone reports whether the client has closed the connection, whatever it sent
// before and nobody has read yet.
func (c *conn) gone() bool {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	closed := false
	err = raw.Control(func(fd uintptr) {
		look := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // a descriptor is small
		n, err := unix.Poll(look, 0)
		closed = err == nil && n > 0 // an error of the connection is told unasked
	})
	return closed || err != nil
}
