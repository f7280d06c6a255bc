package upstream

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config of a pool: one group of servers that can stand in for each other.
// Zero values stand for the defaults.
type Config struct {
	Name    string   // of the pool, unique in the registry: "orders/default"; a metric label
	Servers []Server // at least one

	// UpstreamHost sends the server's own host in the Host header instead of
	// the one that the client asked for.
	UpstreamHost bool
	// TLS of https servers; nil: the system's roots, verified. It is taken as
	// it is when the pool is made, and servers' connections are shared only
	// between pools with the same one (by pointer).
	TLS *tls.Config
	// MaxHeader is the most bytes that an answer's status line and headers may
	// have. Default: 64 KiB.
	MaxHeader int
	// SlowStart is how long a server's share of the requests grows to its full
	// size, from when it joins or comes back. Default: 10 s; negative: none.
	SlowStart time.Duration

	Timeouts    Timeouts
	Connections Connections
	Retries     Retries
	Check       Check
	Ejection    Ejection
	Breaker     Breaker
}

// Server is one upstream.
type Server struct {
	// URL with the scheme http, https or h2c (HTTP/2 without TLS), a host and
	// perhaps a path, which goes before that of requests.
	URL string
	// Weight is the server's share, relative to the others'. Default: 1.
	Weight int
}

// Timeouts of the phases of an exchange.
type Timeouts struct {
	Connect time.Duration // name lookup, TCP and TLS; default 5 s
	Header  time.Duration // from the request's last byte to the end of the answer's header; default 60 s
	Idle    time.Duration // between two parts of an answer's body; default 5 min. Event streams, gRPC and upgraded connections have none
}

// Connections to each server.
type Connections struct {
	Max      int           // exchanges in work at a time, over all pools of the server; 0: no limit
	Queue    int           // how many more may wait for one of them to end; default: none
	Wait     time.Duration // how long they may; default 1 s
	KeepIdle int           // connections kept open while nobody uses them; default 256
	IdleTime time.Duration // how long they are; default 60 s. Shorter than what servers do, or requests meet their closing
}

// Retries are further attempts on other servers. A request is repeated when no
// part of an answer was passed on and either nothing of it reached a server, or
// its method is idempotent (RFC 9110 §9.2.2) and its body still here.
type Retries struct {
	Max      int     // further attempts; default 1, negative: none
	Budget   float64 // most retries as a share of requests; default 0.2
	Minimum  float64 // retries a second that are allowed in any case; default 3
	Statuses []int   // answers of servers that are repeated as well, on another one; default: 502, 503 without Retry-After, 504
}

// Check asks every server, however few requests there are.
type Check struct {
	Path    string        // "": no check
	Every   time.Duration // default 5 s; each one is moved by up to a tenth, so that gateways do not ask in step
	Timeout time.Duration // default 2 s
	Down    int           // failures in a row until a server is down; default 3
	Up      int           // good answers (2xx, 3xx) in a row until it is up; default 2
	Host    string        // Host header; default: the server's own
}

// Ejection takes a server out by what requests met.
type Ejection struct {
	After    int           // failures (502, 503, 504, transport) in a row; a 500 is the application's; default 5, negative: never
	Time     time.Duration // of the first one; the next ones take 2, 3, 4 … times as long; default 10 s
	MaxTime  time.Duration // default 5 min
	MaxShare float64       // of the pool's servers that may be out; the last one never is; default 0.5
}

// Breaker is about the whole pool, see the package comment.
type Breaker struct {
	Share  float64       // of exchanges that failed (transport, 502, 503, 504) until it opens; 0: no breaker
	Least  int           // exchanges there must have been to judge; default 20
	Window time.Duration // that they are counted in; default 10 s
	Open   time.Duration // how long it stays open; default 5 s
	Trials int           // good exchanges after that until it closes; default 3
}

const maxServers = 256

