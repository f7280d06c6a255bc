// Command loop is the peer that stores nothing: the least that a Go program can
// do to check HTTP targets, with net/http as it comes. Each target has its own
// ticker; answers are read and thrown away.
//
//	go run ./bench/loop -url http://127.0.0.1:8000/ -checks 5000 -every 10s
package main

import (
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"
)

func main() {
	url := flag.String("url", "", "what to check")
	checks := flag.Int("checks", 1000, "how many checks")
	every := flag.Duration("every", 10*time.Second, "interval")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: *every}
	var wg sync.WaitGroup
	for i := range *checks {
		wg.Go(func() { watch(ctx, client, *url, *every, *every*time.Duration(i)/time.Duration(*checks)) })
	}
	wg.Wait()
}

func watch(ctx context.Context, client *http.Client, url string, every, offset time.Duration) {
	timer := time.NewTimer(offset)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(every)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return
		}
		response, err := client.Do(request)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body) //nolint:errcheck // thrown away
		_ = response.Body.Close()                 //nolint:errcheck // thrown away
	}
}
