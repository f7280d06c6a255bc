package demo

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// customer is one invented client of the shop, who comes through the gateway.
type customer struct {
	address string        // of the documentation's networks (RFC 5737), said in X-Forwarded-For
	agent   string        // User-Agent
	key     string        // X-Api-Key; "" without one
	every   time.Duration // between two requests, on average
	hands   int           // requests at the same time
	visits  []string      // paths, taken at random
}

// Keys of the demo's clients; demo.yaml has their hashes. They open nothing else.
const (
	mobileKey  = "demo-mobile-app-3f81c2b7"
	partnerKey = "demo-partner-import-9ad04e61"
)

// customers of the shop: some who browse, one who pays for more, one who asks
// for more than it may, one who is blocked, one who looks for open doors, and one
// who guesses tokens.
func customers() []customer {
	browse := []string{"/items", "/items", "/items/3", "/items/5", "/orders?limit=5", "/orders/17", "/search?q=lamp", "/search?q=chair", "/inventory"}
	list := []customer{
		{address: "198.51.100.20", agent: "ShopApp/4.2 (iOS)", key: mobileKey, every: 350 * time.Millisecond, hands: 2, visits: []string{"/orders?limit=20", "/orders/4", "/orders/12", "/items", "/items/9"}},
		{address: "198.51.100.77", agent: "partner-import/1.9", key: partnerKey, every: 300 * time.Millisecond, hands: 5, visits: []string{"/items/1", "/items/2", "/items/3", "/items/4", "/orders/8"}},
		{address: BlockedClient, agent: "python-requests/2.31", every: 4 * time.Second, hands: 1, visits: []string{"/orders/1", "/orders/2", "/orders/3"}},
		{address: "192.0.2.99", agent: "Mozilla/5.0 zgrab/0.x", every: 3 * time.Second, hands: 1, visits: []string{"/.env", "/wp-login.php", "/admin/config.php", "/.git/HEAD", "/phpmyadmin/", "/api/v1/debug", "/actuator/env", "/server-status", "/backup.zip", "/login.asp"}},
		{address: "198.51.100.140", agent: "Go-http-client/1.1", every: 1200 * time.Millisecond, hands: 1, visits: []string{"/users/me"}},
		{address: "203.0.113.40", agent: "finance-dashboard/2.0", every: 3 * time.Second, hands: 1, visits: []string{"/reports/daily", "/refunds", "/refunds"}},
	}
	for i, address := range []string{"203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.13", "2001:db8:17:4::1"} {
		list = append(list, customer{address: address, agent: "Mozilla/5.0 (X11; Linux x86_64)", every: time.Duration(900+300*i) * time.Millisecond, hands: 1, visits: browse})
	}
	return list
}

// BlockedClient is the address that the demo keeps out.
const BlockedClient = "192.0.2.66"

// Traffic sends what invented clients ask of the shop to a gateway, about a
// dozen requests a second, until ctx ends; then it waits for those on their way.
func Traffic(ctx context.Context, gateway string) {
	transport := &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	var hands sync.WaitGroup
	for _, c := range customers() {
		for range c.hands {
			hands.Go(func() { c.shop(ctx, client, gateway) })
		}
	}
	hands.Wait()
}

// shop asks for one thing after the other.
func (c *customer) shop(ctx context.Context, client *http.Client, gateway string) {
	for pause(ctx, c.pause()) {
		c.visit(ctx, client, gateway+c.visits[rand.IntN(len(c.visits))]) //nolint:gosec // invented traffic, no secret
	}
}

// pause is skewed as people's are: often short, seldom long.
func (c *customer) pause() time.Duration {
	mean := float64(c.every) * float64(c.hands)
	return time.Duration(min(rand.ExpFloat64(), 4)*mean) + time.Millisecond //nolint:gosec // invented traffic, no secret
}

// visit makes one request. What came of it is what the pages show.
func (c *customer) visit(ctx context.Context, client *http.Client, url string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("X-Forwarded-For", c.address)
	if c.key != "" {
		r.Header.Set("X-Api-Key", c.key)
	}
	answer, err := client.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)) //nolint:errcheck // a broken answer is seen by the gateway
}
