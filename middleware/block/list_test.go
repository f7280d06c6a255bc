package block

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func target(t testing.TB, text string) Target {
	t.Helper()
	parsed, err := ParseTarget(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func entry(t testing.TB, text, reason string) Entry {
	t.Helper()
	return Entry{Target: target(t, text), Reason: reason}
}

func TestWhoIsBlocked(t *testing.T) {
	ended := entry(t, "198.51.100.9", "ended")
	ended.Expires = noon
	later := entry(t, "198.51.100.10", "for another minute")
	later.Expires = noon.Add(time.Minute)
	quiet := entry(t, "192.0.2.1", "shadow")
	quiet.Shadow = true
	l := Build([]Entry{
		entry(t, "203.0.113.7", "one address"),
		entry(t, "198.18.0.0/15", "a network"),
		entry(t, "2001:db8:1:2::/64", "an IPv6 network"),
		entry(t, "2001:db8::1", "an IPv6 address"),
		entry(t, "10.0.0.0/8", "inside and out"),
		entry(t, "key:mobile-app", "a key"),
		entry(t, "sub:4711", "a subject"),
		entry(t, "198.51.100.0/24", "around one that ended"),
		quiet, entry(t, "192.0.2.0/24", "enforced around a shadow"),
		ended, later,
	}, []Target{target(t, "10.1.0.0/16"), target(t, "127.0.0.0/8"), target(t, "sub:admin")})
	for _, test := range []struct{ name, addr, key, want string }{
		{"the address itself", "203.0.113.7", "", "one address"},
		{"its neighbour", "203.0.113.8", "", ""},
		{"the first of a network", "198.18.0.0", "", "a network"},
		{"the last of a network", "198.19.255.255", "", "a network"},
		{"behind a network", "198.20.0.0", "", ""},
		{"in an IPv6 network", "2001:db8:1:2:ffff::1", "", "an IPv6 network"},
		{"beside an IPv6 network", "2001:db8:1:3::1", "", ""},
		{"an IPv6 address", "2001:db8::1", "", "an IPv6 address"},
		{"IPv4 in the form of IPv6", "::ffff:203.0.113.7", "", "one address"},
		{"an exception inside a network", "10.1.2.3", "", ""},
		{"beside the exception", "10.2.2.3", "", "inside and out"},
		{"a key from anywhere", "8.8.8.8", "key:mobile-app", "a key"},
		{"a subject without an address", "", "sub:4711", "a subject"},
		{"a key of a blocked network that may always come in", "10.2.2.3", "sub:admin", ""},
		{"an address whose block has ended, in a network that is blocked", "198.51.100.9", "", "around one that ended"},
		{"a longer match first", "198.51.100.10", "", "for another minute"},
		{"enforced before shadow", "192.0.2.1", "", "enforced around a shadow"},
		{"nobody", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, _ := netip.ParseAddr(test.addr)
			got, hit := l.Match(addr, test.key, noon)
			if got.Reason != test.want || hit != (test.want != "") {
				t.Errorf("got %q (%v), want %q", got.Reason, hit, test.want)
			}
		})
	}
}

func TestNoListBlocksNobody(t *testing.T) {
	var l *List
	if _, hit := l.Match(netip.MustParseAddr("203.0.113.7"), "key:x", noon); hit || l.Len() != 0 || l.Allowed(netip.Addr{}, "") {
		t.Error("a nil list blocks")
	}
	if _, hit := Build(nil, nil).Match(netip.MustParseAddr("203.0.113.7"), "key:x", noon); hit {
		t.Error("an empty list blocks")
	}
}

// TestEveryLengthMatchesAsNetipSays holds the index to the standard library.
func TestEveryLengthMatchesAsNetipSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var entries []Entry
	for range 2000 {
		addr := randomAddr(random, random.IntN(2) == 0)
		prefix, err := addr.Prefix(1 + random.IntN(addr.BitLen()))
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > 0 && random.IntN(4) == 0 {
			// A piece of one that is there already.
			other := entries[random.IntN(len(entries))].Target.Prefix
			prefix, _ = other.Addr().Prefix(other.Bits() + random.IntN(other.Addr().BitLen()-other.Bits()+1))
		}
		entries = append(entries, Entry{Target: Target{Prefix: prefix}})
	}
	l := Build(entries[len(entries)-200:], nil) // few enough that most addresses are free
	for range 20_000 {
		addr := randomAddr(random, random.IntN(2) == 0)
		if random.IntN(2) == 0 {
			addr = l.entries[random.IntN(l.Len())].Target.Prefix.Addr()
		}
		want := false
		for _, e := range l.entries {
			want = want || e.Target.Prefix.Contains(addr)
		}
		if _, hit := l.Match(addr, "", noon); hit != want {
			t.Fatalf("%s: hit %v, want %v", addr, hit, want)
		}
	}
}

func randomAddr(random *rand.Rand, v4 bool) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], random.Uint64())
	binary.BigEndian.PutUint64(b[8:], random.Uint64())
	if v4 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}

func TestMatchingAllocatesNothing(t *testing.T) {
	l := Build(manyEntries(1000), []Target{target(t, "127.0.0.0/8")})
	blocked, free := l.entries[17].Target.Prefix.Addr(), netip.MustParseAddr("127.0.0.1")
	if n := testing.AllocsPerRun(100, func() {
		l.Match(blocked, "key:mobile-app", noon)
		l.Match(free, "", noon)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// manyEntries are what block lists look like: mostly addresses, some networks
// of both families, some keys.
func manyEntries(n int) []Entry {
	random := rand.New(rand.NewPCG(7, 7))
	entries := make([]Entry, 0, n)
	for i := range n {
		var p netip.Prefix
		switch i % 10 {
		case 0:
			p, _ = randomAddr(random, true).Prefix(24)
		case 1, 2:
			p, _ = randomAddr(random, false).Prefix(64)
		case 3:
			p, _ = randomAddr(random, false).Prefix(128)
		default:
			p, _ = randomAddr(random, true).Prefix(32)
		}
		entries = append(entries, Entry{Target: Target{Prefix: p}})
	}
	return entries
}

func BenchmarkMatch(b *testing.B) {
	l := Build(manyEntries(100_000), []Target{target(b, "127.0.0.0/8")})
	random := rand.New(rand.NewPCG(3, 3))
	for _, bench := range []struct {
		name string
		addr func() netip.Addr
	}{
		{"free IPv4 address", func() netip.Addr { return randomAddr(random, true) }},
		{"free IPv6 address", func() netip.Addr { return randomAddr(random, false) }},
		{"blocked", func() netip.Addr { return l.entries[random.IntN(l.Len())].Target.Prefix.Addr() }},
	} {
		addrs := make([]netip.Addr, 4096)
		for i := range addrs {
			addrs[i] = bench.addr()
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l.Match(addrs[i%len(addrs)], "key:mobile-app", noon)
				i++
			}
		})
	}
}
