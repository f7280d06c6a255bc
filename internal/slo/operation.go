package slo

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// The bounds of what is told apart.
const (
	// MaxOperations of one API; what comes after them is counted as Other.
	MaxOperations = 500
	// Other is the operation that has what found no room.
	Other = "other"

	maxName      = 512  // bytes of a method with its route
	maxSlow      = 8    // different latencies that objectives of one operation may name
	maxAllPlaces = 5000 // operations of all APIs
)

// slotLength is the seconds of a slot: the finest step of time that windows know.
const slotLength = 10

// A live cell takes the exchanges of one slot: of the present one, of the next,
// whose begin the ticker may not have seen yet, and of the last ones, because
// not every exchange is told at once. What is older goes another way, see late.
const (
	liveCells = 8 // a power of two
	liveBack  = 4 // slots before the present one
	liveAhead = 1
)

// operation is one operation of an API, with counters that Observe adds to and
// the tick empties.
type operation struct {
	subject
	settings atomic.Pointer[settings]
	live     [liveCells]liveCell
	latency  [Buckets]atomic.Uint32
	errors   liveErrors
	step     openStep // under Manager.mu, as the subject
	busy     bool     // it had requests at the last tick
}

// liveCell counts the exchanges of one slot that came since the last tick.
type liveCell struct {
	outcomes [outcomes]atomic.Uint32
	slow     [maxSlow]atomic.Uint32 // by settings.slow
	untimed  atomic.Uint32          // requests whose duration nobody knows
}

// settings are what the configuration says about an operation. They are never changed.
type settings struct {
	*policy
	thresholds
	slow  []time.Duration // at most maxSlow
	feeds []feed
}

// feed leads an operation's counts to an objective.
type feed struct {
	to   *objective
	slow int // which of settings.slow is bad; -1: failures are
}

// observe counts an exchange of a slot that has a live cell.
func (o *operation) observe(s *settings, slot int64, what outcome, d time.Duration) {
	c := &o.live[slot&(liveCells-1)]
	c.outcomes[what].Add(1)
	if what >= aborted {
		return
	}
	if d < 0 {
		c.untimed.Add(1)
		return
	}
	o.latency[BucketOf(d)].Add(1)
	for i, threshold := range s.slow {
		if d > threshold {
			c.slow[i].Add(1)
		}
	}
}

// take empties a live cell; false when nothing came.
func (c *liveCell) take(d *delta) bool {
	found := false
	for i := range c.outcomes {
		if c.outcomes[i].Load() == 0 {
			continue
		}
		d.count(outcome(i), c.outcomes[i].Swap(0)) // #nosec G115 -- below 14
		found = true
	}
	if !found {
		return false
	}
	for i := range c.slow {
		if c.slow[i].Load() != 0 {
			d.slow[i] = uint64(c.slow[i].Swap(0))
		}
	}
	d.untimed = c.untimed.Swap(0)
	return true
}

// delta is what came for one operation in one slot since the last tick.
type delta struct {
	at int64 // seconds of Unix time: the beginning of its slot
	counts
	slow    [maxSlow]uint64
	untimed uint32
}

func (d *delta) count(what outcome, n uint32) {
	switch {
	case what == aborted:
		d.aborted += n
	case what == refused:
		d.refused += n
	case what >= failedBy:
		d.requests += n
		d.errors += n
		d.status[what-failedBy] += n
	default:
		d.requests += n
		d.status[what] += n
	}
}

// place tells operations apart.
type place struct{ api, method, route string }

// operations finds the operation of an exchange without a lock: the table is
// copied when one is seen for the first time, which happens at most
// MaxOperations times for each API.
type operations struct {
	known atomic.Pointer[table]
	apis  atomic.Pointer[map[string]*api]
	slot  *atomic.Int64 // the present one
	mu    sync.Mutex    // held to add
	list  []*operation
}

// table has the operations by API, route and method. Two maps of single texts and
// an array are found in a good deal faster than one map of all three.
type table map[string]map[string]*[methods]*operation

// get returns the operation of a place, or nil.
func (t table) get(p *place) *operation {
	if of := t[p.api][p.route]; of != nil {
		return of[methodIndex(p.method)]
	}
	return nil
}

// with is the table with one more operation; what changes is a copy.
func (t table) with(op *operation) table {
	grown := maps.Clone(t)
	routes := maps.Clone(grown[op.api])
	if routes == nil {
		routes = map[string]*[methods]*operation{}
	}
	of := &[methods]*operation{}
	if before := routes[op.route]; before != nil {
		*of = *before
	}
	of[methodIndex(op.method)] = op
	routes[op.route] = of
	grown[op.api] = routes
	return grown
}

