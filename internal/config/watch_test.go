package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// watching runs a Watcher until the test ends and returns what it calls.
func watching(t *testing.T, w *Watcher, onChange func()) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changed, done, ready := make(chan struct{}, 100), make(chan struct{}), make(chan struct{})
	w.ready = func() { close(ready) }
	go func() {
		defer close(done)
		w.Run(ctx, func() {
			if onChange != nil {
				onChange()
			}
			changed <- struct{}{}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-ready
	return changed
}

// byEvents looks when the system says that something happened.
func byEvents(seen Seen) *Watcher {
	w := NewWatcher(seen)
	w.poll, w.quiet = time.Hour, 5*time.Millisecond
	return w
}

// byPolling looks again and again.
func byPolling(seen Seen) *Watcher {
	w := NewWatcher(seen)
	w.poll, w.quiet, w.events = 5*time.Millisecond, time.Hour, false
	return w
}

// ways are both ways of noticing a change; each must notice all of them.
var ways = map[string]func(Seen) *Watcher{"events": byEvents, "polling": byPolling}

// seenAt looks at files and patterns.
func seenAt(files []string, patterns ...string) Seen {
	seen := newSeen()
	for _, path := range files {
		seen.file(path)
	}
	for _, pattern := range patterns {
		seen.pattern(pattern)
	}
	return seen
}

func TestWatcherSeesChanges(t *testing.T) {
	for name, newWatcher := range ways {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, later := filepath.Join(dir, "lapwing.yaml"), filepath.Join(dir, "later.yaml")
			write(t, file, "a")
			write(t, filepath.Join(dir, "checks", "a.yaml"), "a")
			changed := watching(t, newWatcher(seenAt([]string{file, later},
				filepath.Join(dir, "checks", "*.yaml"), filepath.Join(dir, "teams", "*.yaml"))), nil)

			write(t, file, "written in place")
			<-changed
			write(t, file+".new", "replaced, as editors do")
			rename(t, file+".new", file)
			<-changed
			write(t, file, "written after it was replaced")
			<-changed
			write(t, filepath.Join(dir, "checks", "b.yaml"), "a new match of a pattern")
			<-changed
			write(t, later, "a file that was not there")
			<-changed
			if err := os.Mkdir(filepath.Join(dir, "teams"), 0o750); err != nil {
				t.Fatal(err)
			}
			<-changed // a pattern's folder
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			<-changed
			write(t, file, "back again")
			<-changed
		})
	}
}

// What was loaded is what counts, not what is there when watching begins.
func TestAChangeBeforeWatchingIsSeen(t *testing.T) {
	for name, newWatcher := range ways {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "lapwing.yaml")
			write(t, file, "checks: [{name: v1, url: \"http://a/\"}]\n")
			loaded, err := Load(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			write(t, file, "checks: [{name: v2, url: \"http://a/\"}]\n")
			<-watching(t, newWatcher(loaded.Seen), nil)
		})
	}
}

// Somebody saves twice: the second time when the first was read and is not yet
// in force.
func TestAChangeDuringALoadIsSeen(t *testing.T) {
	for name, newWatcher := range ways {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, included := filepath.Join(dir, "lapwing.yaml"), filepath.Join(dir, "more", "a.yaml")
			save := func(name string) {
				replace(t, included, "checks: [{name: "+name+", url: \"http://a/\"}]\n")
			}
			write(t, file, "include: [more/*.yaml]\n")
			save("v1")
			loaded, err := Load(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			var inForce []string
			w := newWatcher(loaded.Seen)
			changed := watching(t, w, func() {
				again, err := Load(file, nil)
				if err != nil {
					t.Error(err)
					return
				}
				name := again.File.Checks[0].Name
				if name == "v2" {
					save("v3")
				}
				inForce = append(inForce, name)
				w.Expect(again.Seen)
			})
			save("v2")
			<-changed
			<-changed
			if diff := cmp.Diff([]string{"v2", "v3"}, inForce); diff != "" {
				t.Errorf("in force (-want +got):\n%s", diff)
			}
		})
	}
}

// A refused attempt says what it has read: correcting that is worth another.
func TestCorrectionsOfARefusedLoadAreSeen(t *testing.T) {
	const main = "include: [inc/*.yaml]\nchecks:\n  - {name: a, request: {url: \"http://a/\", body: \"${file:body}\"}}\n"
	for name, test := range map[string]struct {
		files map[string]string
		path  string // that is corrected
		right string
	}{
		"an included file":         {map[string]string{"lapwing.yaml": main, "body": "x", "inc/c.yaml": "chekcs: []\n"}, "inc/c.yaml", "checks: []\n"},
		"an included file's YAML":  {map[string]string{"lapwing.yaml": main, "body": "x", "inc/c.yaml": "checks: [\n"}, "inc/c.yaml", "checks: []\n"},
		"a folder that is missing": {map[string]string{"lapwing.yaml": main, "body": "x"}, "inc/c.yaml", "checks: []\n"},
		"a file that is missing":   {map[string]string{"lapwing.yaml": main, "inc/c.yaml": ""}, "body", "x"},
		"the file itself":          {map[string]string{"lapwing.yaml": "checks: [\n"}, "lapwing.yaml", "checks: []\n"},
		"the file itself, missing": {map[string]string{"body": "x"}, "lapwing.yaml", "checks: []\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, test.files)
			_, err := Load(filepath.Join(dir, "lapwing.yaml"), nil)
			var mistakes *Errors
			if !errors.As(err, &mistakes) {
				t.Fatalf("got %v, want mistakes", err)
			}
			w := byEvents(mistakes.Seen)
			w.poll = 5 * time.Millisecond // the parent of a missing folder may be anywhere
			changed := watching(t, w, nil)
			write(t, filepath.Join(dir, test.path), test.right)
			<-changed
		})
	}
}

// A ConfigMap volume swaps a link that the file is behind.
func TestWatcherSeesConfigMapSwaps(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "..1", "lapwing.yaml"), "one")
	write(t, filepath.Join(dir, "..2", "lapwing.yaml"), "two")
	link(t, "..1", filepath.Join(dir, "..data"))
	file := filepath.Join(dir, "lapwing.yaml")
	link(t, filepath.Join("..data", "lapwing.yaml"), file)
	changed := watching(t, byEvents(seenAt([]string{file})), nil)

	link(t, "..2", filepath.Join(dir, "..data_tmp"))
	rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
	<-changed
}

// Other files, and writes that change nothing, are no news.
func TestWatcherIsQuiet(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lapwing.yaml")
	write(t, file, "a")
	write(t, filepath.Join(dir, "checks", "a.yaml"), "a")
	changed := watching(t, byEvents(seenAt([]string{file}, filepath.Join(dir, "checks", "*.yaml"))), nil)
	write(t, filepath.Join(dir, "other.db"), "busy")
	write(t, filepath.Join(dir, "checks", "README.md"), "no match")
	replace(t, file, "a")
	replace(t, file, "b")
	<-changed
	select {
	case <-changed:
		t.Error("called twice for one change")
	default:
	}
}

// replace writes a file in one step.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	rename(t, path+".new", path)
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
