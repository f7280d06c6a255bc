//go:build unix

package upstream

import (
	"errors"
	"syscall"
)

// look reads without waiting; anything but "try again" means that the
// connection is of no use anymore. The byte that may get lost is one of those.
func (c *conn) look(fd uintptr) {
	var one [1]byte
	_, err := syscall.Read(int(fd), one[:])
	c.quiet = errors.Is(err, syscall.EAGAIN)
}