// api is one configured API.
type api struct {
	name       string
	policy     *policy
	whole      *subject
	other      *operation
	objectives []*objective
	places     int // that operations have taken; under operations.mu
	folded     atomic.Uint64
	series     *cumulative // of an API that only tells metrics
}

func newOperations(slot *atomic.Int64) *operations {
	os := &operations{slot: slot}
	os.known.Store(&table{})
	os.apis.Store(&map[string]*api{})
	return os
}

// of returns the operation of an exchange, nil for one of no configured API.
func (os *operations) of(e *observe.Exchange) *operation {
	p := place{e.API, e.Method, e.Route}
	if p.route == "" && e.Operation != "" {
		_, p.route, _ = strings.Cut(e.Operation, " ")
	}
	known := *os.known.Load()
	if op := known.get(&p); op != nil {
		return op
	}
	a := (*os.apis.Load())[p.api]
	if a == nil {
		return nil
	}
	if e.Operation == "" && !proves(e) {
		p.route = ""
		if op := known.get(&p); op != nil {
			return op
		}
	}
	return os.add(a, p)
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

// add gives an operation its place, or that of Other.
func (os *operations) add(a *api, p place) *operation {
	os.mu.Lock()
	defer os.mu.Unlock()
	known := *os.known.Load()
	// Texts are copied: those of an exchange may be parts of a long message.
	p = place{a.name, methodNames[methodIndex(p.method)], strings.ToValidUTF8(strings.Clone(p.route), "\uFFFD")}
	if op := known.get(&p); op != nil {
		return op
	}
	if p.method == "" || a.places >= MaxOperations || len(os.list) >= maxAllPlaces || len(p.method)+len(p.route) > maxName {
		a.folded.Add(1)
		return a.other
	}
	a.places++
	op := newOperation(a, p, os.slot.Load())
	grown := known.with(op)
	os.known.Store(&grown)
	os.list = append(os.list, op)
	return op
}

// named returns the operation of a name as people write it, and makes it.
func (os *operations) named(a *api, name string) *operation {
	if name == Other {
		return a.other
	}
	method, route, _ := strings.Cut(name, " ")
	return os.add(a, place{a.name, method, route})
}

// all returns every operation; the caller must not change the list.
func (os *operations) all() []*operation {
	os.mu.Lock()
	defer os.mu.Unlock()
	return slices.Clip(os.list)
}

// find returns an operation that has been seen, or nil.
func (os *operations) find(apiName, name string) *operation {
	method, route, _ := strings.Cut(name, " ")
	if a := (*os.apis.Load())[apiName]; a != nil && name == Other {
		return a.other
	}
	return os.known.Load().get(&place{apiName, method, route})
}

// newOperation returns one with the settings of its API.
func newOperation(a *api, p place, slot int64) *operation {
	name := p.method
	if p.route != "" {
		name += " " + p.route
	}
	op := &operation{}
	op.subject = newSubject(a.policy, p, name, slot)
	op.settings.Store(newSettings(a, name))
	return op
}

func newSettings(a *api, name string) *settings {
	s := &settings{policy: a.policy, thresholds: a.policy.of(name), slow: a.policy.slow(name)}
	s.slow = s.slow[:min(len(s.slow), maxSlow)]
	for _, o := range a.objectives {
		if o.Operation != "" && o.Operation != name {
			continue
		}
		f := feed{to: o, slow: -1}
		if o.Latency > 0 {
			if f.slow = slices.Index(s.slow, o.Latency.Std()); f.slow < 0 {
				continue
			}
		}
		s.feeds = append(s.feeds, f)
	}
	return s
}

// methodNames are the methods as labels: the known ones and, as OpenTelemetry has
// it, _OTHER. Other is no method, but the operation of what found no room has it
// in the place of one.
var methodNames = [...]string{"_OTHER", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"}

const methods = len(methodNames)

func methodIndex(method string) int {
	switch method {
	case "GET":
		return 1
	case "HEAD":
		return 2
	case "POST":
		return 3
	case "PUT":
		return 4
	case "PATCH":
		return 5
	case "DELETE":
		return 6
	case "OPTIONS":
		return 7
	case "CONNECT":
		return 8
	case "TRACE":
		return 9
	case "QUERY":
		return 10
	}
	return 0
}
