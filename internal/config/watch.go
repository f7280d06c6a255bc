package config

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher tells when a configuration has to be loaded again: what is on disk is
// no longer what the last attempt has seen. It compares with that attempt, not
// with what was there when it began to look, so that no change is lost while a
// configuration is loaded.
//
// A file that is replaced (editors, ConfigMap volumes), missing, or that the
// attempt refused is watched all the same. File systems that send no events are
// looked at every five seconds.
type Watcher struct {
	poll   time.Duration // between looks without an event
	quiet  time.Duration // after the last event
	events bool          // whether the system is asked for events
	ready  func()        // called once changes are noticed; nil but in tests

	mu      sync.Mutex
	seen    Seen
	attempt uint64
	renewed chan struct{} // capacity 1: there was another attempt
}

// NewWatcher returns a Watcher that compares with what an attempt has seen.
func NewWatcher(seen Seen) *Watcher {
	return &Watcher{
		poll: 5 * time.Second, quiet: 150 * time.Millisecond, events: true,
		seen: seen, renewed: make(chan struct{}, 1),
	}
}

// Expect replaces what is compared with, after each attempt to load, whatever
// asked for it and however it ended. It may be called from any goroutine.
func (w *Watcher) Expect(seen Seen) {
	w.mu.Lock()
	w.seen = seen
	w.attempt++
	w.mu.Unlock()
	select {
	case w.renewed <- struct{}{}:
	default:
	}
}

// expected returns what is compared with, and the number of its attempt.
func (w *Watcher) expected() (Seen, uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen, w.attempt
}

// changed looks whether something has changed since the last attempt, or since
// the last change if there was no attempt after it.
func (w *Watcher) changed() bool {
	seen, attempt := w.expected()
	now := seen.again()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.attempt != attempt {
		return false // renewed makes Run look again
	}
	w.seen = now
	return !now.same(seen)
}

// Run calls onChange after changes, until ctx ends; it returns when its
// goroutines have ended. Changes in quick succession are one call. onChange is
// expected to load the configuration and to call Expect; it runs on Run's
// goroutine. Run may be called once.
func (w *Watcher) Run(ctx context.Context, onChange func()) {
	var events chan fsnotify.Event
	var failures chan error
	var notifier *fsnotify.Watcher
	if w.events {
		// Without events (too many watches, no inotify) the polling is left.
		if n, err := fsnotify.NewWatcher(); err == nil {
			defer func() { _ = n.Close() }()
			notifier, events, failures = n, n.Events, n.Errors
		}
	}
	w.subscribe(notifier)
	poll := time.NewTicker(w.poll)
	defer poll.Stop()
	quiet := time.NewTimer(w.quiet) // for what has changed since the attempt
	defer quiet.Stop()
	if w.ready != nil {
		w.ready()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if w.concerns(event) {
				quiet.Reset(w.quiet)
			}
			continue
		case <-w.renewed:
			w.subscribe(notifier)
			quiet.Reset(w.quiet) // for what changed before that
			continue
		case <-failures: // events may be lost: look
		case <-poll.C:
		case <-quiet.C:
		}
		if w.changed() {
			onChange()
		}
	}
}

// subscribe asks for the events of the present folders, and for no others.
func (w *Watcher) subscribe(notifier *fsnotify.Watcher) {
	if notifier == nil {
		return
	}
	seen, _ := w.expected()
	folders := seen.folders()
	for _, folder := range notifier.WatchList() {
		if !folders[folder] {
			_ = notifier.Remove(folder)
		}
	}
	for folder := range folders { // those that are known, too: they may have been replaced
		_ = notifier.Add(folder)
	}
}

// concerns leaves out the traffic of other files in the same folders, such as a
// database. A new or removed name may be a link on the way to a watched file.
func (w *Watcher) concerns(event fsnotify.Event) bool {
	if event.Has(fsnotify.Create) || event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
		return true
	}
	name := filepath.Base(event.Name)
	if strings.HasPrefix(name, "..") {
		return true
	}
	seen, _ := w.expected()
	for path := range seen.files {
		if filepath.Base(path) == name {
			return true
		}
	}
	return false
}
