package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/probe"
)

// TestCertificateFaults meets every kind of certificate that must not be
// accepted; its dates are reported all the same.
func TestCertificateFaults(t *testing.T) {
	known, unknown := newAuthority(t), newAuthority(t)
	day := 24 * time.Hour
	threeDaysAgo := time.Now().Add(-3*day - time.Hour)
	nextWeek := time.Now().Add(7 * day)
	selfSigned := tls.Certificate{Certificate: [][]byte{known.cert.Raw}, PrivateKey: known.key}
	tests := []struct {
		name string
		cert tls.Certificate
		want string
	}{
		{
			"expired",
			known.issue(t, func(c *x509.Certificate) { c.NotAfter = threeDaysAgo }),
			"certificate of 127.0.0.1 expired 3 days ago (" + threeDaysAgo.UTC().Format(time.DateOnly) + ")",
		},
		{
			"not yet valid",
			known.issue(t, func(c *x509.Certificate) { c.NotBefore = nextWeek }),
			"certificate of 127.0.0.1 is not valid before " + nextWeek.UTC().Format(time.DateOnly),
		},
		{
			"wrong host",
			known.issue(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"a.example", "b.example"} }),
			"certificate is for a.example, b.example, not for 127.0.0.1",
		},
		{"unknown authority", unknown.issue(t, nil), "certificate of 127.0.0.1 is signed by an unknown authority (CN=Test Authority)"},
		{"not for servers", known.issue(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), "certificate of 127.0.0.1 is not valid: *"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{test.cert}}, func(http.ResponseWriter, *http.Request) {})
			h := probe.NewHTTP(probe.Options{Roots: known.pool()})
			resp, err := prepare(t, h, probe.HTTPRequest{URL: target}).Do(t.Context(), probe.Input{})
			wantFailure(t, err, probe.ClassTLS, test.want)
			leaf, err := x509.ParseCertificate(test.cert.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			if resp.TLS == nil || !resp.TLS.Expires.Equal(leaf.NotAfter) || !resp.TLS.Leaf.Equal(leaf.NotAfter) {
				t.Errorf("TLS = %+v, want the date %s", resp.TLS, leaf.NotAfter)
			}
			if resp.Phases.TLS <= 0 || resp.Phases.TTFB != 0 {
				t.Errorf("phases = %+v, want to end in tls", resp.Phases)
			}
			// The same certificate is good enough for who says so.
			resp, err = prepare(t, h, probe.HTTPRequest{URL: target, TLS: &probe.TLSConfig{InsecureSkipVerify: true}}).Do(t.Context(), probe.Input{})
			if err != nil || resp.TLS == nil || !resp.TLS.Expires.Equal(leaf.NotAfter) {
				t.Errorf("insecure_skip_verify: %v, TLS = %+v", err, resp.TLS)
			}
		})
	}
	t.Run("self-signed", func(t *testing.T) {
		target := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{selfSigned}}, func(http.ResponseWriter, *http.Request) {})
		h := probe.NewHTTP(probe.Options{Roots: unknown.pool()})
		target = strings.Replace(target, "127.0.0.1", "localhost", 1)
		_, err := prepare(t, h, probe.HTTPRequest{URL: target, IP: "4"}).Do(t.Context(), probe.Input{})
		wantFailure(t, err, probe.ClassTLS, "certificate of localhost is self-signed; to trust it, name it in `tls.ca_file`")
	})
}

// TestEarliestDateOfTheChain reports an intermediate that ends before the leaf.
func TestEarliestDateOfTheChain(t *testing.T) {
	a := newAuthority(t)
	soon := time.Now().Add(5 * 24 * time.Hour).Truncate(time.Second)
	cert := a.issue(t, nil)
	other := a.issue(t, func(c *x509.Certificate) { c.NotAfter = soon })
	cert.Certificate = append(cert.Certificate, other.Certificate[0])
	target := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}}, func(http.ResponseWriter, *http.Request) {})
	resp := must(t, probe.HTTPRequest{URL: target, TLS: &probe.TLSConfig{CAFile: file(t, "ca.pem", certPEM(a.cert.Raw))}})
	if !resp.TLS.Expires.Equal(soon) || !resp.TLS.Leaf.After(soon) {
		t.Errorf("TLS = %+v, want to expire at %s", resp.TLS, soon)
	}
	want := &probe.TLS{
		Version: "TLS 1.3", Cipher: resp.TLS.Cipher, Expires: resp.TLS.Expires, Leaf: resp.TLS.Leaf,
		Subject: "CN=leaf", Issuer: "CN=Test Authority", DNSNames: []string{"localhost"}, ALPN: "http/1.1",
	}
	if diff := cmp.Diff(want, resp.TLS); diff != "" {
		t.Errorf("TLS (-want +got):\n%s", diff)
	}
}

