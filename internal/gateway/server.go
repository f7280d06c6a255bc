package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// server is an http.Server with one set of bounds. Its connections are handed to
// it, so that another one can take over an address without closing it.
type server struct {
	http     http.Server
	bounds   serverBounds
	incoming chan net.Conn
	closed   chan struct{} // nobody hands anything over anymore
	once     sync.Once
	ended    chan struct{} // Serve returned
	draining atomic.Bool

	// running is held for reading by every handler, so that locking it waits for
	// all of them, those of connections that were taken over included.
	running sync.RWMutex
	cut     context.CancelFunc // ends what still runs
}

func (g *Gateway) newServer(b serverBounds, handler http.HandlerFunc, addr net.Addr) *server {
	s := &server{bounds: b, incoming: make(chan net.Conn), closed: make(chan struct{}), ended: make(chan struct{})}
	base, cut := context.WithCancel(context.Background())
	s.cut = cut
	s.http = http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.running.RLock()
			defer s.running.RUnlock()
			if c, ok := r.Context().Value(connKey{}).(*conn); ok {
				c.reach(r.ProtoMajor)
			}
			if s.draining.Load() && r.ProtoMajor == 1 {
				w.Header().Set("Connection", "close")
			}
			handler(w, r)
		}),
		// "OPTIONS *" is a request like any other: seen, refused, observed.
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            b.headerTime,
		IdleTimeout:                  b.idleTime,
		MaxHeaderBytes:               b.headers,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: b.streams,
			SendPingTimeout:      b.idleTime,
			WriteByteTimeout:     b.writeTime,
			CountError:           g.metrics.countHTTP2,
		},
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, raw net.Conn) context.Context {
			if c := connOf(raw); c != nil {
				return context.WithValue(ctx, connKey{}, c)
			}
			return ctx
		},
		ConnState: func(raw net.Conn, state http.ConnState) {
			if c := follow(raw, state); c != nil {
				g.observeUnread(c)
			}
		},
		ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug), // what clients do wrong, such as a broken handshake
	}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(true)
	s.http.Protocols.SetUnencryptedHTTP2(b.h2c)
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(&handover{server: s, addr: addr}) // it ends when it is told to
	}()
	return s
}

// handover is a server's listener.
type handover struct {
	server *server
	addr   net.Addr
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.server.incoming:
		return c, nil
	case <-h.server.closed:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.server.close()
	return nil
}

func (h *handover) Addr() net.Addr { return h.addr }

func (s *server) close() { s.once.Do(func() { close(s.closed) }) }

// take gives a connection to the server; false when it is closing.
func (s *server) take(c net.Conn) bool {
	select {
	case <-s.closed:
		return false
	default:
	}
	select {
	case s.incoming <- c:
		return true
	case <-s.closed:
		return false
	}
}

// farewell is how long a server that drains goes on answering, telling clients
// to close, before it closes connections that wait: a request that is just on
// its way is not lost.
const farewell = 250 * time.Millisecond

// drain lets requests in work finish within a time, then cuts them off. It
// returns when every handler has returned. empty says that there is nobody to say
// farewell to, or not anymore.
func (s *server) drain(within time.Duration, empty func() bool) error {
	s.draining.Store(true)
	deadline := time.Now().Add(within)
	for until := time.Now().Add(min(farewell, within)); !empty() && time.Now().Before(until); {
		time.Sleep(farewell / 50)
	}
	s.close()
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	err := s.http.Shutdown(ctx)
	<-s.ended
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.Lock()
		defer s.running.Unlock()
	}()
	if err == nil { // but connections that were taken over may still be in work
		select {
		case <-done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	s.cut()
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-done
	return err
}