// withDefaults returns the configuration as it is in force.
func (c Config) withDefaults() Config {
	c.MaxHeader = cmp.Or(c.MaxHeader, 64<<10)
	c.SlowStart = cmp.Or(c.SlowStart, 10*time.Second)

	c.Timeouts.Connect = cmp.Or(c.Timeouts.Connect, 5*time.Second)
	c.Timeouts.Header = cmp.Or(c.Timeouts.Header, time.Minute)
	c.Timeouts.Idle = cmp.Or(c.Timeouts.Idle, 5*time.Minute)

	c.Connections.Wait = cmp.Or(c.Connections.Wait, time.Second)
	c.Connections.KeepIdle = cmp.Or(c.Connections.KeepIdle, 256)
	c.Connections.IdleTime = cmp.Or(c.Connections.IdleTime, time.Minute)

	c.Retries.Max = cmp.Or(c.Retries.Max, 1)
	c.Retries.Budget = cmp.Or(c.Retries.Budget, 0.2)
	c.Retries.Minimum = cmp.Or(c.Retries.Minimum, 3)
	if c.Retries.Statuses == nil {
		c.Retries.Statuses = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	}

	c.Check.Every = cmp.Or(c.Check.Every, 5*time.Second)
	c.Check.Timeout = cmp.Or(c.Check.Timeout, 2*time.Second)
	c.Check.Down = cmp.Or(c.Check.Down, 3)
	c.Check.Up = cmp.Or(c.Check.Up, 2)

	c.Ejection.After = cmp.Or(c.Ejection.After, 5)
	c.Ejection.Time = cmp.Or(c.Ejection.Time, 10*time.Second)
	c.Ejection.MaxTime = cmp.Or(c.Ejection.MaxTime, 5*time.Minute)
	c.Ejection.MaxShare = cmp.Or(c.Ejection.MaxShare, 0.5)

	c.Breaker.Least = cmp.Or(c.Breaker.Least, 20)
	c.Breaker.Window = cmp.Or(c.Breaker.Window, 10*time.Second)
	c.Breaker.Open = cmp.Or(c.Breaker.Open, 5*time.Second)
	c.Breaker.Trials = cmp.Or(c.Breaker.Trials, 3)
	return c
}

// check reports the first thing that is wrong.
func (c *Config) check() error {
	switch {
	case len(c.Servers) == 0:
		return fmt.Errorf("pool %q has no servers; name at least one", c.Name)
	case len(c.Servers) > maxServers:
		return fmt.Errorf("pool %q has %d servers; %d are the most", c.Name, len(c.Servers), maxServers)
	case c.Check.Path != "" && (!strings.HasPrefix(c.Check.Path, "/") || strings.ContainsFunc(c.Check.Path, notInTarget)):
		return fmt.Errorf("pool %q: the check's path %q is not one; write /health", c.Name, c.Check.Path)
	case c.Breaker.Share < 0 || c.Breaker.Share > 1 || c.Ejection.MaxShare < 0 || c.Ejection.MaxShare > 1 || c.Retries.Budget < 0 || c.Retries.Budget > 1:
		return fmt.Errorf("pool %q: a share is not between 0 and 1", c.Name)
	}
	for _, s := range c.Servers {
		if s.Weight < 0 {
			return fmt.Errorf("pool %q: server %q has a negative weight", c.Name, s.URL)
		}
	}
	return nil
}

// notInTarget reports bytes that may not stand in a request's target.
func notInTarget(r rune) bool { return r <= ' ' || r >= 0x7f }

// parseServer splits a server's URL into origin and path.
func parseServer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read upstream URL: %w", err)
	}
	switch u.Scheme {
	case "http", "https", "h2c":
	default:
		return nil, fmt.Errorf("upstream %q: scheme %q is unknown; want http, https or h2c", u.Redacted(), u.Scheme)
	}
	switch {
	case u.Hostname() == "":
		return nil, fmt.Errorf("upstream %q has no host; write http://127.0.0.1:8000", u.Redacted())
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("upstream %q: only scheme, host, port and path are used; remove the rest", u.Redacted())
	}
	return u, nil
}
