package app

import (
	"io/fs"
	"path/filepath"

	"lapwing.dev/lapwing/internal/state"
)

// dataSize is how many bytes the data folder holds, and its name for people.
// Files that vanish while counting are not an error.
func dataSize(dir string) (bytes int64, name string) {
	if dir == state.Memory {
		return 0, "memory"
	}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { //nolint:errcheck // no function below fails
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // see above
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes, dir
}
