//go:build !unix

package metrics

// freeSpace is not known on this system: a full disk is seen when a write fails.
func freeSpace(string) (uint64, bool) { return 0, false }
