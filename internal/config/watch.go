package config

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch calls onChange after files changed, until ctx ends; it returns when its
// goroutines have ended. paths are files and folders (Loaded.Watched): of a
// folder, the names in it count. A file that is replaced (editors, ConfigMap
// volumes) or does not exist yet is watched all the same.
//
// Changes in quick succession are one call. onChange runs on Watch's goroutine.
// File systems that send no events are looked at every five seconds.
func Watch(ctx context.Context, paths []string, onChange func()) {
	watch{poll: 5 * time.Second, quiet: 150 * time.Millisecond, events: true}.run(ctx, paths, onChange)
}

// watch holds what tests change.
type watch struct {
	poll   time.Duration // between looks without an event
	quiet  time.Duration // after the last event
	events bool          // whether the system is asked for events
	ready  func()        // called once changes are noticed; may be nil
}

func (w watch) run(ctx context.Context, paths []string, onChange func()) {
	var events chan fsnotify.Event
	var failures chan error
	if w.events {
		// Without events (too many watches, no inotify) the polling is left.
		if watcher, err := fsnotify.NewWatcher(); err == nil {
			defer func() { _ = watcher.Close() }()
			for _, folder := range foldersOf(paths) {
				_ = watcher.Add(folder)
			}
			events, failures = watcher.Events, watcher.Errors
		}
	}
	known := look(paths, nil)
	poll := time.NewTicker(w.poll)
	defer poll.Stop()
	quiet := time.NewTimer(w.quiet)
	quiet.Stop()
	defer quiet.Stop()
	if w.ready != nil {
		w.ready()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if concerns(event, paths) {
				quiet.Reset(w.quiet)
			}
			continue
		case <-failures: // events may be lost: look
		case <-poll.C:
		case <-quiet.C:
		}
		now := look(paths, known)
		changed := !slices.EqualFunc(now, known, func(a, b state) bool { return a.sum == b.sum })
		known = now
		if changed {
			onChange()
		}
	}
}

// foldersOf returns what to watch: the folders of the files, and of the files
// that symbolic links lead to. Watching files themselves would lose them when
// they are replaced.
func foldersOf(paths []string) []string {
	var folders []string
	add := func(folder string) {
		if !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			add(path)
			continue
		}
		add(filepath.Dir(path))
		if target, err := filepath.EvalSymlinks(path); err == nil {
			add(filepath.Dir(target))
		}
	}
	return folders
}

// concerns leaves out the traffic of other files in the same folders, such as a
// database. A new or removed name may be a link on the way to a watched file.
func concerns(event fsnotify.Event, paths []string) bool {
	if event.Has(fsnotify.Create) || event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
		return true
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		return filepath.Base(path) == filepath.Base(event.Name) || strings.HasPrefix(filepath.Base(event.Name), "..")
	})
}

// state is what a path holds.
type state struct {
	size     int64
	modified time.Time
	sum      [sha256.Size]byte
}

// look returns the state of each path. Content is read again only where size or
// time differ from what is known; only content counts as a change.
func look(paths []string, known []state) []state {
	states := make([]state, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		s := state{size: info.Size(), modified: info.ModTime()}
		settled := time.Since(s.modified) > 2*time.Second // coarse clocks hide a second change
		if known != nil && settled && known[i].size == s.size && known[i].modified.Equal(s.modified) {
			states[i] = known[i]
			continue
		}
		s.sum = content(path, info)
		states[i] = s
	}
	return states
}

// content sums up a file's bytes or a folder's names; zero when it cannot be read.
func content(path string, info fs.FileInfo) (sum [sha256.Size]byte) {
	switch {
	case info.IsDir():
		entries, err := os.ReadDir(path)
		if err != nil {
			return sum
		}
		var names strings.Builder
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") || strings.HasSuffix(entry.Name(), "~") {
				continue // swap files and backups of editors
			}
			names.WriteString(entry.Name() + "\x00")
		}
		return sha256.Sum256([]byte(names.String()))
	case info.Mode().IsRegular():
		data, err := readAtMost(path, maxFileSize)
		if err != nil {
			return sum
		}
		return sha256.Sum256(data)
	}
	return sum
}
