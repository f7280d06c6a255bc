package gateway

import (
	"slices"
	"sync"
)

// maxNames is how many names of operations are kept; beyond, each is made anew.
const maxNames = 16384

// names keeps the texts of operations, so that "GET /orders/{id}" is not put
// together for every request. The zero value is ready.
type names struct {
	mu    sync.RWMutex
	known map[nameKey]string
}

type nameKey struct{ method, template string }

// of returns the operation's name: method and template. Methods that no
// standard knows are all _OTHER, as in OpenTelemetry's conventions.
func (n *names) of(method, template string) string {
	n.mu.RLock()
	name, ok := n.known[nameKey{method, template}]
	n.mu.RUnlock()
	if ok {
		return name
	}
	if !slices.Contains(knownMethods, method) {
		method = "_OTHER"
	}
	key := nameKey{method, template}
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.known[key]; ok {
		return name
	}
	name = method + " " + template
	if n.known == nil {
		n.known = map[nameKey]string{}
	}
	if len(n.known) < maxNames {
		n.known[key] = name
	}
	return name
}
