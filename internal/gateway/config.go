package gateway

import (
	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/internal/units"
)

// Config is the `gateway:` section: a reverse proxy in front of APIs, and the decision endpoint for other proxies. Without routes there is none.
type Config struct {
	// Listen is the address that clients connect to. Unlike the web interface, a gateway is made for the public: any address is allowed. Default: 127.0.0.1:8480. Example: 0.0.0.0:443
	Listen string `yaml:"listen"`
	// TLS serves HTTPS, with HTTP/2. Files that change are read again by themselves.
	TLS *TLS `yaml:"tls"`
	// H2C also speaks HTTP/2 without TLS to clients that begin with it, as gRPC in a private network does. Default: false.
	H2C bool `yaml:"h2c"`
	// TrustedProxies are addresses and networks of proxies in front of this gateway. What they say of the client (its address in `client_header`, X-Forwarded-Proto, X-Forwarded-Host) is believed, nobody else's word is. Default: none. Example: [10.0.0.0/8]
	TrustedProxies []Network `yaml:"trusted_proxies"`
	// ClientHeader is the one header in which trusted proxies write the client's address: X-Forwarded-For, Forwarded (RFC 7239), or another with addresses alone. Default: X-Forwarded-For. Example: Forwarded
	ClientHeader string `yaml:"client_header"`
	// Routes say which requests go where; the one with the longest path wins, one with a host before one without.
	Routes []Route `yaml:"routes"`
	// Auth says who clients can be, for all routes that have no `auth` of their own. Default: nobody is known, everybody may come in.
	Auth *auth.Config `yaml:"auth"`
	// Bounds protect the gateway from clients that send too much, too slowly or too often.
	Bounds Bounds `yaml:"bounds"`
	// Trace says how requests become part of traces.
	Trace Trace `yaml:"trace"`
	// Decision is the endpoint that other proxies ask whether to let a request in.
	Decision Decision `yaml:"decision"`
	// Drain is how long requests in work may take to finish when the gateway stops or leaves an address. Default: 20s.
	Drain units.Duration `yaml:"drain"`
	// Redact are names of query parameters whose values are not kept, besides the usual ones (token, password, key and the like). Example: [session]
	Redact []string `yaml:"redact"`
}

// TLS is a server certificate.
type TLS struct {
	// Cert is a PEM file with the certificate and its chain.
	Cert string `yaml:"cert"`
	// Key is a PEM file with the certificate's private key.
	Key string `yaml:"key"`
	// MinVersion of TLS that clients must speak: 1.2 or 1.3. Default: 1.2.
	MinVersion string `yaml:"min_version"`
}

// Route sends the requests of one API to its upstreams.
type Route struct {
	// API that the route serves, by its name in `apis`. Example: orders
	API string `yaml:"api"`
	// Host that requests must be for: a name, or *.name for all below it. Default: any. Example: api.example.com
	Host string `yaml:"host"`
	// Path is how the paths of requests begin; whole segments count, so /v1 is not the beginning of /v10. Default: /. Example: /orders
	Path string `yaml:"path"`
	// Methods that the route takes; others are answered with 405. Default: all but CONNECT and TRACE. Example: [GET, HEAD]
	Methods []string `yaml:"methods"`
	// Strip takes `path` off before the request goes on to the upstream. Default: false.
	Strip bool `yaml:"strip"`
	// EncodedSlashes says what to do with paths that have %2F or %5C: reject or allow. Upstreams differ in whether these separate segments, which is a way around rules that hold for a path. Default: reject.
	EncodedSlashes string `yaml:"encoded_slashes"`
	// Upstreams are the servers, in groups; a tier's `upstream` names the group that serves it. Default: one group `default` with the API's url. Example: {default: [http://127.0.0.1:8000], fast: [http://127.0.0.1:8001]}
	Upstreams map[string]Servers `yaml:"upstreams"`
	// Limits that hold, by their names in `limits`. All of them must allow a request. Example: [per-client]
	Limits []string `yaml:"limits"`
	// Auth of this route, instead of the gateway's.
	Auth *auth.Config `yaml:"auth"`
	// Validate holds requests to the API's OpenAPI document: off, report or enforce. Report counts what breaks it, enforce answers it with 400. Default: off.
	Validate string `yaml:"validate"`
	// MaxBody is the largest body that a request may have, in gRPC the largest message; 0 is no bound. Default: 10MiB.
	MaxBody *units.Size `yaml:"max_body"`
	// Host header that the upstream gets: client (what the client sent) or upstream (the upstream's own). Default: client.
	HostHeader string `yaml:"host_header"`
	// Timeouts of the upstream.
	Timeouts Timeouts `yaml:"timeouts"`
	// Retries on another server, where that is safe.
	Retries Retries `yaml:"retries"`
	// Health says when a server gets no requests for a while.
	Health Health `yaml:"health"`
	// MaxConnections to each server at a time. Default: no limit.
	MaxConnections int `yaml:"max_connections"`
}

// Servers is one group of upstream servers.
type Servers []Server

