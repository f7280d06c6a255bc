// Command loop is the peer that stores nothing: the least that a Go program can
// do to check HTTP targets, with net/http as it comes. Each target has its own
// ticker; answers are read and thrown away. For each line on its standard input
// it says how many answers there were so far.
//
//	go run ./bench/loop -url http://127.0.0.1:8000/ -checks 5000 -every 10s
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"
)

// peer is what all checks of the loop share.
type peer struct {
	client  *http.Client
	url     string
	every   time.Duration
	answers atomic.Int64
}

func main() {
	url := flag.String("url", "", "what to check")
	checks := flag.Int("checks", 1000, "how many checks")
	every := flag.Duration("every", 10*time.Second, "interval; 0: each asks again as soon as it has its answer")
	keep := flag.Bool("keep-alive", false, "use connections again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	transport := &http.Transport{DisableKeepAlives: !*keep, MaxIdleConnsPerHost: *checks}
	p := &peer{client: &http.Client{Transport: transport, Timeout: max(*every, 10*time.Second)}, url: *url, every: *every}
	go p.tell(os.Stdin)
	var wg sync.WaitGroup
	for i := range *checks {
		wg.Go(func() { p.watch(ctx, *every*time.Duration(i)/time.Duration(*checks)) })
	}
	wg.Wait()
}

// tell answers questions until there are no more.
func (p *peer) tell(questions io.Reader) {
	for lines := bufio.NewScanner(questions); lines.Scan(); {
		fmt.Println(p.answers.Load())
	}
}

func (p *peer) watch(ctx context.Context, offset time.Duration) {
	timer := time.NewTimer(offset)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(p.every)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
		if err != nil {
			return
		}
		response, err := p.client.Do(request)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body) //nolint:errcheck // thrown away
		_ = response.Body.Close()                 //nolint:errcheck // thrown away
		p.answers.Add(1)
	}
}
