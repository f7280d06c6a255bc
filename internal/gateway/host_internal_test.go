package gateway

import "testing"

func TestHostsThatCouldBeTwo(t *testing.T) {
	for _, host := range []string{
		"", "a", "A.example.com", "a.example.com.", "a.example.com:8080", "a.example.com:", "10.0.0.1:80", "[::1]", "[2001:DB8::1]:443", "my_service", "xn--bcher-kva.example",
	} {
		if !readableHost(host) {
			t.Errorf("%q is refused", host)
		}
	}
	for _, host := range []string{
		"a:1:2", "u@a", "u:p@a", "a..", "a..b", ".a", "a/b", "a b", "a,b", "a%2e", "a:x", "a:123456", ":80", "::1", "[::1", "[]", "[g::1]", "[::1]x", "[::1]:x", "[::1%25eth0]", "b\u00fccher", "a\\b", "a?b", "a#b",
	} {
		if readableHost(host) {
			t.Errorf("%q comes in", host)
		}
	}
}
