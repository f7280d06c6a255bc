package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of the server. There is no ReadTimeout, which would also end handlers
// that work for longer: headers and bodies have their own.
const (
	readHeaderTimeout = 10 * time.Second
	writeTimeout      = 2 * time.Minute // event streams and long runs set their own
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	drainTimeout      = 5 * time.Second

	// maxConnections keeps a flood of connections from taking the file
	// descriptors that the checks need.
	maxConnections = 512
)

// Serve answers on ln until ctx ends, then lets running requests finish within
// a deadline. It calls drain first: these functions end what would never finish
// by itself, such as event streams. It closes ln, and returns when every
// handler has returned; the error says that it had to cut some off, or that
// listening failed.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, log *slog.Logger, drain ...func()) error {
	log = log.With("part", "web")
	// Handlers hold running for reading, so that locking it waits for all of
	// them; a WaitGroup would not allow one to start while it is waited for.
	var running sync.RWMutex
	var open connections
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.RLock()
			defer running.RUnlock()
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         open.follow,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong, such as a broken handshake
	}
	limited := netutil.LimitListener(ln, maxConnections)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(limited) }()

	var cause error
	select {
	case err := <-failed:
		cause = fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
		_ = limited.Close() // it only ever accepted
		<-failed
	}

	// Nobody comes in any more. Now those who are in.
	for _, end := range drain {
		end()
	}
	open.closeSilent()
	limit, cancel := context.WithTimeout(base, drainTimeout)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		cut()
		cause = errors.Join(cause, fmt.Errorf("requests still running after %s were cut off", drainTimeout), server.Close())
	}
	running.Lock()
	defer running.Unlock()
	return cause
}
