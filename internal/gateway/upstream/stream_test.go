package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/middleware/observe"
)

type starter = func(cfg upstream.Config, urls ...string) *proxy

func TestAnEventArrivesBeforeTheNextOneIsSent(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		next := make(chan struct{})
		p := start(upstream.Config{}, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			flush := http.NewResponseController(w)
			_ = flush.Flush()
			for i := range 3 {
				<-next
				fmt.Fprintf(w, "data: %d\n\n", i)
				_ = flush.Flush()
			}
		}))
		res := p.do(t, "GET", "/events") // the header comes before any event
		in := bufio.NewReader(res.Body)
		for i := range 3 {
			next <- struct{}{}
			if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("event %d is %q, %v", i, line, err)
			}
			_, _ = in.ReadString('\n')
		}
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("after the last event: %q, %v", rest, err)
		}
		if got := p.result(t); got.Error != "" || got.ResponseBytes != 27 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestASlowAnswerOfKnownLengthIsNotHeldBack(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		next := make(chan struct{})
		p := start(upstream.Config{}, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			<-next
			_, _ = io.WriteString(w, "after")
		}))
		res := p.do(t, "GET", "/video")
		part := make([]byte, 5)
		if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != "first" {
			t.Fatalf("part %q, %v", part, err)
		}
		close(next)
		if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "after" {
			t.Errorf("rest %q, %v", rest, err)
		}
	})
}

func TestClientAndServerMayTalkInTurns(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{}, rawUpstream(t, func(_ int, c *net.TCPConn) {
			in := bufio.NewReader(c)
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			lines := bufio.NewScanner(r.Body)
			for lines.Scan() {
				fmt.Fprintf(c, "%x\r\n%s!\r\n", len(lines.Text())+1, lines.Text())
			}
			fmt.Fprint(c, "0\r\n\r\n")
		}))
		body, say := io.Pipe()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL, body)
		res, err := p.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for _, word := range []string{"one", "two", "three"} {
			fmt.Fprintln(say, word)
			heard := make([]byte, len(word)+1)
			if _, err := io.ReadFull(res.Body, heard); err != nil || string(heard) != word+"!" {
				t.Fatalf("heard %q, %v", heard, err)
			}
		}
		say.Close()
		if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
			t.Errorf("rest %q, %v", rest, err)
		}
		if got := p.result(t); got.Error != "" || got.RequestBytes != 14 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestAnUploadThatIsRefusedEarlySeesTheRefusal(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{}, rawUpstream(t, func(_ int, c *net.TCPConn) {
			if _, err := http.ReadRequest(bufio.NewReaderSize(c, 4096)); err != nil {
				return
			}
			fmt.Fprint(c, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much")
			_ = c.CloseWrite()
			_, _ = io.CopyN(io.Discard, c, 1<<10)
		}))
		body, endless := io.Pipe() // a client that sends slowly and never ends
		defer endless.Close()
		go func() { _, _ = endless.Write([]byte("beginning")) }()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL, body)
		res, err := p.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if res.StatusCode != 413 || string(text) != "too much" || err != nil {
			t.Errorf("status %d, %q, %v", res.StatusCode, text, err)
		}
		if got := p.result(t); got.Status != 413 || got.Error != "" {
			t.Errorf("result %+v", got)
		}
	})
}

func TestAClientThatLeavesWhileItWaitsFreesTheUpstream(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		asked, freed := make(chan struct{}), make(chan struct{})
		p := start(upstream.Config{}, serverOf(t, func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
			close(freed)
		}))
		ctx, leave := context.WithCancel(t.Context())
		go func() { <-asked; leave() }()
		req, _ := http.NewRequestWithContext(ctx, "GET", p.URL, nil)
		if res, err := p.Client().Do(req); !errors.Is(err, context.Canceled) {
			t.Fatalf("answer %v, %v", res, err)
		}
		<-freed
		if got := p.result(t); got.Error != observe.ErrorClientGone || got.Committed {
			t.Errorf("result %+v", got)
		}
		if s := p.pool.Status().Servers[0]; s.Failed != 0 || s.InWork != 0 {
			t.Errorf("the server is blamed: %+v", s)
		}
	})
}

func TestAClientThatLeavesWithinAnAnswerFreesTheUpstream(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		freed := make(chan struct{})
		p := start(upstream.Config{}, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(freed)
		}))
		ctx, leave := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", p.URL, nil)
		res, err := p.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.ReadFull(res.Body, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		leave()
		<-freed
		if got := p.result(t); got.Error != observe.ErrorClientGone || !got.Committed {
			t.Errorf("result %+v", got)
		}
	})
}

func TestAClientThatLeavesWithinItsUploadBreaksTheRequest(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		upload := make(chan error, 1)
		p := start(upstream.Config{}, serverOf(t, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			upload <- err
		}))
		c, err := net.Dial("tcp", p.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
		c.Close()
		if err := <-upload; err == nil {
			t.Error("the upstream took half a body for a whole one")
		}
		if got := p.result(t); got.Error != observe.ErrorClientGone {
			t.Errorf("result %+v", got)
		}
	})
}

