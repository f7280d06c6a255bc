// Command target is what the benchmarks check: an HTTP server that answers at
// once, and addresses that accept a connection and never answer.
//
//	go run ./bench/target            prints "listen ADDRESS hang ADDRESS"
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench/target:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var lc net.ListenConfig
	answering, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	hanging, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	body := []byte(`{"status":"ok","orders":[{"id":1,"total":12.5},{"id":2,"total":7}],"version":"1.4.0"}`)
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body) //nolint:errcheck // the client's business
		}),
	}
	fmt.Printf("listen %s hang %s\n", answering.Addr(), hanging.Addr())
	var wg sync.WaitGroup
	wg.Go(func() { swallow(hanging) })
	context.AfterFunc(ctx, func() {
		_ = server.Close()  //nolint:errcheck // the process ends
		_ = hanging.Close() //nolint:errcheck // the process ends
	})
	err = server.Serve(answering)
	wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// swallow accepts connections and never answers.
func swallow(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close() //nolint:errcheck // nothing was written
			buffer := make([]byte, 512)
			for {
				if _, err := c.Read(buffer); err != nil {
					return
				}
			}
		}()
	}
}
