package tail

import (
	"log/slog"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// watch wakes a Tail when something happens in the folders of its files. It is a
// help only: whoever polls every second misses nothing.
type watch struct {
	wake     chan struct{}
	notifier *fsnotify.Watcher // nil: there are no events
	ended    chan struct{}
	folders  map[string]bool
	log      *slog.Logger
}

func newWatch(none bool, log *slog.Logger) *watch {
	w := &watch{wake: make(chan struct{}, 1), ended: make(chan struct{}), folders: map[string]bool{}, log: log}
	if none {
		return w
	}
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		log.Info("no events of the file system; looking every second", "error", err)
		return w
	}
	w.notifier = notifier
	go w.run()
	return w
}

func (w *watch) run() {
	defer close(w.ended)
	for {
		select {
		case _, ok := <-w.notifier.Events:
			if !ok {
				return
			}
		case _, ok := <-w.notifier.Errors: // events were lost: look
			if !ok {
				return
			}
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// add watches a file by its folder, and by that of what it links to.
func (w *watch) add(path string) {
	if w.notifier == nil {
		return
	}
	w.folder(filepath.Dir(path))
	if target, err := filepath.EvalSymlinks(path); err == nil {
		w.folder(filepath.Dir(target))
	}
}

func (w *watch) folder(dir string) {
	if w.folders[dir] || len(w.folders) >= maxFiles {
		return
	}
	if err := w.notifier.Add(dir); err == nil {
		w.folders[dir] = true
	}
}

func (w *watch) close() {
	if w.notifier == nil {
		return
	}
	_ = w.notifier.Close() // nothing is to be done about it
	<-w.ended
}
