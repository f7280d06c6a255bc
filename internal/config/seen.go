package config

import (
	"crypto/sha256"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Seen is what an attempt to load a configuration found on disk, good or not:
// the content of each file when it was read, those that were missing, and what
// the patterns of `include:` matched. Watcher says when that is no longer so.
//
// It is immutable once the attempt has ended.
type Seen struct {
	files    map[string]state   // by absolute path
	patterns map[string]content // by absolute pattern
}

func newSeen() Seen { return Seen{files: map[string]state{}, patterns: map[string]content{}} }

// With returns a Seen that knows the present content of another file as well,
// by its absolute path. Call it before the file is read: what is seen too early
// costs a reload too many, what is seen too late is never loaded.
func (s Seen) With(path string) Seen {
	more := Seen{files: make(map[string]state, len(s.files)+1), patterns: s.patterns}
	maps.Copy(more.files, s.files)
	more.file(path)
	return more
}

// file looks at a file that is about to be read. The first look counts.
func (s Seen) file(path string) {
	if _, known := s.files[path]; !known {
		s.files[path] = stateOf(path, state{})
	}
}

// pattern looks at what a pattern matches, before its matches are read.
func (s Seen) pattern(pattern string) {
	if _, known := s.patterns[pattern]; !known {
		s.patterns[pattern] = matchesOf(pattern)
	}
}

// again looks at the same places once more.
func (s Seen) again() Seen {
	now := newSeen()
	for path, known := range s.files {
		now.files[path] = stateOf(path, known)
	}
	for pattern := range s.patterns {
		now.patterns[pattern] = matchesOf(pattern)
	}
	return now
}

// same reports whether both found the same. Only content counts.
func (s Seen) same(other Seen) bool {
	return maps.Equal(s.patterns, other.patterns) &&
		maps.EqualFunc(s.files, other.files, func(a, b state) bool { return a.content == b.content })
}

// folders returns what to watch: the folders of the files, and of the files
// that symbolic links lead to. Watching files themselves would lose them when
// they are replaced.
func (s Seen) folders() map[string]bool {
	folders := map[string]bool{}
	for path := range s.files {
		folders[filepath.Dir(path)] = true
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			folders[path] = true
		}
		if target, err := filepath.EvalSymlinks(path); err == nil {
			folders[filepath.Dir(target)] = true
		}
	}
	for pattern := range s.patterns {
		// In x/*/y/*.yaml names may appear in x, in its folders, and in their y.
		for folder := filepath.Dir(pattern); ; folder = filepath.Dir(folder) {
			if !isPattern(folder) {
				folders[folder] = true
				folders[filepath.Dir(folder)] = true // it may be missing yet
				break
			}
			for _, match := range matches(folder) {
				folders[match] = true
			}
		}
	}
	return folders
}

// content sums up what is at a path; it is zero when there is nothing, or
// nothing that can be read.
type content [sha256.Size]byte

// state is what is at a path.
type state struct {
	content  content
	size     int64
	modified time.Time
}

// stateOf looks at a path. Content is read again only where size or time differ
// from what is known.
func stateOf(path string, known state) state {
	info, err := os.Stat(path)
	if err != nil {
		return state{}
	}
	s := state{size: info.Size(), modified: info.ModTime()}
	settled := time.Since(s.modified) > 2*time.Second // coarse clocks hide a second change
	if settled && known.size == s.size && known.modified.Equal(s.modified) {
		return known
	}
	s.content = contentOf(path, info)
	return s
}

// contentOf sums up a file's bytes or a folder's names.
func contentOf(path string, info fs.FileInfo) content {
	switch {
	case info.IsDir():
		entries, err := os.ReadDir(path)
		if err != nil {
			return content{}
		}
		var names []string
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") || strings.HasSuffix(entry.Name(), "~") {
				continue // swap files and backups of editors
			}
			names = append(names, entry.Name())
		}
		return contentOfNames(names)
	case info.Mode().IsRegular():
		data, err := readAtMost(path, maxFileSize)
		if err != nil {
			return content{}
		}
		return sha256.Sum256(data)
	}
	return content{}
}

// matchesOf sums up the names that a pattern matches, and whether its folder is
// there, without which there are none.
func matchesOf(pattern string) content {
	names := matches(pattern)
	if folder := filepath.Dir(pattern); !isPattern(folder) {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			names = append(names, folder)
		}
	}
	return contentOfNames(names)
}

func contentOfNames(names []string) content {
	return sha256.Sum256([]byte(strings.Join(names, "\x00")))
}

// matches returns the matches in order; a pattern that is none has none.
func matches(pattern string) []string {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	return names
}

// isPattern reports whether a path is a pattern of `include:`.
func isPattern(path string) bool { return strings.ContainsAny(path, `*?[`) }
