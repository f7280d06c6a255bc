// Package live carries what happens to the browsers that are looking: a bounded
// ring of events with increasing ids, so that a client that reconnects with
// Last-Event-ID misses nothing and sees nothing twice.
package live

import (
	"encoding/json"
	"sync"
)

// Event is one thing that happened.
type Event struct {
	ID   uint64
	Type string // "check", "config", "health"
	Data []byte // JSON, one line
}

// Hub keeps the last events and wakes whoever waits for new ones. The zero
// value is not ready; call NewHub.
type Hub struct {
	mu   sync.Mutex
	ring []Event // ring[id % len] holds event id
	next uint64  // id of the next event; ids start at 1
	wake chan struct{}
}

// NewHub keeps the last size events.
func NewHub(size int) *Hub {
	return &Hub{ring: make([]Event, size), next: 1, wake: make(chan struct{})}
}

// Publish adds an event; it never blocks on readers. What cannot be marshalled
// is a defect of the caller and is dropped.
func (h *Hub) Publish(kind string, data any) {
	line, err := json.Marshal(data)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ring[h.next%uint64(len(h.ring))] = Event{ID: h.next, Type: kind, Data: line}
	h.next++
	close(h.wake)
	h.wake = make(chan struct{})
}

// Since returns the kept events after id, whether some between id and the first
// returned are lost, and a channel that is closed when there is more to read.
// An id from another process (in the future) counts as lost.
func (h *Hub) Since(id uint64) (events []Event, lost bool, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := uint64(1)
	if size := uint64(len(h.ring)); h.next > size {
		first = h.next - size
	}
	if id >= h.next {
		return nil, true, h.wake
	}
	lost = id+1 < first
	for i := max(id+1, first); i < h.next; i++ {
		events = append(events, h.ring[i%uint64(len(h.ring))])
	}
	return events, lost, h.wake
}

// Last returns the id of the newest event, 0 when there is none.
func (h *Hub) Last() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next - 1
}
