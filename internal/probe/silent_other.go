//go:build !unix

package probe

import (
	"errors"
	"net"
	"os"
	"time"
)

// silent reports that an open socket has nothing to read: no byte, and no end.
// Where a read cannot be asked not to wait, it waits a moment.
func silent(socket net.Conn) bool {
	const moment = time.Millisecond
	if err := socket.SetReadDeadline(time.Now().Add(moment)); err != nil {
		return false
	}
	var one [1]byte
	if _, err := socket.Read(one[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return socket.SetReadDeadline(time.Time{}) == nil
}
