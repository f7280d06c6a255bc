package access_test

import (
	"net/url"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/access"
)

func TestCheckListen(t *testing.T) {
	tests := []struct {
		addr       string
		credential bool
		want       string // in the error; "" for none
	}{
		{"127.0.0.1:7480", false, ""},
		{"127.9.9.9:0", false, ""},
		{"[::1]:7480", false, ""},
		{"localhost:7480", false, ""},
		{"0.0.0.0:7480", true, ""},
		{":7480", true, ""},
		{"0.0.0.0:7480", false, "lapwing admin set-password"},
		{":7480", false, "lapwing token create"},
		{"[::]:7480", false, "refusing to listen on [::]:7480"},
		{"192.0.2.1:7480", false, "refusing"},
		{"monitor.internal:7480", false, "refusing"},
		{"localhost.evil.example:7480", false, "refusing"},
		{"7480", true, "want host:port"},
		{"", false, "want host:port"},
	}
	for _, test := range tests {
		err := access.CheckListen(test.addr, test.credential)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("listen on %q, credential %v: error %v, want %q in it", test.addr, test.credential, err, test.want)
		}
	}
}

func TestNextPathStaysOnThisSite(t *testing.T) {
	tests := []struct{ next, want string }{
		{"/checks?state=down#x", "/checks?state=down#x"},
		{"/checks/orders-health", "/checks/orders-health"},
		{"/", "/"},
		{"", "/"},
		{"checks", "/"},
		{"//evil.example", "/"},
		{"///evil.example", "/"},
		{`/\evil.example`, "/"},
		{`\/evil.example`, "/"},
		{"/\t/evil.example", "/"},
		{"/\n/evil.example", "/"},
		{"/%2f/evil.example", "/"},
		{"https://evil.example/", "/"},
		{"javascript:alert(1)", "/"},
		{"/%zz", "/"},
		{"/login", "/"},
		{"/logout?x", "/"},
		{"/" + strings.Repeat("a", 3000), "/"},
	}
	for _, test := range tests {
		if got := access.NextPath(test.next); got != test.want {
			t.Errorf("NextPath(%q) = %q, want %q", test.next, got, test.want)
		}
	}
}

func FuzzNextPath(f *testing.F) {
	for _, seed := range []string{"/checks?x=1", "//evil", `/\evil`, "/\t/evil", "/%2f%2fevil", "http:/evil", "/..//evil", "/.//evil"} {
		f.Add(seed)
	}
	base, err := url.Parse("http://127.0.0.1:7480/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := access.NextPath(next)
		// Browsers read a backslash as a slash and drop control characters.
		seen := strings.Map(func(r rune) rune {
			switch {
			case r == '\\':
				return '/'
			case r < ' ':
				return -1
			}
			return r
		}, got)
		target, err := base.Parse(seen)
		if err != nil || target.Host != base.Host || target.Scheme != "http" {
			t.Errorf("%q leads to %q: %v, %v", next, got, target, err)
		}
	})
}
