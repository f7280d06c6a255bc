package traffic

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"lapwing.dev/lapwing/middleware/observe"
)

// operation counts the requests of one operation of an API since the start.
type operation struct {
	id                 int    // place in operations.list
	api, method, route string // fit for labels; route is "" for requests that matched none
	folded             bool   // it is what had no room

	outcomes          outcomes
	latencies         latencies
	served            fine // durations of those that were not refused
	request, response sizes
	recorded          recorded // what the history has of it already; under its lock
}

// name is how people call it: "GET /orders/{id}"; without a route it is the
// method alone.
func (o *operation) name() string {
	switch {
	case o.folded:
		return other
	case o.route == "":
		return o.method
	}
	return o.method + " " + o.route
}

// other is the name of what has no room.
const other = "other"

// maxName bounds a name of an operation, in bytes: what is longer is no route
// template that anybody wrote.
const maxName = 512

// opKey tells operations apart.
type opKey struct{ api, method, route string }

// operations finds the counters of a request's operation without a lock: the map
// is copied when an operation is seen for the first time, which happens at most
// Bounds.Operations times.
type operations struct {
	most   int
	budget *budget
	perAPI atomic.Int64 // series that one API may make

	byKey    atomic.Pointer[map[opKey]*operation]
	rooms    atomic.Pointer[map[string]*room] // by API
	list     atomic.Pointer[[]*operation]     // by id; the first is for APIs that have no room themselves
	overflow atomic.Uint64                    // requests that are counted there

	mu sync.Mutex // held to add
}

func newOperations(b Bounds) *operations {
	os := &operations{most: b.Operations, budget: &budget{left: b.Series}}
	os.perAPI.Store(defaultSeriesPerAPI)
	os.byKey.Store(&map[opKey]*operation{})
	os.rooms.Store(&map[string]*room{})
	os.list.Store(&[]*operation{os.newOther(other)})
	return os
}

// of returns the counters for an exchange.
func (os *operations) of(e *observe.Exchange) *operation {
	key := opKey{e.API, methodName(e.Method), e.Route}
	if key.route == "" && e.Operation != "" {
		_, key.route, _ = strings.Cut(e.Operation, " ")
	}
	known := *os.byKey.Load()
	if op := known[key]; op != nil {
		return op
	}
	if !proves(e) {
		key.route = ""
		if op := known[key]; op != nil {
			return op
		}
	}
	if len(known) >= os.most || len(key.api) > maxName || len(key.route) > maxName {
		return os.fold(key.api)
	}
	if r := (*os.rooms.Load())[key.api]; r != nil && !r.has(operationSeries) {
		return os.fold(key.api)
	}
	return os.add(key)
}

// fold counts a request as one of its API's others.
func (os *operations) fold(api string) *operation {
	if r := (*os.rooms.Load())[api]; r != nil {
		r.overflow.Add(1)
		if op := r.other.Load(); op != nil {
			return op
		}
		return os.addOther(r)
	}
	os.overflow.Add(1)
	return (*os.list.Load())[0]
}

// proves reports whether an answer shows that the API has the route. A new one
// takes a place for good, so that paths which only scanners ask for must not:
// they count as requests that matched none.
func proves(e *observe.Exchange) bool {
	if e.Status == 404 || e.Status == 405 {
		return false
	}
	switch e.Verdict {
	case observe.Rejected, observe.Blocked, observe.Unauthorized, observe.Invalid:
		return false
	}
	return true
}

func (os *operations) add(key opKey) *operation {
	os.mu.Lock()
	defer os.mu.Unlock()
	known := *os.byKey.Load()
	if op := known[key]; op != nil {
		return op
	}
	list := *os.list.Load()
	if len(known) >= os.most {
		return list[0]
	}
	// The texts are copied: those of an exchange may be parts of a long message.
	key = opKey{strings.Clone(key.api), key.method, strings.Clone(key.route)}
	shown := opKey{label(key.api), key.method, label(key.route)}
	op := known[shown] // two that differ in what no label can hold are one
	if op == nil {
		op = &operation{api: shown.api, method: shown.method, route: shown.route}
		op.outcomes.room = os.roomOf(key.api, shown.api)
		op.outcomes.room.take(operationSeries)
		os.append(op)
	}
	grown := make(map[opKey]*operation, len(known)+1)
	maps.Copy(grown, known)
	grown[key], grown[shown] = op, op
	os.byKey.Store(&grown)
	return op
}

