package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// watching starts a watch of paths and returns what it calls; the test ends
// when the watch has.
func watching(t *testing.T, w watch, paths ...string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changed, done, ready := make(chan struct{}, 100), make(chan struct{}), make(chan struct{})
	w.ready = func() { close(ready) }
	go func() {
		defer close(done)
		w.run(ctx, paths, func() { changed <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-ready
	return changed
}

// Both ways of noticing a change must notice all of them.
func TestWatchSeesChanges(t *testing.T) {
	for name, w := range map[string]watch{
		"events":  {poll: time.Hour, quiet: 5 * time.Millisecond, events: true},
		"polling": {poll: 5 * time.Millisecond, quiet: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "lapwing.yaml")
			write(t, file, "a")
			write(t, filepath.Join(dir, "checks", "a.yaml"), "a")
			changed := watching(t, w, file, filepath.Join(dir, "checks"), filepath.Join(dir, "later.yaml"))

			write(t, file, "written in place")
			<-changed
			write(t, file+".new", "replaced, as editors do")
			rename(t, file+".new", file)
			<-changed
			write(t, file, "written after it was replaced")
			<-changed
			write(t, filepath.Join(dir, "checks", "b.yaml"), "a new name in a folder")
			<-changed
			write(t, filepath.Join(dir, "later.yaml"), "a file that was not there")
			<-changed
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			<-changed
			write(t, file, "back again")
			<-changed
		})
	}
}

// A ConfigMap volume swaps a link that the file is behind.
func TestWatchSeesConfigMapSwaps(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "..1", "lapwing.yaml"), "one")
	write(t, filepath.Join(dir, "..2", "lapwing.yaml"), "two")
	link(t, "..1", filepath.Join(dir, "..data"))
	file := filepath.Join(dir, "lapwing.yaml")
	link(t, filepath.Join("..data", "lapwing.yaml"), file)
	changed := watching(t, watch{poll: time.Hour, quiet: 5 * time.Millisecond, events: true}, file)

	link(t, "..2", filepath.Join(dir, "..data_tmp"))
	rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
	<-changed
}

// Other files, and writes that change nothing, are no news.
func TestWatchIsQuiet(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lapwing.yaml")
	write(t, file, "a")
	changed := watching(t, watch{poll: time.Hour, quiet: 5 * time.Millisecond, events: true}, file)
	write(t, filepath.Join(dir, "other.db"), "busy")
	write(t, file, "a")
	write(t, file, "b")
	<-changed
	select {
	case <-changed:
		t.Error("called twice for one change")
	default:
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}
