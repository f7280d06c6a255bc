package traffic

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// clients finds the busiest clients of all that there are, in memory that does
// not grow with their number: Space-Saving (Metwally, Agrawal, El Abbadi 2005)
// in shards. A client that is not known takes the place of the one with the
// least weight, and inherits that weight: whoever sends more than 1/places of
// the requests has a place, whatever else comes, a million of addresses with one
// request each included. Weights fade, so that who was busy yesterday makes room.
type clients struct {
	seed   maphash.Seed
	shards [clientShards]clientShard
	minute atomic.Int64 // of Unix time, by our clock: that of a middleware may be wrong
}

const clientShards = 16

type clientShard struct {
	mu      sync.Mutex // held for some 100 ns
	most    int
	byKey   map[string]*client
	all     []*client
	weights []float64 // of the client at the same place
	faded   int64     // minute up to which weights have faded
}

// fade is how much of a weight is left after a minute: half after ten.
var fade = math.Exp2(-1. / 10)

func newClients(most int, now time.Time) *clients {
	cs := &clients{seed: maphash.MakeSeed()}
	cs.minute.Store(now.Unix() / 60)
	for i := range cs.shards {
		s := &cs.shards[i]
		s.most, s.faded = max(most/clientShards, 1), now.Unix()/60
		s.byKey = make(map[string]*client)
	}
	return cs
}

// observe counts a request of a client that can be told from others.
func (cs *clients) observe(e *observe.Exchange, op *operation) {
	if e.ClientKey == "" || len(e.ClientKey) > maxName {
		return
	}
	s := cs.shard(e.ClientKey)
	minute := cs.minute.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place(e.ClientKey, minute, e.Time).observe(e, op, minute)
}

func (cs *clients) shard(key string) *clientShard {
	return &cs.shards[maphash.String(cs.seed, key)%clientShards]
}

// place returns the client with the key, who has one more request now.
func (s *clientShard) place(key string, minute int64, at time.Time) *client {
	if s.faded < minute {
		left := math.Pow(fade, float64(minute-s.faded))
		for i := range s.weights {
			s.weights[i] *= left
		}
		s.faded = minute
	}
	if c := s.byKey[key]; c != nil {
		s.weights[c.at]++
		return c
	}
	key = strings.Clone(key)
	if len(s.all) < s.most {
		c := &client{key: key, at: len(s.all), first: at}
		s.all, s.weights, s.byKey[key] = append(s.all, c), append(s.weights, 1), c
		return c
	}
	least := 0
	for i, w := range s.weights {
		if w < s.weights[least] {
			least = i
		}
	}
	c := s.all[least]
	delete(s.byKey, c.key)
	*c = client{key: key, at: least, first: at}
	s.byKey[key] = c
	s.weights[least]++
	return c
}

// ClientWindow is the longest time that clients are known over.
const ClientWindow = (clientMinutes - 1) * time.Minute

// window is the minutes that end with the present one. The present one counts as
// whole.
func (cs *clients) window(over time.Duration) (first, last int64) {
	last = cs.minute.Load()
	minutes := min(max(int64(over/time.Minute), 1), clientMinutes-1)
	return last - minutes + 1, last
}

// Clients returns the clients with requests in the time up to now, busiest
// first, at most most of them. A client that had to find a place first is counted
// from then on.
func (m *Manager) Clients(over time.Duration, most int) []Client {
	first, last := m.clients.window(over)
	var out []Client
	for i := range m.clients.shards {
		s := &m.clients.shards[i]
		s.mu.Lock()
		for _, c := range s.all {
			if c.minute >= first { // most are idle
				if v := c.view(first, last); v.Requests > 0 {
					out = append(out, v)
				}
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b Client) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Key, b.Key))
	})
	return out[:min(len(out), most)]
}

// ClientByKey returns one client over the time up to now, with its operations
// and its minutes; false when it is not among the busiest.
func (m *Manager) ClientByKey(key string, over time.Duration) (Client, bool) {
	first, last := m.clients.window(over)
	s := m.clients.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byKey[key]
	if c == nil {
		return Client{}, false
	}
	return c.detail(first, last), true
}