// newOther returns the operation of what has no room in an API.
func (os *operations) newOther(api string) *operation {
	op := &operation{api: api, method: other, route: other, folded: true}
	op.outcomes.room = os.newRoom(api, foldedSeries)
	return op
}

// addOther makes the operation of what has no room in an API.
func (os *operations) addOther(r *room) *operation {
	os.mu.Lock()
	defer os.mu.Unlock()
	if op := r.other.Load(); op != nil {
		return op
	}
	op := os.newOther(r.api)
	os.append(op)
	r.other.Store(op)
	return op
}

// append gives an operation its id. The caller holds the lock.
func (os *operations) append(op *operation) {
	list := *os.list.Load()
	op.id = len(list)
	longer := append(slices.Clip(list), op)
	os.list.Store(&longer)
}

// roomOf returns the room of an API, by its name as it came and as a label. The
// caller holds the lock.
func (os *operations) roomOf(name, api string) *room {
	rooms := *os.rooms.Load()
	r := rooms[name]
	if r != nil {
		return r
	}
	if r = rooms[api]; r == nil {
		r = os.newRoom(api, 0)
	}
	grown := make(map[string]*room, len(rooms)+2)
	maps.Copy(grown, rooms)
	grown[name], grown[api] = r, r
	os.rooms.Store(&grown)
	return r
}

// label makes a text from outside fit for an exposition format, which is UTF-8.
func label(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// methodName is the method as a label: the known ones and, as OpenTelemetry has
// it, _OTHER.
func methodName(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY":
		return method
	}
	return "_OTHER"
}

// budget is how many histograms may still be made.
type budget struct {
	mu    sync.Mutex
	left  int
	spent atomic.Bool
}

func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		b.spent.Store(true)
		return false
	}
	b.left--
	return true
}

// answer is what tells the duration histograms of an operation apart: status,
// error and scheme, packed so that it is never zero.
type answer uint32

func answerOf(e *observe.Exchange) answer {
	status := e.Status
	if status < 0 || status > 999 {
		status = 0
	}
	a := answer(status)<<8 | answer(failureNumber(e.Error))<<4 | 1 // #nosec G115 -- bounded above
	if e.Scheme == "https" {
		a |= 2
	}
	return a
}

func (a answer) status() int                 { return int(a >> 8) }
func (a answer) failure() observe.ErrorClass { return failures[a>>4&15] }
func (a answer) scheme() string {
	if a&2 != 0 {
		return "https"
	}
	return "http"
}

// latencies are the histograms of one operation by answer. What comes after the
// room for them is in rest.
type latencies struct {
	cells [16]struct {
		key atomic.Uint32 // written last
		h   atomic.Pointer[histogram]
	}
	rest histogram
	mu   sync.Mutex // held to add
}

// of returns the histogram for an answer.
func (l *latencies) of(a answer, b *budget, r *room) *histogram {
	for i := range l.cells {
		switch key := l.cells[i].key.Load(); key {
		case uint32(a):
			return l.cells[i].h.Load()
		case 0:
			if b.spent.Load() || !r.has(histogramSeries) {
				return &l.rest
			}
			return l.add(a, b, r)
		}
	}
	return &l.rest
}

func (l *latencies) add(a answer, b *budget, r *room) *histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.cells {
		c := &l.cells[i]
		switch c.key.Load() {
		case uint32(a):
			return c.h.Load()
		case 0:
			if !r.take(histogramSeries) {
				return &l.rest
			}
			if !b.take() {
				r.give(histogramSeries)
				return &l.rest
			}
			h := &histogram{}
			c.h.Store(h)
			c.key.Store(uint32(a))
			return h
		}
	}
	return &l.rest
}
