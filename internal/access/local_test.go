package access_test

import (
	"errors"
	"net/http"
	"testing"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/fault"
)

func TestWithoutAPasswordOnlyThisMachineComesIn(t *testing.T) {
	tests := []struct {
		name    string
		peer    string
		host    string
		headers map[string]string // and the protocol, as ":proto"
		want    string            // code of the refusal, "" when let in
	}{
		{"a program on this machine", "127.0.0.1:5", "127.0.0.1:7480", nil, ""},
		{"by name", "127.0.0.1:5", "localhost:7480", nil, ""},
		{"by name without a port", "127.0.0.1:5", "localhost", nil, ""},
		{"by a name below localhost", "127.0.0.1:5", "lapwing.localhost:7480", nil, ""},
		{"by IPv6", "[::1]:5", "[::1]:7480", nil, ""},
		{"by IPv6 without a port", "[::1]:5", "[::1]", nil, ""},
		{"by an IPv4 address in IPv6", "[::ffff:127.0.0.1]:5", "127.0.0.1:7480", nil, ""},
		{"by another loopback address", "127.8.9.1:5", "127.8.9.1:7480", nil, ""},
		{"by an upper-case name with a dot", "127.0.0.1:5", "LOCALHOST.:7480", nil, ""},
		{"by a name in access.hosts", "127.0.0.1:5", "Monitor.Internal:7480", nil, ""},
		{"through a proxy whose name is in access.hosts", "127.0.0.1:5", "monitor.internal", map[string]string{"X-Forwarded-For": "203.0.113.9"}, ""},

		{"another machine", "192.0.2.7:5", "127.0.0.1:7480", nil, "not_local"},
		{"another machine under an allowed name", "192.0.2.7:5", "monitor.internal", nil, "not_local"},
		{"another machine that says it is local", "192.0.2.7:5", "localhost", map[string]string{"X-Forwarded-For": "127.0.0.1"}, "not_local"},
		{"another machine that says it is local, by the book", "192.0.2.7:5", "localhost", map[string]string{"Forwarded": "for=127.0.0.1"}, "not_local"},
		{"no address at all", "@", "localhost", nil, "not_local"},
		{"DNS rebinding", "127.0.0.1:5", "evil.example:7480", nil, "host_not_allowed"},
		{"DNS rebinding with a name that begins well", "127.0.0.1:5", "localhost.evil.example", nil, "host_not_allowed"},
		{"DNS rebinding with a name that begins like an address", "127.0.0.1:5", "127.0.0.1.evil.example", nil, "host_not_allowed"},
		{"DNS rebinding with a name that ends like an allowed one", "127.0.0.1:5", "evil-monitor.internal", nil, "host_not_allowed"},
		{"DNS rebinding with something like localhost", "127.0.0.1:5", "notlocalhost", nil, "host_not_allowed"},
		{"an address of this machine that is not loopback", "127.0.0.1:5", "0.0.0.0:7480", nil, "host_not_allowed"},
		{"no host", "127.0.0.1:5", "", nil, "host_not_allowed"},
		{"through a proxy that rewrites the host", "127.0.0.1:5", "127.0.0.1:7480", map[string]string{"X-Forwarded-For": "203.0.113.9"}, "proxied"},
		{"through nginx as it comes", "127.0.0.1:5", "127.0.0.1:7480", map[string]string{":proto": "HTTP/1.0", "Connection": "close"}, "proxied"},
		{"by HTTP/1.0 whose name is in access.hosts", "127.0.0.1:5", "monitor.internal", map[string]string{":proto": "HTTP/1.0"}, ""},
		{"by HTTP/2", "127.0.0.1:5", "127.0.0.1:7480", map[string]string{":proto": "HTTP/2.0"}, ""},
		{"through a proxy that says so otherwise", "127.0.0.1:5", "localhost", map[string]string{"Via": "1.1 cache"}, "proxied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			h.configure(t, access.Config{Hosts: []string{"monitor.internal"}})
			r := request("GET", "/")
			r.RemoteAddr, r.Host = test.peer, test.host
			for name, value := range test.headers {
				if name == ":proto" {
					r.Proto = value
					r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(value)
					continue
				}
				r.Header.Set(name, value)
			}
			id, err := h.Identify(r)
			if got := codeOf(err); got != test.want {
				t.Fatalf("refusal %q (%v), want %q", got, err, test.want)
			}
			if want := test.want == ""; id.Can(access.Admin) != want || id.Known() != want {
				t.Errorf("identity %+v, let in should be %v", id, want)
			}
		})
	}
}

func TestWithAPasswordNobodyIsLocal(t *testing.T) {
	h := newHouse(t).withPassword(t)
	id, err := h.Identify(request("GET", "/"))
	if fault.KindOf(err) != fault.KindUnauthentic || id.Known() {
		t.Errorf("a program on this machine is %+v, %v; want it to log in", id, err)
	}
}

func TestABrokenStoreLetsNobodyIn(t *testing.T) {
	h := newHouse(t)
	h.store.Break(errors.New("disk on fire"))
	for _, r := range requestsOfEveryKind(t) {
		if id, err := h.Identify(r); err == nil || id.Known() {
			t.Errorf("%v: let in as %+v, error %v", r.Header, id, err)
		}
	}
}

// codeOf is the finest code of the error.
func codeOf(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return ""
	}
	if f.Code != "" {
		return f.Code
	}
	return string(f.Kind)
}
