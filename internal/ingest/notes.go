package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/ingest/tail"
)

// The codes of our notices.
const (
	codeMissing    = "log_file_missing"
	codeUnreadable = "log_file_unreadable"
	codeFormat     = "log_file_format"
	codeFuture     = "log_file_future"
)

// maxNoted bounds how many files a notice names.
const maxNoted = 3

// notes are what is wrong with files, gathered to one notice for each kind.
type notes struct {
	health *health.Registry
	mu     sync.Mutex
	texts  map[string]map[string]string // by code and path
}

// trouble is tail.Options.Trouble.
func (n *notes) trouble(path string, err error) {
	switch {
	case err == nil:
		n.set(codeMissing, path, "")
		n.set(codeUnreadable, path, "")
	case errors.Is(err, fs.ErrNotExist):
		n.set(codeMissing, path, path+" is not there; it is read from its beginning when it comes")
	case errors.Is(err, fs.ErrPermission):
		n.set(codeUnreadable, path, tail.Denied(path))
	default:
		n.set(codeUnreadable, path, fmt.Sprintf("%s cannot be read: %v", path, err))
	}
}

// set notes a text about a path, or takes it back with "".
func (n *notes) set(code, path, text string) {
	if n.health == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.texts == nil {
		n.texts = map[string]map[string]string{}
	}
	if n.texts[code] == nil {
		n.texts[code] = map[string]string{}
	}
	if n.texts[code][path] == text {
		return
	}
	if text == "" {
		delete(n.texts[code], path)
	} else {
		n.texts[code][path] = text
	}
	n.tell(code)
}

// forget takes back everything about a path, and about what a pattern matched.
func (n *notes) forget(path string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for code, texts := range n.texts {
		for noted := range texts {
			if noted == path || matches(path, noted) {
				delete(texts, noted)
			}
		}
		n.tell(code)
	}
}

// tell raises or clears a notice. The caller holds the lock.
func (n *notes) tell(code string) {
	if n.health == nil {
		return
	}
	texts := n.texts[code]
	if len(texts) == 0 {
		n.health.Clear(code)
		return
	}
	notice := health.Notice{Code: code, Severity: health.Failing}
	switch code {
	case codeMissing:
		notice.Severity, notice.Title = health.Warning, "A log file is not there"
	case codeUnreadable:
		notice.Title = "A log file cannot be read"
	case codeFormat:
		notice.Title = "Lines of a log are not of its format"
	case codeFuture:
		notice.Title = "Lines of a log are in the future"
	}
	var list []string
	for i, path := range slices.Sorted(maps.Keys(texts)) {
		if i == maxNoted {
			list = append(list, fmt.Sprintf("and %d more", len(texts)-maxNoted))
			break
		}
		list = append(list, texts[path])
	}
	notice.Text = strings.Join(list, "; ")
	n.health.Raise(notice)
}
