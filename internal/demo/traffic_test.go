package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestEveryCustomerComesAndTheyGoWithTheDemo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wanted := map[string]bool{}
	for _, c := range customers() {
		wanted[c.address] = true
	}
	var mu sync.Mutex
	seen, keys := map[string]bool{}, map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Header.Get("X-Forwarded-For")] = true
		keys[r.Header.Get("X-Api-Key")] = true
		if len(seen) == len(wanted) && keys[mobileKey] && keys[partnerKey] {
			cancel()
		}
	}))
	defer server.Close()
	deadline := time.AfterFunc(time.Minute, cancel)
	defer deadline.Stop()
	Traffic(ctx, server.URL)
	for address := range wanted {
		if !seen[address] {
			t.Errorf("%s never came", address)
		}
	}
}

func TestCustomersAreNobody(t *testing.T) {
	reserved := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range customers() {
		addr := netip.MustParseAddr(c.address)
		if !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			t.Errorf("%s may be somebody's", addr)
		}
	}
}