func TestAMalformedUploadIsTheClientsFault(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{}, serverOf(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		c, err := net.Dial("tcp", p.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
		in := bufio.NewReader(c)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if res.StatusCode != 400 || !res.Close {
			t.Errorf("status %d, closes %v", res.StatusCode, res.Close)
		}
		if got := p.result(t); got.Error != observe.ErrorRequestBody {
			t.Errorf("result %+v", got)
		}
		if more, err := in.ReadByte(); err == nil {
			t.Errorf("what followed the malformed body was read as a request: answer begins with %q", more)
		}
	})
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{}, serverOf(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		p.out = func(*http.Request) *upstream.Outbound { return &upstream.Outbound{MaxBody: 10} }
		for _, body := range []io.Reader{strings.NewReader("eleven bytes"), io.MultiReader(strings.NewReader("eleven bytes"))} {
			req, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL, body)
			res, err := p.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := p.result(t); res.StatusCode != 413 || got.Error != observe.ErrorRequestBody {
				t.Errorf("status %d, result %+v", res.StatusCode, got)
			}
		}
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL, io.MultiReader(strings.NewReader("ten bytes!")))
		res, err := p.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := p.result(t); res.StatusCode != 200 || got.RequestBytes != 10 {
			t.Errorf("at the bound: status %d, result %+v", res.StatusCode, got)
		}
	})
}

func TestAnUpstreamThatStallsTimesOut(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{Timeouts: upstream.Timeouts{Header: 60 * time.Millisecond}}, rawUpstream(t, func(_ int, c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }))
		if res := p.do(t, "GET", "/"); res.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("status %d", res.StatusCode)
		}
		if got := p.result(t); got.Error != observe.ErrorTimeout {
			t.Errorf("result %+v", got)
		}

		p = start(upstream.Config{Timeouts: upstream.Timeouts{Idle: 60 * time.Millisecond}}, rawUpstream(t, func(_ int, c *net.TCPConn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, c)
		}))
		res := p.do(t, "GET", "/")
		if body, err := io.ReadAll(res.Body); err == nil || string(body) != "half" {
			t.Errorf("body %q, %v: half an answer looks like a whole one", body, err)
		}
		if got := p.result(t); got.Error != observe.ErrorTimeout || !got.Committed || got.ResponseBytes != 4 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestASlowUploadIsNotTheUpstreamsFault(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{Timeouts: upstream.Timeouts{Header: 600 * time.Millisecond}}, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
		}))
		body, write := io.Pipe()
		go func() {
			for range 8 {
				_, _ = write.Write([]byte("x"))
				<-time.After(100 * time.Millisecond)
			}
			write.Close()
		}()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL, body)
		res, err := p.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if text, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(text) != "8" {
			t.Errorf("status %d, body %q, result %+v", res.StatusCode, text, p.result(t))
		}
	})
}

func TestAnAnswerIsWatchedAndChangedOnItsWay(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{}, serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Cost", "7")
			w.Header().Set("Ratelimit", "its own")
			w.Header().Add("Set-Cookie", "a=1")
			w.WriteHeader(http.StatusAccepted)
		}))
		p.out = func(*http.Request) *upstream.Outbound { return &upstream.Outbound{Answer: answerer{}} }
		front := p.Config.Handler
		p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Ratelimit", "ours")
			w.Header().Add("Set-Cookie", "ours=1")
			front.ServeHTTP(w, r)
		})
		res := p.do(t, "GET", "/")
		if got := fmt.Sprint(res.StatusCode, res.Header["Ratelimit"], res.Header["Set-Cookie"], res.Header["X-Cost"], res.Header["X-Charged"]); got != "202 [ours] [ours=1 a=1] [] [7 202]" {
			t.Errorf("got %s", got)
		}
	})
}

type answerer struct{}

func (answerer) Answering(status int, h http.Header) {
	h.Set("X-Charged", h.Get("X-Cost")+" "+itoa(status))
	h.Del("X-Cost")
}

func TestAPanicOfTheGatewayLosesNoSlot(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{Connections: upstream.Connections{Max: 1}}, serverOf(t, func(http.ResponseWriter, *http.Request) {}))
		p.out = func(*http.Request) *upstream.Outbound { return &upstream.Outbound{Answer: panicker{}} }
		if res, err := p.Client().Get(p.URL); err == nil {
			res.Body.Close()
			t.Errorf("status %d", res.StatusCode)
		}
		if got := p.result(t); got.Error != observe.ErrorInternal {
			t.Errorf("result %+v", got)
		}
		p.out = nil
		if res := p.do(t, "GET", "/"); res.StatusCode != 200 {
			t.Errorf("after that: status %d", res.StatusCode)
		}
	})
}

type panicker struct{}

func (panicker) Answering(int, http.Header) { panic("a defect") }

func TestAClientThatTakesItsTimeIsNotTheUpstreamsFault(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		large := strings.Repeat("0123456789abcdef", 1<<20) // more than any socket holds
		p := start(upstream.Config{Timeouts: upstream.Timeouts{Idle: 600 * time.Millisecond}}, serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, large)
		}))
		res := p.do(t, "GET", "/")
		<-time.After(800 * time.Millisecond)
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != int64(len(large)) {
			t.Errorf("%d bytes, %v", n, err)
		}
		if got := p.result(t); got.Error != "" {
			t.Errorf("result %+v", got)
		}
	})
}

func TestAfterAFailedUploadTheNextRequestIsServed(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		p := start(upstream.Config{}, rawUpstream(t, func(_ int, c *net.TCPConn) {
			in := bufio.NewReader(c)
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if r.Method == "GET" {
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_ = c.SetLinger(0)
		}))
		for range 30 { // whether the failure or the upload's end is seen first is a matter of luck
			res, err := p.Client().Post(p.URL, "text/plain", strings.NewReader(strings.Repeat("x", 30_000)))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			p.result(t)
			if again := p.do(t, "GET", "/"); again.StatusCode != 200 {
				t.Fatalf("after a %d: %d, %+v", res.StatusCode, again.StatusCode, p.result(t))
			}
			p.result(t)
		}
	})
}
