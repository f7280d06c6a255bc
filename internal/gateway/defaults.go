package gateway

import (
	"cmp"
	"time"

	"lapwing.dev/lapwing/internal/units"
)

// Defaults of what the file does not say.
const (
	DefaultListen = "127.0.0.1:8480"

	defaultDrain                = 20 * time.Second
	defaultMaxBody              = 10 * units.MiB
	defaultConnections          = 8192
	defaultConnectionsPerClient = 1024
	defaultStreams              = 128
	defaultHeaders              = 32 * units.KiB
	defaultHeaderTime           = 10 * time.Second
	defaultBodyRate             = 256
	defaultBodyGrace            = 30 * time.Second
	defaultWriteTime            = 30 * time.Second
	defaultIdleTime             = 75 * time.Second
	defaultConnect              = 5 * time.Second
	defaultAnswer               = 60 * time.Second
	defaultIdle                 = 5 * time.Minute
	defaultRetries              = 1
	defaultBudget               = 0.2
)

// withDefaults returns the section as it is in force.
func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.Drain = cmp.Or(c.Drain, units.Duration(defaultDrain))
	c.Decision.Path = cmp.Or(c.Decision.Path, DecisionPath)
	c.Bounds = c.Bounds.withDefaults()
	routes := make([]Route, len(c.Routes))
	for i := range c.Routes {
		routes[i] = c.Routes[i].withDefaults()
		if routes[i].Auth == nil {
			routes[i].Auth = c.Auth
		}
	}
	c.Routes = routes
	return c
}

func (b Bounds) withDefaults() Bounds {
	b.Connections = cmp.Or(b.Connections, defaultConnections)
	b.ConnectionsPerClient = cmp.Or(b.ConnectionsPerClient, defaultConnectionsPerClient)
	b.Streams = cmp.Or(b.Streams, defaultStreams)
	b.Headers = cmp.Or(b.Headers, defaultHeaders)
	b.HeaderTime = cmp.Or(b.HeaderTime, units.Duration(defaultHeaderTime))
	if b.BodyRate == nil {
		rate := units.Size(defaultBodyRate)
		b.BodyRate = &rate
	}
	b.BodyGrace = cmp.Or(b.BodyGrace, units.Duration(defaultBodyGrace))
	b.WriteTime = cmp.Or(b.WriteTime, units.Duration(defaultWriteTime))
	b.IdleTime = cmp.Or(b.IdleTime, units.Duration(defaultIdleTime))
	return b
}

func (r Route) withDefaults() Route {
	r.Path = cmp.Or(r.Path, "/")
	r.EncodedSlashes = cmp.Or(r.EncodedSlashes, "reject")
	r.Validate = cmp.Or(r.Validate, "off")
	r.HostHeader = cmp.Or(r.HostHeader, "client")
	if r.MaxBody == nil {
		size := defaultMaxBody
		r.MaxBody = &size
	}
	r.Timeouts.Connect = cmp.Or(r.Timeouts.Connect, units.Duration(defaultConnect))
	r.Timeouts.Answer = cmp.Or(r.Timeouts.Answer, units.Duration(defaultAnswer))
	r.Timeouts.Idle = cmp.Or(r.Timeouts.Idle, units.Duration(defaultIdle))
	if r.Retries.Max == nil {
		n := defaultRetries
		r.Retries.Max = &n
	}
	r.Retries.Budget = cmp.Or(r.Retries.Budget, units.Share(defaultBudget))
	return r
}
