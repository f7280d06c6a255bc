package gateway

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheLongestPathWins(t *testing.T) {
	var router router
	for _, r := range []struct{ host, path, name string }{
		{"", "", "all"},
		{"", "/orders", "orders"},
		{"", "/orders/archive", "archive"},
		{"api.example.com", "/orders", "by host"},
		{"*.example.com", "", "below"},
		{"*.eu.example.com", "", "below eu"},
	} {
		router.add(r.host, &route{api: r.name, prefix: r.path})
	}
	for _, test := range []struct{ host, path, want string }{
		{"other", "/", "all"},
		{"other", "/orders", "orders"},
		{"other", "/orders/", "orders"},
		{"other", "/orders/17", "orders"},
		{"other", "/ordersX", "all"},
		{"other", "/orders/archive/1", "archive"},
		{"other", "/orders/archived", "orders"},
		{"API.example.com:8480", "/orders/1", "by host"},
		{"api.example.com.", "/orders/1", "by host"},
		{"api.example.com", "/items", "below"},
		{"a.eu.example.com", "/", "below eu"},
		{"example.com", "/", "all"},
		{"[::1]:80", "/orders", "orders"},
		{"", "/", "all"},
	} {
		found := router.find(test.host, test.path)
		if len(found) != 1 || found[0].api != test.want {
			t.Errorf("%s%s: got %v, want %s", test.host, test.path, found, test.want)
		}
	}
}

func TestAPathOfManySegmentsCostsNoMoreThanOneOfFew(t *testing.T) {
	var router router
	router.add("", &route{api: "orders", prefix: "/a/b"})
	long := "/a/b" + strings.Repeat("/x", 10_000)
	if n := testing.AllocsPerRun(10, func() { router.find("host", long) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if found := router.find("host", long); len(found) != 1 {
		t.Error("not found")
	}
}

func TestNamesOfOperationsAreBounded(t *testing.T) {
	var n names
	if got := n.of("GET", "/orders/{id}"); got != "GET /orders/{id}" {
		t.Error(got)
	}
	for _, method := range []string{"FOO", "BAR", "get"} {
		if got := n.of(method, "/orders/{id}"); got != "_OTHER /orders/{id}" {
			t.Error(got)
		}
	}
	if len(n.known) != 2 {
		t.Errorf("%d names are kept", len(n.known))
	}
	if allocs := testing.AllocsPerRun(100, func() { n.of("GET", "/orders/{id}") }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestCookiesAreFoundWhereTheyStand(t *testing.T) {
	c := cookies{headers: http.Header{"Cookie": {`a=1; sid="quoted"; b = 2`, "sid=second; c=x=y"}}}
	for name, want := range map[string]string{"a": "1", "sid": "quoted", "b": "2", "c": "x=y", "d": "", "": ""} {
		if got := c.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if all := c.Values("sid"); len(all) != 2 || all[0] != "quoted" || all[1] != "second" {
		t.Errorf("got %q", all)
	}
	if n := testing.AllocsPerRun(10, func() { c.Get("c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
