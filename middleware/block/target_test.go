package block

import (
	"net/netip"
	"testing"
)

func TestTargets(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"203.0.113.7", "203.0.113.7"},
		{" 203.0.113.7 ", "203.0.113.7"},
		{"203.0.113.7/32", "203.0.113.7"},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"2001:DB8::/64", "2001:db8::/64"},
		{"::ffff:203.0.113.7", "203.0.113.7"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"key:mobile-app", "key:mobile-app"},
		{"sub:auth0|4711", "sub:auth0|4711"},
	} {
		got, err := ParseTarget(test.text)
		if err != nil || got.String() != test.want {
			t.Errorf("%q: got %q, %v; want %q", test.text, got, err, test.want)
		}
		if again, err := ParseTarget(got.String()); err != nil || again != got {
			t.Errorf("%q is not read back: %v, %v", got, again, err)
		}
	}
	for _, text := range []string{"", "example.com", "10.0.0.1/8", "0.0.0.0/0", "::/0", "fe80::1%eth0", "key:", "sub:a\nb", "10.0.0.0/33", "300.1.1.1", "key"} {
		if got, err := ParseTarget(text); err == nil || !got.IsZero() {
			t.Errorf("%q is taken as %q", text, got)
		}
	}
}

func TestHitsAndOverlaps(t *testing.T) {
	network, inside, key := target(t, "10.0.0.0/8"), target(t, "10.1.2.3"), target(t, "key:a")
	if !network.Hits(netip.MustParseAddr("::ffff:10.9.9.9"), "") || network.Hits(netip.MustParseAddr("11.0.0.1"), "") || !key.Hits(netip.Addr{}, "key:a") {
		t.Error("hits are wrong")
	}
	if !network.Overlaps(inside) || !inside.Overlaps(network) || inside.Overlaps(key) || !key.Overlaps(key) {
		t.Error("overlaps are wrong")
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"203.0.113.7", "10.0.0.0/8", "2001:db8::/64", "key:mobile-app", "sub:4711", "::ffff:1.2.3.4/97"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTarget(text)
		if err != nil {
			return
		}
		if again, err := ParseTarget(got.String()); err != nil || again != got {
			t.Errorf("%q became %q, which is not read back: %v", text, got, err)
		}
	})
}
