package upstream

import (
	"net/http"
	"time"
)

// newTransport makes the reference path's connections to servers of a scheme.
func (g *Registry) newTransport(scheme string, c *Config) *http.Transport {
	var protocols http.Protocols
	switch scheme {
	case "h2c":
		protocols.SetUnencryptedHTTP2(true)
	case "https":
		protocols.SetHTTP1(true)
		protocols.SetHTTP2(true)
	default:
		protocols.SetHTTP1(true)
	}
	t := &http.Transport{
		DialContext:            g.dialAddress(c.Timeouts.Connect),
		TLSHandshakeTimeout:    c.Timeouts.Connect,
		DisableCompression:     true, // what is accepted is between client and server
		MaxIdleConnsPerHost:    c.Connections.KeepIdle,
		IdleConnTimeout:        c.Connections.IdleTime,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: int64(c.MaxHeader),
		Protocols:              &protocols,
		HTTP2: &http.HTTP2Config{
			// A dead connection would otherwise be found only by the timeout of TCP.
			SendPingTimeout: 30 * time.Second,
			PingTimeout:     15 * time.Second,
		},
	}
	if c.TLS != nil {
		t.TLSClientConfig = c.TLS.Clone()
	}
	return t
}
