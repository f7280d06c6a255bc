package block

import (
	"net/netip"
	"slices"
	"time"
)

// List is a set of blocks that does not change: a new one is built and put in
// its place. All methods are safe for concurrent use and do not allocate. The
// zero List and a nil one block nobody.
type List struct {
	entries []Entry
	blocked index
	allowed index
	keys    map[string][]int32 // of entries
	free    map[string]bool    // keys that no block may hit
}

// Build makes a list of entries, and of whom no entry may hit. It keeps neither
// slice. Of several entries for one target all are kept: the first that is in
// force counts, one that is enforced before one in shadow.
func Build(entries []Entry, allow []Target) *List {
	l := &List{entries: slices.Clone(entries), keys: map[string][]int32{}, free: map[string]bool{}}
	prefixes := make([]netip.Prefix, len(entries))
	for i := range l.entries {
		target := l.entries[i].Target
		prefixes[i] = target.Prefix
		if target.Key != "" {
			l.keys[target.Key] = append(l.keys[target.Key], int32(i))
		}
	}
	l.blocked = newIndex(prefixes)
	exceptions := make([]netip.Prefix, 0, len(allow))
	for _, target := range allow {
		if target.Key != "" {
			l.free[target.Key] = true
		}
		exceptions = append(exceptions, target.Prefix)
	}
	l.allowed = newIndex(exceptions)
	return l
}

// Match returns the entry that hits a client at a time: by its address, or by
// its key ("" when nobody knows it). An entry in shadow is returned only when
// none is enforced.
func (l *List) Match(addr netip.Addr, key string, now time.Time) (Entry, bool) {
	if l == nil || len(l.entries) == 0 {
		return Entry{}, false
	}
	addr = addr.Unmap()
	best := l.blocked.find(addr, func(i int32) rank { return l.rank(i, now) })
	if key != "" && best.rank < enforced {
		for _, i := range l.keys[key] {
			if r := l.rank(i, now); r > best.rank {
				best = found{i, r}
			}
		}
	}
	if best.rank == none || l.Allowed(addr, key) {
		return Entry{}, false
	}
	return l.entries[best.entry], true
}

// Allowed reports whether no block may hit the client.
func (l *List) Allowed(addr netip.Addr, key string) bool {
	if l == nil {
		return false
	}
	if key != "" && l.free[key] {
		return true
	}
	return l.allowed.find(addr.Unmap(), func(int32) rank { return enforced }).rank == enforced
}

// Len is how many entries there are, those that have ended included.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.entries)
}

// rank says how much an entry means.
type rank uint8

const (
	none     rank = iota // it has ended
	shadow               // it is counted only
	enforced             // it refuses
)

func (l *List) rank(i int32, now time.Time) rank {
	e := &l.entries[i]
	switch {
	case e.Expired(now):
		return none
	case e.Shadow:
		return shadow
	}
	return enforced
}
