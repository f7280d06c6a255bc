package blocks

import (
	"math"
	"math/bits"
)

// windowParts is in how many parts a window is counted; the oldest goes when a
// new one begins.
const windowParts = 6

// record is what one client did under one rule, in parts of the window.
type record struct {
	who    uint64 // hash of the suspect, odd; 0: nobody
	length int64  // of a part, in nanoseconds
	newest int64  // number of the newest part
	told   int64  // part in which the client was noticed; 0: never
	counts [windowParts]uint32
	paths  [windowParts]pathSet
}

// pathSet says which of 256 hashes of paths occurred.
type pathSet [4]uint64

// add counts an answer in its part, once the parts that have gone by are empty.
func (c *record) add(part, newest int64, hash uint64) {
	if c.newest-newest >= windowParts { // the clock was put back
		*c = record{who: c.who, length: c.length, newest: newest}
	}
	for p := max(c.newest+1, newest-windowParts+1); p <= newest; p++ {
		c.counts[p%windowParts], c.paths[p%windowParts] = 0, pathSet{}
	}
	c.newest = max(c.newest, newest)
	if c.newest-part >= windowParts {
		return
	}
	c.counts[part%windowParts]++
	c.paths[part%windowParts][hash>>6&3] |= 1 << (hash & 63)
}

// count is how many answers there were in the window.
func (c *record) count() (n int) {
	for _, part := range c.counts {
		n += int(part)
	}
	return n
}

// over reports whether all of it is behind the window, at a time in nanoseconds.
func (c *record) over(now int64) bool { return now/c.length-c.newest >= windowParts }

// worth is what would be lost with the record.
func (c *record) worth(now int64) int {
	if c.who == 0 {
		return -1
	}
	if c.over(now) {
		return 0
	}
	return c.count()
}

// differentPaths estimates how many paths the answers were about, by linear
// counting (Whang, Vander-Zanden and Taylor 1990).
func (c *record) differentPaths() int {
	var union pathSet
	for i := range c.paths {
		for w := range union {
			union[w] |= c.paths[i][w]
		}
	}
	set := 0
	for _, w := range union {
		set += bits.OnesCount64(w)
	}
	const size = 256
	return int(math.Round(-size * math.Log(float64(size-min(set, size-1))/size)))
}
