// Package health keeps the product's own warnings: what is wrong with Lapwing
// itself (a full disk, a refused reload), shown on the settings page, in the
// API and on /metrics.
package health

import (
	"sort"
	"sync"
	"time"
)

// Severity orders warnings.
type Severity string

// The severities.
const (
	Warning Severity = "warning" // it works, but somebody should look
	Failing Severity = "failing" // a part does not do its work
)

// Notice is one warning about the product itself.
type Notice struct {
	Code     string    `json:"code"` // stable: "disk_full"
	Severity Severity  `json:"severity"`
	Title    string    `json:"title"` // a few words
	Text     string    `json:"text"`  // what happened and what to do
	Since    time.Time `json:"since"`
}

// Registry holds the present warnings. The zero value is ready; all methods may
// be called concurrently.
type Registry struct {
	mu      sync.Mutex
	notices map[string]Notice
}

// Raise sets or refreshes the notice with n.Code; Since is kept from the first time.
func (r *Registry) Raise(n Notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.notices == nil {
		r.notices = map[string]Notice{}
	}
	if old, ok := r.notices[n.Code]; ok {
		n.Since = old.Since
	} else if n.Since.IsZero() {
		n.Since = time.Now()
	}
	r.notices[n.Code] = n
}

// Clear removes the notice with the code, if there is one.
func (r *Registry) Clear(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.notices, code)
}

// List returns the notices, failing ones first, then by code.
func (r *Registry) List() []Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Notice, 0, len(r.notices))
	for _, n := range r.notices {
		list = append(list, n)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Severity != list[j].Severity {
			return list[i].Severity == Failing
		}
		return list[i].Code < list[j].Code
	})
	return list
}
