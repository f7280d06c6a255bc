//go:build unix

package tail

import (
	"io/fs"
	"os"
	"syscall"
)

// identify returns the device and the inode of a file, and how many names it has.
func identify(info fs.FileInfo) (device, inode uint64, names uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev), uint64(s.Ino), uint64(s.Nlink) //nolint:unconvert // the same bits; the types differ by system
	}
	return 0, 0, 1
}

// open opens a file for reading, without waiting for a writer should it have
// become a pipe.
func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // #nosec G304 -- a log that the operator named
}
