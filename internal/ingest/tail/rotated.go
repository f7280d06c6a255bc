package tail

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxRotated bounds how many rotated files of one log are looked at.
const maxRotated = 1000

// isRotated reports whether name is what programs call the file base after they
// put it away, compressed or not:
//
//	access.log.1  access.log.2.gz  access.log-20261123  access.log.old
//	access-20261123.log  access-2026-11-23T21-22-02.123.log.gz
func isRotated(name, base string) bool {
	plain := strings.TrimSuffix(name, ".gz")
	if name == base || plain == base {
		return name != base // access.log.gz
	}
	if rest, ok := strings.CutPrefix(plain, base); ok {
		return isSuffix(rest)
	}
	extension := filepath.Ext(base)
	stem := strings.TrimSuffix(base, extension)
	rest, ok := strings.CutPrefix(plain, stem)
	if !ok || stem == "" || extension == "" {
		return false
	}
	rest, ok = strings.CutSuffix(rest, extension)
	return ok && isSuffix(rest)
}

// isSuffix knows numbers and dates after a separator, and a few words.
func isSuffix(s string) bool {
	if len(s) < 2 || strings.IndexByte(".-_", s[0]) < 0 {
		return false
	}
	if s == ".old" || s == ".bak" {
		return true
	}
	digits := 0
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
		case strings.IndexByte("-_.:+TZ", c) < 0:
			return false
		}
	}
	return digits > 0
}

// isGzip reports whether a file's name says that it is compressed.
func isGzip(path string) bool { return strings.HasSuffix(path, ".gz") }

// found is a file that is there.
type found struct {
	path string
	info fs.FileInfo
}

// rotated lists the rotated files of a path, oldest first.
func rotated(path string) []found {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil // the file itself tells what is wrong with its folder
	}
	var list []found
	for _, e := range entries {
		if !isRotated(e.Name(), base) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			list = append(list, found{name, info})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), -compareNames(a.path, b.path))
	})
	if len(list) > maxRotated {
		list = list[len(list)-maxRotated:]
	}
	return list
}

// compareNames orders names with numbers in them: access.log.10 after access.log.9.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(len(strings.TrimSuffix(a, ".gz")), len(strings.TrimSuffix(b, ".gz"))), strings.Compare(a, b))
}
