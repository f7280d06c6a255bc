//go:build unix

package probe

import (
	"errors"
	"net"
	"syscall"
)

// silent reports that an open socket has nothing to read: no byte, and no end.
// It reads without waiting, below Go's poller.
func silent(socket net.Conn) bool {
	s, ok := socket.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	nothing := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, err := syscall.Read(int(fd), one[:])
		nothing = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && nothing
}
