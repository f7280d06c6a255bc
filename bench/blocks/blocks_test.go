// Package blocks measures how long it takes to find out whether a client is
// blocked, beside github.com/gaissmai/bart, a trie of prefixes:
//
//	go test -bench . -count 6 ./bench/blocks
//
// Both hold the same 100,000 addresses and networks and are asked the same. The
// list does more: it knows keys, ends blocks at their time, tells enforced from
// shadow, and asks the list of those whom no block may hit.
package blocks

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gaissmai/bart"

	"lapwing.dev/lapwing/middleware/block"
)

const many = 100_000

func randomAddr(random *rand.Rand, v4 bool) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], random.Uint64())
	binary.BigEndian.PutUint64(b[8:], random.Uint64())
	if v4 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	b[0] = 0x20 // what is given out
	return netip.AddrFrom16(b)
}

// prefixes are what block lists look like: mostly addresses, some networks of
// both families.
func prefixes(n int) []netip.Prefix {
	random := rand.New(rand.NewPCG(7, 7))
	list := make([]netip.Prefix, 0, n)
	for i := range n {
		var p netip.Prefix
		switch i % 10 {
		case 0:
			p, _ = randomAddr(random, true).Prefix(24) //nolint:errcheck // the length fits
		case 1, 2:
			p, _ = randomAddr(random, false).Prefix(64) //nolint:errcheck // the length fits
		case 3:
			p, _ = randomAddr(random, false).Prefix(128) //nolint:errcheck // the length fits
		default:
			p, _ = randomAddr(random, true).Prefix(32) //nolint:errcheck // the length fits
		}
		list = append(list, p)
	}
	return list
}

// lapwing is the list; half of its blocks end some day.
func lapwing(list []netip.Prefix, now time.Time) *block.List {
	entries := make([]block.Entry, len(list))
	for i, p := range list {
		entries[i] = block.Entry{Target: block.Target{Prefix: p}}
		if i%2 == 0 {
			entries[i].Expires = now.Add(time.Hour)
		}
	}
	return block.Build(entries, []block.Target{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("10.0.0.0/8")}})
}

// peer is the trie. What is found leads to an entry, as there.
func peer(list []netip.Prefix) *bart.Table[int32] {
	var t bart.Table[int32]
	for i, p := range list {
		t.Insert(p, int32(i))
	}
	return &t
}

func BenchmarkBlocked(b *testing.B) {
	list, now := prefixes(many), time.Now()
	ours, theirs := lapwing(list, now), peer(list)
	random := rand.New(rand.NewPCG(3, 3))
	for _, bench := range []struct {
		name string
		addr func() netip.Addr
	}{
		{"free IPv4 address", func() netip.Addr { return randomAddr(random, true) }},
		{"free IPv6 address", func() netip.Addr { return randomAddr(random, false) }},
		{"one blocked client", func() netip.Addr { return list[17].Addr() }},
		{"4096 blocked clients", func() netip.Addr { return list[random.IntN(len(list))].Addr() }},
	} {
		addrs := make([]netip.Addr, 4096)
		for i := range addrs {
			addrs[i] = bench.addr()
		}
		b.Run(bench.name+"/lapwing", func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ours.Match(addrs[i%len(addrs)], "", now)
				i++
			}
		})
		b.Run(bench.name+"/bart", func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				theirs.Lookup(addrs[i%len(addrs)])
				i++
			}
		})
	}
}

// BenchmarkBuild is how long a change takes to be in force.
func BenchmarkBuild(b *testing.B) {
	list, now := prefixes(many), time.Now()
	b.Run("lapwing", func(b *testing.B) {
		for b.Loop() {
			lapwing(list, now)
		}
		b.ReportMetric(float64(heap(func() any { return lapwing(list, now) }))/many, "B/entry")
	})
	b.Run("bart", func(b *testing.B) {
		for b.Loop() {
			peer(list)
		}
		b.ReportMetric(float64(heap(func() any { return peer(list) }))/many, "B/entry")
	})
}

// heap is what something takes, in bytes.
func heap(build func() any) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	built := build()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(built)
	return after.HeapAlloc - before.HeapAlloc
}

// TestBothSayTheSame: a comparison of different answers would be none.
func TestBothSayTheSame(t *testing.T) {
	list, now := prefixes(many), time.Now()
	ours, theirs := lapwing(list, now), peer(list)
	random := rand.New(rand.NewPCG(5, 5))
	for i := range 100_000 {
		addr := randomAddr(random, i%2 == 0)
		if i%4 == 0 {
			addr = list[random.IntN(len(list))].Addr()
		}
		if addr.Is4() && (addr.As4()[0] == 127 || addr.As4()[0] == 10) {
			continue // never blocked here
		}
		_, ourHit := ours.Match(addr, "", now)
		_, theirHit := theirs.Lookup(addr)
		if ourHit != theirHit {
			t.Fatalf("%s: %v, and %v", addr, ourHit, theirHit)
		}
	}
}
