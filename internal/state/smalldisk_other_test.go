//go:build !linux

package state

import "testing"

func smallDisk(t *testing.T) string {
	t.Skip("a small file system to fill is missing: it is mounted on Linux only")
	return ""
}
