package limit

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestParseKeyPart(t *testing.T) {
	for text, want := range map[string]KeyPart{
		"client.address":       ClientAddress(),
		"client.address/24/56": ClientAddress().Prefix(24, 56),
		"client.address/24":    ClientAddress().Prefix(24, 64),
		"client.address/32/64": ClientAddress(),
		"header.X-Api-Key":     Header("X-Api-Key"),
		"header.x-api-key":     Header("X-Api-Key"),
		"cookie.sid":           Cookie("sid"),
		"token.sub":            TokenClaim("sub"),
		"token.https://a.b/c":  TokenClaim("https://a.b/c"),
		"api_key":              APIKeyName(),
		"operation":            OperationKey(),
		"method":               MethodKey(),
		"api":                  APIKey(),
	} {
		got, err := ParseKeyPart(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
		if again, err := ParseKeyPart(got.String()); err != nil || again != got {
			t.Errorf("%q became %q, which is %v, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"":                                  "use client.address",
		"clinet.address":                    "use client.address",
		"header":                            "a name is missing",
		"header.":                           "a name is missing",
		"header.a b":                        "cannot be in the name",
		"header.a\r\nb":                     "cannot be in the name",
		"cookie.a=b":                        "cannot be in the name",
		"client.address/33":                 "from 0 to 32",
		"client.address/24/":                "from 0 to 128",
		"client.address/-1/64":              "from 0 to 32",
		"token." + strings.Repeat("a", 300): "longer than 256",
	} {
		if _, err := ParseKeyPart(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something with %q", text, err, want)
		}
	}
}

func FuzzParseKeyPart(f *testing.F) {
	for _, text := range []string{"client.address", "client.address/24/56", "header.X-Api-Key", "cookie.sid", "token.sub", "api_key", "operation", "method", "api", "header.", "."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKeyPart(text)
		if err != nil {
			return
		}
		if err := k.Validate(); err != nil {
			t.Errorf("%q was read and is not valid: %v", text, err)
		}
		if again, err := ParseKeyPart(k.String()); err != nil || again != k {
			t.Errorf("%q became %q, which is %v, %v", text, k, again, err)
		}
	})
}

// claims are a Values of a token.
type claims map[string]string

func (c claims) Get(name string) string { return c[name] }

func TestWhoIsCountedTogether(t *testing.T) {
	address := func(text string) *Request { return &Request{Client: netip.MustParseAddr(text)} }
	header := func(value, client string) *Request {
		q := address(client)
		q.Headers = http.Header{"X-Api-Key": {value}}
		return q
	}
	for _, c := range []struct {
		name string
		key  string
		a, b *Request
		same bool
	}{
		{"one address", "client.address", address("203.0.113.7"), address("203.0.113.7"), true},
		{"two addresses", "client.address", address("203.0.113.7"), address("203.0.113.8"), false},
		{"an address and the same in IPv6", "client.address", address("203.0.113.7"), address("::ffff:203.0.113.7"), true},
		{"a network of IPv6", "client.address", address("2001:db8::1"), address("2001:db8::ffff:1"), true},
		{"two networks of IPv6", "client.address", address("2001:db8::1"), address("2001:db8:0:1::1"), false},
		{"a wider network of IPv6", "client.address/32/48", address("2001:db8::1"), address("2001:db8:0:1::1"), true},
		{"single addresses of IPv6", "client.address/32/128", address("2001:db8::1"), address("2001:db8::2"), false},
		{"a network of IPv4", "client.address/24", address("203.0.113.7"), address("203.0.113.8"), true},
		{"nobody known", "client.address", &Request{}, &Request{}, true},
		{"nobody known and the unspecified address", "client.address", &Request{}, address("::"), false},
		{"one header", "header.X-Api-Key", header("k", "192.0.2.1"), header("k", "192.0.2.2"), true},
		{"two headers", "header.X-Api-Key", header("k", "192.0.2.1"), header("l", "192.0.2.1"), false},
		{"no header: by address", "header.X-Api-Key", address("192.0.2.1"), address("192.0.2.2"), false},
		{"no header, one address", "header.X-Api-Key", address("192.0.2.1"), header("", "192.0.2.1"), true},
		{"a header that is written as an address", "header.X-Api-Key", address("192.0.2.1"), header("192.0.2.1", "192.0.2.9"), false},
		{"no token", "token.sub", &Request{Token: claims{}}, &Request{}, true},
		{"a claim", "token.sub", &Request{Token: claims{"sub": "1"}}, &Request{Token: claims{"sub": "2"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			part, err := ParseKeyPart(c.key)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range [][16]byte{{}, {1}} {
				h := newHasher(secret)
				a, b := h.identify(1, []KeyPart{part}, c.a), h.identify(1, []KeyPart{part}, c.b)
				if (a == b) != c.same {
					t.Errorf("the same: %v, want %v", a == b, c.same)
				}
			}
		})
	}
}

func TestPartsOfAKeyDoNotRunIntoEachOther(t *testing.T) {
	h := newHasher([16]byte{})
	parts := []KeyPart{TokenClaim("a"), TokenClaim("b")}
	one := h.identify(1, parts, &Request{Token: claims{"a": "xy", "b": "z"}})
	for _, other := range []claims{{"a": "x", "b": "yz"}, {"a": "z", "b": "xy"}} {
		if h.identify(1, parts, &Request{Token: other}) == one {
			t.Errorf("%v is counted as another", other)
		}
	}
	if h.identify(2, parts, &Request{Token: claims{"a": "xy", "b": "z"}}) == one {
		t.Error("two policies count one key")
	}
}

func TestOneSecretMakesOneHash(t *testing.T) {
	q := &Request{Client: netip.MustParseAddr("203.0.113.7"), APIKey: "mobile-app"}
	parts := []KeyPart{ClientAddress(), APIKeyName()}
	a, b, c := newHasher([16]byte{7}), newHasher([16]byte{7}), newHasher([16]byte{8})
	if a.identify(1, parts, q) != b.identify(1, parts, q) {
		t.Error("two limiters of one secret count apart")
	}
	if a.identify(1, parts, q) == c.identify(1, parts, q) {
		t.Error("the secret makes no difference")
	}
}

// The vectors are the first of SipHash-1-3 as the reference implementation and
// the standard library of Rust have them: key 00 01 … 0f, input 00 01 … n-1.
func TestSipHash(t *testing.T) {
	const k0, k1 = 0x0706050403020100, 0x0f0e0d0c0b0a0908
	var in []byte
	for n, want := range []uint64{
		0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
		0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
		0x369095118d299a8e,
	} {
		if got := sipHash(k0, k1, in); got != want {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
		in = append(in, byte(n))
	}
}

func TestALabelShowsNoCredential(t *testing.T) {
	h := newHasher([16]byte{1})
	q := &Request{
		Client: netip.MustParseAddr("2001:db8::7"), APIKey: "mobile-app", Operation: "GET /orders/{id}",
		Headers: http.Header{"Authorization": {"Bearer hunter2"}}, Cookies: claims{"sid": "hunter2"}, Token: claims{"sub": "4711"},
	}
	for text, want := range map[string]string{
		"client.address": "2001:db8::/64",
		"api_key":        "key:mobile-app",
		"token.sub":      "sub:4711",
		"token.none":     "2001:db8::/64",
		"operation":      "GET /orders/{id}",
	} {
		part, err := ParseKeyPart(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(h.appendLabel(nil, []KeyPart{part}, q)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	for _, part := range []KeyPart{Header("Authorization"), Cookie("sid")} {
		got := string(h.appendLabel(nil, []KeyPart{part}, q))
		if strings.Contains(got, "hunter2") || !strings.HasPrefix(got, part.name+"#") {
			t.Errorf("%v is %q", part, got)
		}
	}
	long := &Request{Token: claims{"sub": strings.Repeat("x", 1000)}}
	if got := h.appendLabel(make([]byte, 0, maxLabel), []KeyPart{TokenClaim("sub")}, long); len(got) != maxLabel {
		t.Errorf("a label of %d bytes", len(got))
	}
}
