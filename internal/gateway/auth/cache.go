package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// cache remembers tokens whose signature was verified, by their hash: tokens
// themselves are not kept. It holds a fixed number of them, and only ones that
// were good, so nobody fills it who has none. Reading it takes no lock.
type cache struct {
	sets [cacheSets][cacheWays]atomic.Pointer[good]
}

const (
	cacheSets = 1024
	cacheWays = 4
)

// good is a token that was good.
type good struct {
	sum   [sha256.Size]byte
	keys  *keySet   // that it was verified with: a key that is withdrawn takes its tokens along
	until time.Time // it expires, leeway included
	who   identified
}

func (c *cache) set(sum *[sha256.Size]byte) *[cacheWays]atomic.Pointer[good] {
	return &c.sets[binary.LittleEndian.Uint64(sum[:8])%cacheSets]
}

func (c *cache) get(sum *[sha256.Size]byte, keys *keySet, now time.Time) (identified, bool) {
	set := c.set(sum)
	for i := range set {
		if g := set[i].Load(); g != nil && g.sum == *sum {
			return g.who, g.keys == keys && now.Before(g.until)
		}
	}
	return identified{}, false
}

// put remembers a token: in place of itself, of none, of one that is not good
// anymore, or else of any.
func (c *cache) put(sum *[sha256.Size]byte, keys *keySet, until, now time.Time, who identified) {
	set := c.set(sum)
	place := &set[sum[8]%cacheWays]
	for i := range set {
		g := set[i].Load()
		if g == nil || g.keys != keys || !now.Before(g.until) {
			place = &set[i]
		} else if g.sum == *sum {
			place = &set[i]
			break
		}
	}
	place.Store(&good{sum: *sum, keys: keys, until: until, who: who})
}
