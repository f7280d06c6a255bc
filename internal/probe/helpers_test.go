package probe_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// prepare makes a probe that is released when the test ends.
func prepare(t testing.TB, h *probe.HTTP, r probe.HTTPRequest) *probe.Probe {
	t.Helper()
	p, err := h.Prepare(r, probe.Target{})
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	t.Cleanup(func() { h.Release(p) })
	return p
}

// do makes one request with the default options.
func do(t testing.TB, r probe.HTTPRequest, in probe.Input) (*probe.Response, error) {
	t.Helper()
	return prepare(t, probe.NewHTTP(probe.Options{}), r).Do(t.Context(), in)
}

// must makes one request that has to succeed, and keeps the whole body.
func must(t testing.TB, r probe.HTTPRequest) *probe.Response {
	t.Helper()
	resp, err := do(t, r, probe.Input{Body: probe.KeepAll})
	if err != nil {
		t.Fatalf("do: %v", err)
	}
	return resp
}

// wantFailure checks class and text; * in the text stands for anything.
func wantFailure(t testing.TB, err error, class probe.Class, text string) {
	t.Helper()
	if got := probe.ClassOf(err); got != class {
		t.Fatalf("class = %q, want %q (%v)", got, class, err)
	}
	rest := err.Error()
	for i, piece := range strings.Split(text, "*") {
		at := strings.Index(rest, piece)
		if at < 0 || i == 0 && at != 0 {
			t.Fatalf("error text\n  %s\nwant\n  %s", err, text)
		}
		rest = rest[at+len(piece):]
	}
	if rest != "" && !strings.HasSuffix(text, "*") {
		t.Fatalf("error text\n  %s\nwant\n  %s", err, text)
	}
}

// listen runs handle for every connection, until the test ends. Handlers that
// wait do so by reading: the connections are closed at the end.
func listen(t testing.TB, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		open    []net.Conn
	)
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return listener.Addr().String()
}

// readRequest reads one request's head from the connection.
func readRequest(conn net.Conn) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	return r
}

// answer is a handler that reads a request and writes the bytes.
func answer(text string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, text)
	}
}

// hang reads until the peer closes.
func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// reset closes with an RST instead of a FIN.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// server is an HTTP server that ends with the test.
func server(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// tlsServer is an HTTPS server that ends with the test.
func tlsServer(t testing.TB, config *tls.Config, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS = config
	s.EnableHTTP2 = len(config.NextProtos) > 0
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // refused handshakes are the point
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test Authority"}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		SerialNumber: big.NewInt(1),
	}
	a := &authority{key: newKey(t)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue signs a certificate for 127.0.0.1 and localhost, changed by edit.
func (a *authority) issue(t testing.TB, edit func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf"}, SerialNumber: big.NewInt(2),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(30*24*time.Hour + time.Minute),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if edit != nil {
		edit(template)
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// pool holds the authority's certificate.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// file writes content into a folder of the test.
func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// write replaces the content of a file.
func write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// pemFiles writes a certificate and its key.
func pemFiles(t testing.TB, c tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return file(t, "cert.pem", certPEM(c.Certificate[0])), file(t, "key.pem", key)
}

// within returns a context with a deadline that is short for a test, and long
// enough for loopback to get to the point where the server hangs.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func hostOf(target string) string {
	_, host, _ := bytes.Cut([]byte(target), []byte("://"))
	return string(host)
}
