package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/gateway"
)

// certify writes a certificate for 127.0.0.1 into dir and returns it.
func certify(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// secure is a configuration with TLS, and a client that trusts it.
func secure(t *testing.T, upstream string) (gateway.Config, *http.Client) {
	t.Helper()
	dir := t.TempDir()
	pool := x509.NewCertPool()
	pool.AddCert(certify(t, dir, "first"))
	cfg := single(upstream)
	cfg.TLS = &gateway.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return cfg, &http.Client{Transport: transport}
}

func TestTLSSpeaksHTTP2AndIsHTTPSToTheUpstream(t *testing.T) {
	cfg, client := secure(t, upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Seen-Proto", r.Header.Get("X-Forwarded-Proto"))
	}))
	s := start(t, around{cfg: cfg})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Addr().String()+"/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, _ := s.send(client, r)
	if res.ProtoMajor != 2 || res.StatusCode != 200 || res.Header.Get("Seen-Proto") != "https" {
		t.Errorf("%s %d %v", res.Proto, res.StatusCode, res.Header)
	}
	if e := s.sink.one(t); e.Protocol != "HTTP/2.0" || e.Scheme != "https" {
		t.Errorf("%+v", e)
	}
}

func TestTLSOfLongAgoIsRefused(t *testing.T) {
	cfg, client := secure(t, upstreamServer(t, echo))
	cfg.TLS.MinVersion = "1.3"
	s := start(t, around{cfg: cfg})
	old := client.Transport.(*http.Transport).TLSClientConfig.Clone()
	old.MaxVersion = tls.VersionTLS12
	dialer := &tls.Dialer{Config: old}
	if c, err := dialer.DialContext(t.Context(), "tcp", s.Addr().String()); err == nil {
		c.Close() //nolint:errcheck // it should not be there
		t.Error("TLS 1.2 was let in")
	}
}

func TestARenewedCertificateIsUsedByItself(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, "first")
	synctest.Test(t, func(t *testing.T) {
		c, err := gateway.NewCertificate(gateway.TLS{Cert: "cert.pem", Key: "key.pem"}, dir)
		if err != nil {
			t.Fatal(err)
		}
		g := gateway.Certified(c)
		expect := func(want string) {
			t.Helper()
			if got := c.Subject(); got != want {
				t.Errorf("got the certificate %s, want %s", got, want)
			}
		}
		watching := gateway.Watch(t.Context(), g)
		expect("first")
		if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("half a file"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		expect("first")
		if got := watching.Notices(); got != 1 {
			t.Errorf("%d notices", got)
		}
		certify(t, dir, "second")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		expect("second")
		if got := watching.Notices(); got != 0 {
			t.Errorf("%d notices", got)
		}
		watching.Stop()
	})
}
