package gateway

import (
	"context"
	"log/slog"
	"net/http"

	"lapwing.dev/lapwing/internal/health"
)

// Certificate is a certificate for tests.
type Certificate struct{ *certificate }

// NewCertificate reads a certificate.
func NewCertificate(cfg TLS, dir string) (*Certificate, error) {
	c, err := newCertificate(cfg, dir)
	return &Certificate{c}, err
}

// Subject is whom the present certificate names.
func (c *Certificate) Subject() string {
	return c.present.Load().certificate.Leaf.Subject.CommonName
}

// Certified is a gateway that has the certificate.
func Certified(c *Certificate) *Gateway {
	g := New(Deps{Log: slog.New(slog.DiscardHandler), Health: &health.Registry{}})
	g.table.Store(&table{tls: c.certificate})
	return g
}

// Watching is a look at the files that goes on.
type Watching struct {
	gateway *Gateway
	cancel  context.CancelFunc
	done    chan struct{}
}

// Watch looks at the certificate's files until Stop.
func Watch(ctx context.Context, g *Gateway) *Watching {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watching{g, cancel, make(chan struct{})}
	go func() {
		defer close(w.done)
		g.watchCertificate(ctx)
	}()
	return w
}

// Notices is how many warnings there are.
func (w *Watching) Notices() int { return len(w.gateway.deps.Health.List()) }

// Stop ends the looking.
func (w *Watching) Stop() {
	w.cancel()
	<-w.done
}

// Connections are how many connections and clients there are.
func (g *Gateway) Connections() (connections, clients int) { return g.guard.counts() }

// Evicted is how many connections had to make room.
func (g *Gateway) Evicted() uint64 { return g.metrics.evicted.Load() }

// RefusedPerClient is how many connections one client had too many.
func (g *Gateway) RefusedPerClient() uint64 { return g.metrics.refusedMany.Load() }

// Refusals are the codes and types of all problems.
func Refusals() map[string]int {
	all := map[string]int{}
	for _, r := range refusals() {
		all[r.code] = r.status
	}
	return all
}

// FrontDoor serves as the gateway's own address does.
func (g *Gateway) FrontDoor(w http.ResponseWriter, r *http.Request) { g.frontDoor(w, r) }
