package tail

import (
	"io/fs"
	"os"
)

// identify has nothing to tell: a file is known by its first bytes alone.
func identify(fs.FileInfo) (device, inode uint64, names uint64) { return 0, 0, 1 }

func open(path string) (*os.File, error) {
	return os.Open(path) // #nosec G304 -- a log that the operator named
}
