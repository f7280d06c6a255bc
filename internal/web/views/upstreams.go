package views

import "time"

// Upstreams tells of the servers behind the gateway.
type Upstreams interface {
	// Upstreams returns them in the order of the configuration.
	Upstreams() []Upstream
}

// Upstream is one server of one group of one route.
type Upstream struct {
	API      string
	Group    string // "default", or the one that a tier names
	URL      string // without credentials
	State    UpstreamState
	Reason   string        // why it is not up; ""
	Since    time.Time     // of the state; zero: since the start
	Active   int64         // requests that it is serving
	Requests uint64        // since the start
	Failures uint64        // of them: no answer, or 5xx that counts against it
	Latency  time.Duration // of its last answers; 0: not known
}

// UpstreamState is how a server is.
type UpstreamState string

// The states.
const (
	UpstreamUp      UpstreamState = "up"
	UpstreamDown    UpstreamState = "down"    // its health check fails
	UpstreamEjected UpstreamState = "ejected" // it failed requests, and rests
	UpstreamSlow    UpstreamState = "slow"    // it is back, and gets few requests yet
	UpstreamUnknown UpstreamState = "unknown" // not checked yet
)
