//go:build unix

package metrics

import "golang.org/x/sys/unix"

// freeSpace is how many bytes the disk of a folder has left for us; false when
// that cannot be known.
func freeSpace(dir string) (uint64, bool) {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return 0, false
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), true //nolint:gosec,unconvert // types and signs differ by system
}
