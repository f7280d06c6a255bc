package probe_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

func TestHTTPVersions(t *testing.T) {
	a := newAuthority(t)
	ca := &probe.TLSConfig{CAFile: file(t, "ca.pem", certPEM(a.cert.Raw))}
	cert := []tls.Certificate{a.issue(t, nil)}
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Method+" "+r.Proto+" "+string(body))
	}
	both := tlsServer(t, &tls.Config{Certificates: cert, NextProtos: []string{"h2", "http/1.1"}}, echo)
	only1 := tlsServer(t, &tls.Config{Certificates: cert}, echo)
	clear2 := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	clear2.Config.Protocols = new(http.Protocols)
	clear2.Config.Protocols.SetHTTP1(true)
	clear2.Config.Protocols.SetUnencryptedHTTP2(true)
	clear2.Start()
	t.Cleanup(clear2.Close)

	tests := []struct {
		name, target, force string
		want                string
	}{
		{"ALPN chooses 2", both, "", "HTTP/2.0"},
		{"1.1 forced", both, "1.1", "HTTP/1.1"},
		{"2 forced", both, "2", "HTTP/2.0"},
		{"only 1.1 there", only1, "", "HTTP/1.1"},
		{"2 in the clear", clear2.URL, "2", "HTTP/2.0"},
		{"1.1 in the clear", clear2.URL, "", "HTTP/1.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp := must(t, probe.HTTPRequest{URL: test.target, HTTP: test.force, TLS: ca, Body: "hello"})
			if resp.Protocol != test.want {
				t.Errorf("protocol = %s, want %s", resp.Protocol, test.want)
			}
			if got, want := string(resp.Body), "POST "+test.want+" hello"; got != want {
				t.Errorf("body = %q, want %q", got, want)
			}
			if resp.Phases.Connect <= 0 || resp.Phases.TTFB <= 0 {
				t.Errorf("phases = %+v", resp.Phases)
			}
			if resp := must(t, probe.HTTPRequest{URL: test.target, HTTP: test.force, TLS: ca, Method: "HEAD"}); len(resp.Body) != 0 {
				t.Errorf("HEAD has the body %q", resp.Body)
			}
		})
	}
	t.Run("2 forced, not there", func(t *testing.T) {
		_, err := do(t, probe.HTTPRequest{URL: only1, HTTP: "2", TLS: ca}, probe.Input{})
		wantFailure(t, err, probe.ClassProtocol, "the server does not speak the forced HTTP version (ALPN)")
	})
}

func TestHTTP2Limits(t *testing.T) {
	a := newAuthority(t)
	ca := &probe.TLSConfig{CAFile: file(t, "ca.pem", certPEM(a.cert.Raw))}
	target := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{a.issue(t, nil)}, NextProtos: []string{"h2"}},
		func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/header":
				w.Header().Set("X-Huge", strings.Repeat("x", 300<<10))
			case "/body":
				for r.Context().Err() == nil {
					_, _ = w.Write(make([]byte, 32<<10))
				}
			case "/abort":
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "part")
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			case "/hang":
				<-r.Context().Done()
			}
		})
	_, err := do(t, probe.HTTPRequest{URL: target + "/header", TLS: ca}, probe.Input{})
	wantFailure(t, err, probe.ClassProtocol, "the answer's headers cannot be decoded, or one is larger than 256KiB")
	_, err = do(t, probe.HTTPRequest{URL: target + "/body", TLS: ca, MaxBody: units.MiB}, probe.Input{})
	wantFailure(t, err, probe.ClassBody, "answer larger than 1MiB (max_body)")
	_, err = do(t, probe.HTTPRequest{URL: target + "/abort", TLS: ca}, probe.Input{})
	wantFailure(t, err, probe.ClassBody, "the body cannot be read after 4 bytes: *")
	_, err = prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: target + "/hang", TLS: ca}).Do(within(t), probe.Input{})
	wantFailure(t, err, probe.ClassTimeout, "no answer within *: waiting for the first byte")
}
