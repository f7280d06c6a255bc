package clientip_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"lapwing.dev/lapwing/middleware/clientip"
)

func prefixes(t testing.TB, texts ...string) []netip.Prefix {
	t.Helper()
	list, err := clientip.ParsePrefixes(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheClientIsTheFirstThatNoProxyOfOursVouchesFor(t *testing.T) {
	const proxy = "10.0.0.1"
	for _, tt := range []struct {
		name   string
		remote string
		lines  []string
		want   string
	}{
		{"no header", "10.0.0.1", nil, "10.0.0.1"},
		{"one proxy", "10.0.0.1", []string{"203.0.113.7"}, "203.0.113.7"},
		{"the client forged entries in front", "10.0.0.1", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"the client forged a trusted chain", "10.0.0.1", []string{"1.2.3.4, 10.0.0.9, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", "10.0.0.1", []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"nobody trusts the peer", "198.51.100.9", []string{"203.0.113.7"}, "198.51.100.9"},
		{"lines are one list", "10.0.0.1", []string{"1.2.3.4", "203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"only proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"garbage ends the walk", "10.0.0.1", []string{"203.0.113.7, oops, 10.0.0.2"}, "10.0.0.2"},
		{"unknown ends the walk", "10.0.0.1", []string{"203.0.113.7, unknown"}, proxy},
		{"empty elements", "10.0.0.1", []string{"203.0.113.7, , ,"}, "203.0.113.7"},
		{"an empty line", "10.0.0.1", []string{"203.0.113.7", ""}, "203.0.113.7"},
		{"a port", "10.0.0.1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		{"IPv6", "10.0.0.1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets with a port", "10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv6 with a zone", "10.0.0.1", []string{"fe80::1%eth0"}, proxy},
		{"mapped IPv4 is IPv4", "::ffff:10.0.0.1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"a mapped proxy is that proxy", "10.0.0.1", []string{"203.0.113.7, ::ffff:10.0.0.2"}, "203.0.113.7"},
		{"leading zeros are no address", "10.0.0.1", []string{"010.0.0.1"}, proxy},
		{"a number is no address", "10.0.0.1", []string{"3405803783"}, proxy},
		{"a quote left open", "10.0.0.1", []string{`1.2.3.4", 203.0.113.7`}, "203.0.113.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := clientip.New(clientip.Options{Trusted: prefixes(t, "10.0.0.0/8")})
			h := http.Header{"X-Forwarded-For": tt.lines, "Forwarded": {"for=192.0.2.66"}}
			if got := r.Resolve(clientip.Peer(tt.remote+":80"), h); got.String() != tt.want && tt.remote[0] != ':' {
				t.Errorf("client %s, want %s", got, tt.want)
			}
			if got := r.Resolve(netip.MustParseAddr(tt.remote), h); got.String() != tt.want {
				t.Errorf("client %s, want %s", got, tt.want)
			}
		})
	}
}

func TestForwardedIsReadByItsRFC(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"one", []string{"for=203.0.113.7"}, "203.0.113.7"},
		{"names in any case", []string{"FOR=203.0.113.7;Proto=https"}, "203.0.113.7"},
		{"quoted IPv6 with a port", []string{`proto=https;for="[2001:db8:cafe::17]:4711";by=10.0.0.1`}, "2001:db8:cafe::17"},
		{"an obfuscated port", []string{`for="203.0.113.7:_p80"`}, "203.0.113.7"},
		{"a chain", []string{"for=1.2.3.4, for=203.0.113.7, for=10.0.0.2;by=10.0.0.1"}, "203.0.113.7"},
		{"obfuscated ends the walk", []string{"for=203.0.113.7, for=_hidden, for=10.0.0.2"}, "10.0.0.2"},
		{"unknown ends the walk", []string{"for=unknown"}, "10.0.0.1"},
		{"an element without for ends the walk", []string{"for=203.0.113.7, proto=https"}, "10.0.0.1"},
		{"for twice is garbage", []string{"for=203.0.113.7;for=203.0.113.8"}, "10.0.0.1"},
		{"a comma in quotes", []string{`for=203.0.113.7;host="a,b"`}, "203.0.113.7"},
		{"an escaped quote", []string{`for=203.0.113.7;host="a\",b"`}, "203.0.113.7"},
		{"a quote that the client left open", []string{`for="1.2.3.4, for=203.0.113.7`}, "203.0.113.7"},
		{"IPv4 in brackets", []string{`for="[203.0.113.7]"`}, "10.0.0.1"},
		{"spaces around", []string{"  for = 203.0.113.7 ; proto=http  "}, "203.0.113.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := clientip.New(clientip.Options{Trusted: prefixes(t, "10.0.0.0/8"), Header: clientip.Forwarded})
			h := http.Header{"Forwarded": tt.lines, "X-Forwarded-For": {"192.0.2.66"}}
			if got := r.Resolve(clientip.Peer("10.0.0.1:80"), h); got.String() != tt.want {
				t.Errorf("client %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAHeaderOfOneAddress(t *testing.T) {
	r := clientip.New(clientip.Options{Trusted: prefixes(t, "loopback"), Header: "Cf-Connecting-Ip"})
	h := http.Header{"Cf-Connecting-Ip": {"203.0.113.7"}, "X-Forwarded-For": {"1.2.3.4"}}
	for _, peer := range []string{"127.0.0.1:80", "[::1]:80"} {
		if got := r.Resolve(clientip.Peer(peer), h); got.String() != "203.0.113.7" {
			t.Errorf("%s: client %s", peer, got)
		}
	}
}

func TestAUnixSocketHasNoAddress(t *testing.T) {
	h := http.Header{"X-Forwarded-For": {"203.0.113.7"}}
	if got := clientip.New(clientip.Options{}).Resolve(clientip.Peer("@"), h); got.IsValid() {
		t.Errorf("client %s by a header that nobody vouches for", got)
	}
	if got := clientip.New(clientip.Options{TrustUnixSockets: true}).Resolve(clientip.Peer("@"), h); got.String() != "203.0.113.7" {
		t.Errorf("client %s", got)
	}
}

func TestNobodyIsTrustedWithoutARule(t *testing.T) {
	h := http.Header{"X-Forwarded-For": {"203.0.113.7"}}
	var none *clientip.Resolver
	for _, r := range []*clientip.Resolver{none, clientip.New(clientip.Options{})} {
		if got := r.Resolve(clientip.Peer("127.0.0.1:80"), h); got.String() != "127.0.0.1" {
			t.Errorf("client %s", got)
		}
	}
}

func TestTrustOfManyPrefixes(t *testing.T) {
	r := clientip.New(clientip.Options{Trusted: prefixes(t,
		"10.0.0.0/8", "10.1.0.0/16", "10.255.255.255", "192.0.2.0/25", "192.0.2.128/25", "2001:db8::/32", "::ffff:198.51.100.0/120", "private")})
	for addr, want := range map[string]bool{
		"9.255.255.255": false, "10.0.0.0": true, "10.1.2.3": true, "10.255.255.255": true, "11.0.0.0": false,
		"192.0.2.0": true, "192.0.2.255": true, "192.0.3.0": false, "2001:db8:ffff::1": true, "2001:db9::": false,
		"198.51.100.77": true, "::ffff:10.0.0.1": true, "172.31.255.255": true, "172.32.0.0": false, "fd00::1": true, "fe80::1": false, "::": false,
	} {
		if got := r.Trusts(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s trusted: %t, want %t", addr, got, want)
		}
	}
}

func TestPrefixesThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "10.0.0.0/33", "localhost", "10.0.0", "::1%lo", "10.0.0.1/"} {
		if list, err := clientip.ParsePrefixes(text); err == nil {
			t.Errorf("%q was read as %v", text, list)
		}
	}
}

func TestAbsurdListsEndSoon(t *testing.T) {
	r := clientip.New(clientip.Options{Trusted: prefixes(t, "10.0.0.0/8")})
	forged := strings.Repeat("10.0.0.2,", 100_000)
	if got := r.Resolve(clientip.Peer("10.0.0.1:80"), http.Header{"X-Forwarded-For": {forged}}); got.String() != "10.0.0.2" {
		t.Errorf("client %s", got)
	}
	for _, line := range []string{strings.Repeat(",", 1<<20), strings.Repeat(`"`, 1<<20), strings.Repeat("1", 1<<20), strings.Repeat(";", 1<<20)} {
		for _, header := range []string{clientip.XForwardedFor, clientip.Forwarded} {
			r := clientip.New(clientip.Options{Trusted: prefixes(t, "10.0.0.0/8"), Header: header})
			if got := r.Resolve(clientip.Peer("10.0.0.1:80"), http.Header{header: {line}}); got.String() != "10.0.0.1" {
				t.Errorf("client %s", got)
			}
		}
	}
}

func TestPeers(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "[fe80::1%eth0]:80": "fe80::1",
		"[::ffff:192.0.2.1]:80": "192.0.2.1", "192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1",
		"": "invalid IP", "@": "invalid IP", "/run/app.sock": "invalid IP", "[": "invalid IP", ":": "invalid IP", "[]:80": "invalid IP", "localhost:80": "invalid IP",
	} {
		if got := clientip.Peer(text).String(); got != want {
			t.Errorf("peer of %q is %s, want %s", text, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := clientip.Key(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("key of %s is %s, want %s", addr, got, want)
		}
	}
	if got := clientip.Key(netip.Addr{}); got.IsValid() {
		t.Errorf("key of no address is %s", got)
	}
	if got := clientip.KeyOf(netip.MustParseAddr("192.0.2.1"), 24, 56).String(); got != "192.0.2.0/24" {
		t.Errorf("key %s", got)
	}
	if got := clientip.KeyOf(netip.MustParseAddr("192.0.2.1"), 64, 64); got.IsValid() {
		t.Errorf("a length that IPv4 does not have gave %s", got)
	}
}

// hostile are header values as an attacker writes them.
func hostile() []string {
	return []string{"203.0.113.7, 10.0.0.2", `for="[2001:db8::1]:4711";proto=https, for=10.0.0.2`, "unknown, , _x", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8:9", strings.Repeat("10.0.0.1,", 99), `\",";=`}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, header := range []string{clientip.XForwardedFor, clientip.Forwarded} {
		r := clientip.New(clientip.Options{Trusted: prefixes(t, "private", "192.0.2.0/24"), Header: header})
		for _, line := range hostile()[:4] {
			h := http.Header{header: {line}}
			if n := testing.AllocsPerRun(100, func() { r.Resolve(clientip.Peer("10.0.0.1:4711"), h) }); n != 0 {
				t.Errorf("%s: %q: %v allocations", header, line, n)
			}
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, line := range hostile() {
		f.Add(line, "203.0.113.7")
	}
	proxies := prefixes(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, sent, client string) {
		addr, err := netip.ParseAddr(client)
		if err != nil || addr.Zone() != "" {
			return
		}
		addr = addr.Unmap()
		plain := clientip.New(clientip.Options{Trusted: proxies})
		rfc := clientip.New(clientip.Options{Trusted: proxies, Header: clientip.Forwarded})
		if plain.Trusts(addr) {
			return
		}
		peer := netip.MustParseAddr("10.0.0.1")
		// Whatever a client sends, the address that the proxy appends decides: in
		// the same line or in one of its own.
		node := addr.String()
		if addr.Is6() {
			node = `"[` + node + `]"`
		}
		for _, lines := range [][]string{{sent, addr.String()}, {sent + ", " + addr.String()}} {
			if got := plain.Resolve(peer, http.Header{clientip.XForwardedFor: lines}); got != addr {
				t.Errorf("%q: client %s, want %s", lines, got, addr)
			}
		}
		for _, lines := range [][]string{{sent, "for=" + node}, {sent + ", for=" + node}} {
			if got := rfc.Resolve(peer, http.Header{clientip.Forwarded: lines}); got != addr {
				t.Errorf("%q: client %s, want %s", lines, got, addr)
			}
		}
		if got := plain.Resolve(peer, http.Header{clientip.XForwardedFor: {sent}}); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q: client %s", sent, got)
		}
		clientip.Peer(sent)
	})
}

func BenchmarkResolve(b *testing.B) {
	for _, header := range []string{clientip.XForwardedFor, clientip.Forwarded} {
		r := clientip.New(clientip.Options{Trusted: prefixes(b, "private"), Header: header})
		value := "203.0.113.7, 10.0.0.2"
		if header == clientip.Forwarded {
			value = "for=203.0.113.7, for=10.0.0.2;proto=https"
		}
		h := http.Header{header: {value}}
		b.Run(header, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Resolve(clientip.Peer("10.0.0.1:4711"), h)
			}
		})
	}
}

func Example() {
	proxies, err := clientip.ParsePrefixes("10.0.0.0/8", "loopback")
	if err != nil {
		fmt.Println(err)
		return
	}
	resolver := clientip.New(clientip.Options{Trusted: proxies})

	r, _ := http.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:51034"                              // our proxy
	r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7") // the first one was invented by the client
	fmt.Println(resolver.Resolve(clientip.Peer(r.RemoteAddr), r.Header))
	// Output: 203.0.113.7
}

func ExampleKey() {
	fmt.Println(clientip.Key(netip.MustParseAddr("203.0.113.7")))
	fmt.Println(clientip.Key(netip.MustParseAddr("2001:db8:1:2:aaaa::1")))
	// Output:
	// 203.0.113.7/32
	// 2001:db8:1:2::/64
}
