package probe_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/probe"
)

// relay copies between two connections until one ends.
func relay(a net.Conn, aReader io.Reader, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(b, aReader)
		_ = b.Close()
	}()
	_, _ = io.Copy(a, b)
	_ = a.Close()
	<-done
}

// httpProxy is a proxy that wants user "u" with password "p", and tunnels to
// the address that it is asked for.
func httpProxy(t *testing.T, asked *string) func(net.Conn) {
	return func(c net.Conn) {
		reader := bufio.NewReader(c)
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		*asked = r.Method + " " + r.RequestURI
		if r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("u:p")) {
			_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			return
		}
		if r.Method != http.MethodConnect {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
			return
		}
		onward, err := net.Dial("tcp", r.Host)
		if err != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		relay(c, reader, onward)
	}
}

// socksProxy is a SOCKS5 proxy without authentication; it connects every name
// to the same address.
func socksProxy(onwardTo string, asked *string) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 300)
		if _, err := io.ReadFull(c, buf[:2]); err != nil {
			return
		}
		_, _ = io.ReadFull(c, buf[:buf[1]])
		_, _ = c.Write([]byte{5, 0})
		_, _ = io.ReadFull(c, buf[:5])
		n := int(buf[4])
		_, _ = io.ReadFull(c, buf[:n+2])
		*asked = fmt.Sprintf("%s:%d", buf[:n], binary.BigEndian.Uint16(buf[n:]))
		if onwardTo == "" {
			_, _ = c.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0}) // host unreachable
			return
		}
		onward, err := net.Dial("tcp", onwardTo)
		if err != nil {
			return
		}
		_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		relay(c, c, onward)
	}
}

func TestProxies(t *testing.T) {
	a := newAuthority(t)
	ca := &probe.TLSConfig{CAFile: file(t, "ca.pem", certPEM(a.cert.Raw))}
	cert := a.issue(t, nil)
	secured := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}},
		func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	plain := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "target") })

	t.Run("plain", func(t *testing.T) {
		var asked string
		resp := must(t, probe.HTTPRequest{URL: "http://api.invalid/x?y=1", Proxy: "http://u:p@" + listen(t, httpProxy(t, &asked))})
		if string(resp.Body) != "proxy" || asked != "GET http://api.invalid/x?y=1" {
			t.Errorf("body %q, the proxy was asked for %q", resp.Body, asked)
		}
	})
	t.Run("tunnel", func(t *testing.T) {
		var asked string
		resp := must(t, probe.HTTPRequest{URL: secured, TLS: ca, Proxy: "http://u:p@" + listen(t, httpProxy(t, &asked))})
		if string(resp.Body) != "HTTP/2.0" || asked != "CONNECT "+hostOf(secured) {
			t.Errorf("body %q, the proxy was asked for %q", resp.Body, asked)
		}
		if resp.Phases.TLS <= 0 || resp.Phases.Connect <= 0 {
			t.Errorf("phases %+v", resp.Phases)
		}
	})
	t.Run("tunnel through a TLS proxy", func(t *testing.T) {
		var asked string
		inner := httpProxy(t, &asked)
		address := listen(t, func(c net.Conn) {
			inner(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
		})
		resp := must(t, probe.HTTPRequest{URL: secured, TLS: ca, Proxy: "https://u:p@" + address})
		if string(resp.Body) != "HTTP/2.0" {
			t.Errorf("body %q", resp.Body)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		var asked string
		address := listen(t, httpProxy(t, &asked))
		_, err := do(t, probe.HTTPRequest{URL: secured, TLS: ca, Proxy: "http://u:hunter22@" + address}, probe.Input{})
		wantFailure(t, err, probe.ClassConnect, "the proxy "+address+" refuses to connect to "+hostOf(secured)+`: "407 Proxy Authentication Required"`)
	})
	t.Run("not there", func(t *testing.T) {
		_, err := do(t, probe.HTTPRequest{URL: plain, Proxy: "http://u:hunter22@127.0.0.1:1"}, probe.Input{})
		wantFailure(t, err, probe.ClassConnect, "connection refused by the proxy 127.0.0.1:1")
	})
	t.Run("hangs", func(t *testing.T) {
		address := listen(t, hang)
		_, err := prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: secured, Proxy: "http://" + address}).Do(within(t), probe.Input{})
		wantFailure(t, err, probe.ClassTimeout, "no answer within *: waiting for the proxy "+address)
	})
	t.Run("no proxy at all", func(t *testing.T) {
		address := listen(t, answer("220 mail.example.com ESMTP\r\n"))
		_, err := do(t, probe.HTTPRequest{URL: secured, Proxy: "http://" + address}, probe.Input{})
		wantFailure(t, err, probe.ClassConnect, "the proxy "+address+" does not work as one: *")
	})
	t.Run("SOCKS5", func(t *testing.T) {
		var asked string
		resp := must(t, probe.HTTPRequest{URL: "http://api.invalid/", Proxy: "socks5://" + listen(t, socksProxy(hostOf(plain), &asked))})
		if string(resp.Body) != "target" || asked != "api.invalid:80" {
			t.Errorf("body %q, the proxy was asked for %q", resp.Body, asked)
		}
	})
	t.Run("SOCKS5 cannot reach it", func(t *testing.T) {
		var asked string
		address := listen(t, socksProxy("", &asked))
		_, err := do(t, probe.HTTPRequest{URL: "http://api.invalid/", Proxy: "socks5://" + address}, probe.Input{})
		wantFailure(t, err, probe.ClassConnect, "the proxy "+address+" does not connect to api.invalid:80: *host unreachable")
	})
	t.Run("SOCKS5 hangs", func(t *testing.T) {
		address := listen(t, hang)
		_, err := prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: plain, Proxy: "socks5://" + address}).Do(within(t), probe.Input{})
		wantFailure(t, err, probe.ClassTimeout, "no answer within *: waiting for the proxy "+address)
	})
}

// TestEnvironmentProxyIsIgnored: a probe measures what its file says.
func TestEnvironmentProxyIsIgnored(t *testing.T) {
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	target := server(t, echo)
	if resp := must(t, probe.HTTPRequest{URL: strings.Replace(target, "127.0.0.1", "localhost", 1), IP: "4"}); resp.Status != http.StatusOK {
		t.Errorf("status %d", resp.Status)
	}
}
