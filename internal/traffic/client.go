package traffic

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// clientMinutes is how many minutes of a client's past are kept, the present one
// included.
const clientMinutes = 61

// clientOperations is how many of a client's operations are known.
const clientOperations = 8

// client is one of the busiest clients. It belongs to its shard's lock.
type client struct {
	key    string
	at     int // place in the shard
	first  time.Time
	last   time.Time
	minute int64 // of Unix time, by our clock: the last one with a request
	addr   netip.Addr
	user   string
	tier   string
	agent  string
	api    string
	policy string // that refused or delayed it last
	held   time.Time

	minutes    [clientMinutes]clientMinute // by minute modulo clientMinutes
	operations [clientOperations]clientOperation
}

type clientMinute struct {
	minute int64 // of Unix time
	counts [clientCounts]uint32
	out    uint64 // bytes
}

// clientOperation is a counter of Space-Saving: the operation may have had up to
// over fewer requests.
type clientOperation struct {
	operation *operation
	n, over   uint32
}

// The counts of one minute of a client.
const (
	cRequests = iota
	cStatus   // and the next five, by class
	_
	_
	_
	_
	_
	cFailed
	cDelayed
	cRejected
	cBlocked
	cRefused // without access, or malformed
	clientCounts
)

// bounded copies a text that an exchange brought, when it is another one than
// before: its own may be part of a long message.
func bounded(was *string, text string) {
	if *was != text {
		*was = strings.Clone(text[:min(len(text), observe.MaxUserAgent)])
	}
}

func (c *client) observe(e *observe.Exchange, op *operation, minute int64) {
	c.last, c.minute = e.Time, minute
	c.addr = e.Client
	bounded(&c.user, e.User)
	bounded(&c.tier, e.Tier)
	bounded(&c.agent, e.UserAgent)
	bounded(&c.api, e.API)
	m := &c.minutes[uint64(minute)%clientMinutes] // #nosec G115 -- any slot will do for a time before 1970
	if m.minute != minute {
		*m = clientMinute{minute: minute}
	}
	m.counts[cRequests]++
	m.counts[cStatus+classOf(e.Status)]++
	m.out += uint64(max(e.ResponseBytes, 0)) // #nosec G115 -- not negative
	if e.Failed() {
		m.counts[cFailed]++
	}
	switch e.Verdict {
	case observe.Delayed:
		m.counts[cDelayed]++
		bounded(&c.policy, e.Policy)
		c.held = e.Time
	case observe.Rejected:
		m.counts[cRejected]++
		bounded(&c.policy, e.Policy)
		c.held = e.Time
	case observe.Blocked:
		m.counts[cBlocked]++
	case observe.Unauthorized, observe.Invalid:
		m.counts[cRefused]++
	}
	c.count(op)
}

// count is Space-Saving over the client's operations.
func (c *client) count(op *operation) {
	least := 0
	for i := range c.operations {
		o := &c.operations[i]
		if o.operation == op || o.operation == nil {
			o.operation = op
			o.n++
			return
		}
		if o.n < c.operations[least].n {
			least = i
		}
	}
	o := &c.operations[least]
	*o = clientOperation{op, o.n + 1, o.n}
}

// Client is what is known of one of the busiest clients.
type Client struct {
	Key     string     // who is counted, as observe.Exchange.ClientKey
	Address netip.Addr // the last one; may be invalid
	User    string     // token subject or name of the API key; ""
	Tier    string     // ""
	Agent   string     // the last User-Agent
	API     string     // the last one
	First   time.Time  // since when it is known
	Last    time.Time  // its last request

	Policy string    // the limit that delayed or rejected it last; ""
	Held   time.Time // when that was

	Requests     uint64
	Status       [6]uint64 // by class, 0: no answer
	Failed       uint64
	Delayed      uint64
	Rejected     uint64
	Blocked      uint64
	Unauthorized uint64 // or malformed
	BytesOut     uint64

	Operations []ClientOperation // since First, busiest first; only of ClientByKey
	Points     []ClientPoint     // by minute, oldest first; only of ClientByKey
}

// ClientOperation is one operation of a client.
type ClientOperation struct {
	API, Name string
	Requests  uint64 // at most
	AtLeast   uint64
}

// ClientPoint is one minute of a client.
type ClientPoint struct {
	At       time.Time
	Requests uint64
	Status   [6]uint64
	Failed   uint64
	Delayed  uint64
	Rejected uint64
	Blocked  uint64
}

// view is the client over the minutes from first to last. The caller holds the
// lock.
func (c *client) view(first, last int64) Client {
	v := Client{
		Key: c.key, Address: c.addr, User: c.user, Tier: c.tier, Agent: c.agent, API: c.api,
		First: c.first, Last: c.last, Policy: c.policy, Held: c.held,
	}
	for i := range c.minutes {
		m := &c.minutes[i]
		if m.minute < first || m.minute > last {
			continue
		}
		n := &m.counts
		v.Requests += uint64(n[cRequests])
		for class := range v.Status {
			v.Status[class] += uint64(n[cStatus+class])
		}
		v.Failed += uint64(n[cFailed])
		v.Delayed += uint64(n[cDelayed])
		v.Rejected += uint64(n[cRejected])
		v.Blocked += uint64(n[cBlocked])
		v.Unauthorized += uint64(n[cRefused])
		v.BytesOut += m.out
	}
	return v
}

// detail adds operations and points.
func (c *client) detail(first, last int64) Client {
	v := c.view(first, last)
	for _, o := range c.operations {
		if o.operation != nil {
			v.Operations = append(v.Operations, ClientOperation{o.operation.api, o.operation.name(), uint64(o.n), uint64(o.n - o.over)})
		}
	}
	slices.SortStableFunc(v.Operations, func(a, b ClientOperation) int { return int(b.Requests) - int(a.Requests) }) // #nosec G115 -- 32 bits
	for minute := first; minute <= last; minute++ {
		p := ClientPoint{At: time.Unix(minute*60, 0)}
		if m := &c.minutes[uint64(minute)%clientMinutes]; m.minute == minute { // #nosec G115 -- as in observe
			n := &m.counts
			p.Requests, p.Failed, p.Delayed, p.Rejected, p.Blocked = uint64(n[cRequests]), uint64(n[cFailed]), uint64(n[cDelayed]), uint64(n[cRejected]), uint64(n[cBlocked])
			for class := range p.Status {
				p.Status[class] = uint64(n[cStatus+class])
			}
		}
		v.Points = append(v.Points, p)
	}
	return v
}