func TestMutualTLS(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	target := tlsServer(t, &tls.Config{
		Certificates: []tls.Certificate{a.issue(t, nil)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool(),
	}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	})
	ca := file(t, "ca.pem", certPEM(a.cert.Raw))
	certFile, keyFile := pemFiles(t, a.issue(t, func(c *x509.Certificate) { c.Subject.CommonName = "lapwing" }))
	strangeCert, strangeKey := pemFiles(t, stranger.issue(t, nil))

	resp := must(t, probe.HTTPRequest{URL: target, TLS: &probe.TLSConfig{CAFile: ca, CertFile: certFile, KeyFile: keyFile}})
	if got := string(resp.Body); got != "lapwing" {
		t.Errorf("the server saw %q, want lapwing", got)
	}
	_, err := do(t, probe.HTTPRequest{URL: target, TLS: &probe.TLSConfig{CAFile: ca}}, probe.Input{})
	wantFailure(t, err, probe.ClassTLS, "the server requires a client certificate (tls.cert_file)")
	_, err = do(t, probe.HTTPRequest{URL: target, TLS: &probe.TLSConfig{CAFile: ca, CertFile: strangeCert, KeyFile: strangeKey}}, probe.Input{})
	wantFailure(t, err, probe.ClassTLS, "the server * our client certificate")
}

func TestServerName(t *testing.T) {
	a := newAuthority(t)
	cert := a.issue(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"api.example.com"}, nil })
	target := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.ServerName)
	})
	resp := must(t, probe.HTTPRequest{URL: target, TLS: &probe.TLSConfig{
		CAFile: file(t, "ca.pem", certPEM(a.cert.Raw)), ServerName: "api.example.com",
	}})
	if got := string(resp.Body); got != "api.example.com" {
		t.Errorf("the server was asked for %q", got)
	}
}

func TestNotTLSAtAll(t *testing.T) {
	a := newAuthority(t)
	plain := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 512))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	_, err := do(t, probe.HTTPRequest{URL: "https://" + plain}, probe.Input{})
	wantFailure(t, err, probe.ClassTLS, plain+` does not speak TLS on this port (it answers "HTTP/"); is the URL http://?`)

	closing := listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 512)) })
	_, err = do(t, probe.HTTPRequest{URL: "https://" + closing}, probe.Input{})
	wantFailure(t, err, probe.ClassTLS, "connection * by "+closing+" in the TLS handshake")

	silent := listen(t, hang)
	_, err = prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: "https://" + silent}).Do(within(t), probe.Input{})
	wantFailure(t, err, probe.ClassTimeout, "no answer within *: in the TLS handshake")

	old := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{a.issue(t, nil)}, MaxVersion: tls.VersionTLS12},
		func(http.ResponseWriter, *http.Request) {})
	_, err = do(t, probe.HTTPRequest{URL: old, TLS: &probe.TLSConfig{MinVersion: "1.3"}}, probe.Input{})
	wantFailure(t, err, probe.ClassTLS, "the server does not speak a TLS version that `tls.min_version` allows")
}

// TestTLSFiles are read when the probe is prepared: a mistake is an error at load.
func TestTLSFiles(t *testing.T) {
	a := newAuthority(t)
	certFile, _ := pemFiles(t, a.issue(t, nil))
	_, otherKey := pemFiles(t, a.issue(t, nil))
	empty := file(t, "empty.pem", nil)
	tests := []struct {
		name string
		tls  probe.TLSConfig
		want string
	}{
		{"no such file", probe.TLSConfig{CAFile: "/nonexistent/ca.pem"}, "tls.ca_file: /nonexistent/ca.pem does not exist"},
		{"a folder", probe.TLSConfig{CAFile: t.TempDir()}, "is not a regular file"},
		{"no certificate in it", probe.TLSConfig{CAFile: empty}, "holds no certificate in PEM form"},
		{"another certificate's key", probe.TLSConfig{CertFile: certFile, KeyFile: otherKey}, "do not work together: private key does not match public key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := probe.NewHTTP(probe.Options{}).Prepare(probe.HTTPRequest{URL: "https://localhost", TLS: &test.tls}, probe.Target{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
}