// FromScalar reads the short form: `default: http://127.0.0.1:8000`.
func (s *Servers) FromScalar(text string) error {
	*s = Servers{{URL: text}}
	return nil
}

// Server is one upstream server.
type Server struct {
	// URL of the server, by http, https or h2c (HTTP/2 without TLS, for gRPC). A path in it comes before that of requests. Example: http://127.0.0.1:8000
	URL string `yaml:"url"`
	// Weight of the server: one with 2 gets twice as many requests. Default: 1.
	Weight int `yaml:"weight"`
}

// FromScalar reads the short form: `- http://127.0.0.1:8000`.
func (s *Server) FromScalar(text string) error {
	s.URL = text
	return nil
}

// Timeouts of one exchange with an upstream.
type Timeouts struct {
	// Connect is how long connecting may take, TLS included. Default: 5s.
	Connect units.Duration `yaml:"connect"`
	// Answer is how long the answer's headers may take after the request was sent. Default: 1m.
	Answer units.Duration `yaml:"answer"`
	// Idle is how long a body may stand still; streams that are silent for longer need more. Default: 5m.
	Idle units.Duration `yaml:"idle"`
}

// Retries are further attempts on another server. Only requests that may be repeated (GET, HEAD, OPTIONS, PUT, DELETE with a body that is still there) and of whose answer nothing was passed on are.
type Retries struct {
	// Max number of further attempts. Default: 1.
	Max *int `yaml:"max"`
	// Budget is the most retries, as a share of all requests, so that they do not bury an upstream that is already in trouble. Default: 20%.
	Budget units.Share `yaml:"budget"`
}

// Health says when a server counts as unwell and gets no requests for a while. The last one that is left always gets them.
type Health struct {
	// Path that is asked on every server. Default: none, only what requests meet counts. Example: /health
	Path string `yaml:"path"`
	// Every says how often it is asked. Default: 5s.
	Every units.Duration `yaml:"every"`
	// Timeout of one such question. Default: 2s.
	Timeout units.Duration `yaml:"timeout"`
	// After this many failures in a row, asked or met, a server is taken out. Default: 3 asked, 5 met.
	After int `yaml:"after"`
	// RecoverAfter this many good answers to the question it comes back. Default: 2.
	RecoverAfter int `yaml:"recover_after"`
	// Out is how long a server is taken out the first time, longer each time after. Default: 10s.
	Out units.Duration `yaml:"out"`
	// Breaker is the share of failing requests, over all servers of a group, from which on requests are answered with 503 for 5s without asking any. Default: none. Example: 50%
	Breaker units.Share `yaml:"breaker"`
}

// Bounds of the gateway. They hold for each server process, whatever the routes.
type Bounds struct {
	// Connections at the same time. When there are more, those that have been silent for longest are closed. Default: 8192.
	Connections int `yaml:"connections"`
	// ConnectionsPerClient at the same time, from one address (IPv6: one /64). Trusted proxies are exempt. Default: 1024.
	ConnectionsPerClient int `yaml:"connections_per_client"`
	// Streams is how many requests one HTTP/2 connection may have in work. Default: 128.
	Streams int `yaml:"streams"`
	// Headers is the most bytes that a request's line and headers may have. Default: 32KiB.
	Headers units.Size `yaml:"headers"`
	// HeaderTime is how long they may take to arrive. Default: 10s.
	HeaderTime units.Duration `yaml:"header_time"`
	// BodyRate is how many bytes a second a request's body must bring on average, once `body_grace` has passed; 0 is no bound. Default: 256B.
	BodyRate *units.Size `yaml:"body_rate"`
	// BodyGrace is how long a body may be slower than body_rate. Default: 30s.
	BodyGrace units.Duration `yaml:"body_grace"`
	// WriteTime is how long a client may take nothing of what is sent to it. Default: 30s.
	WriteTime units.Duration `yaml:"write_time"`
	// IdleTime is how long a connection may wait for its next request. Default: 1m15s.
	IdleTime units.Duration `yaml:"idle_time"`
}

// Trace says how requests become part of traces. A trace that a request belongs to already is always continued.
type Trace struct {
	// Sample is the share of new traces that are marked as sampled. Most tracing libraries obey the mark: with less than 100%, the API's own traces get fewer. Default: 100%.
	Sample *units.Share `yaml:"sample"`
	// Format that upstreams get besides what the client sent: w3c, b3 (one header) or b3-multi. Default: w3c.
	Format string `yaml:"format"`
}

// Decision is the endpoint that other proxies ask: nginx (auth_request), Caddy (forward_auth), Traefik (ForwardAuth), HAProxy.
type Decision struct {
	// Listen is an address for the endpoint alone, where every path is it. Default: none. Example: 127.0.0.1:8481
	Listen string `yaml:"listen"`
	// Path of the endpoint on the gateway's own address, for loopback and trusted proxies only; off is none. Turn it off when these also pass on requests of others through this gateway. Default: /.lapwing/decide.
	Path string `yaml:"path"`
}
