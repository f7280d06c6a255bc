package gateway

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/health"
)

// certificateNotice warns that new files of a certificate cannot be used.
const certificateNotice = "gateway_certificate"

// certificate is a TLS certificate whose files may change.
type certificate struct {
	cert, key string // file names
	present   atomic.Pointer[loaded]
	config    *tls.Config
}

// loaded is what the files held.
type loaded struct {
	cert, key   []byte
	certificate tls.Certificate
}

func newCertificate(cfg TLS, dir string) (*certificate, error) {
	c := &certificate{cert: resolveFile(dir, cfg.Cert), key: resolveFile(dir, cfg.Key)}
	now, err := c.read()
	if err != nil {
		return nil, err
	}
	c.present.Store(now)
	c.config = &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.present.Load().certificate, nil
		},
	}
	if cfg.MinVersion == "1.3" {
		c.config.MinVersion = tls.VersionTLS13
	}
	return c, nil
}

// maxPEM bounds what is read of a certificate's files.
const maxPEM = 1 << 20

func (c *certificate) read() (*loaded, error) {
	var l loaded
	for _, file := range []struct {
		name string
		into *[]byte
	}{{c.cert, &l.cert}, {c.key, &l.key}} {
		info, err := os.Stat(file.name)
		if err != nil {
			return nil, fmt.Errorf("read the certificate: %w", err)
		}
		if info.Size() > maxPEM {
			return nil, fmt.Errorf("%s has %d bytes, which no certificate has", file.name, info.Size())
		}
		if *file.into, err = os.ReadFile(file.name); err != nil {
			return nil, fmt.Errorf("read the certificate: %w", err)
		}
	}
	var err error
	if l.certificate, err = tls.X509KeyPair(l.cert, l.key); err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", c.cert, c.key, err)
	}
	return &l, nil
}

// refresh takes over files that have changed. As long as they do not fit, as
// while they are being written, the old certificate is used.
func (g *Gateway) refresh(c *certificate) {
	next, err := c.read()
	if err != nil {
		g.log.Warn("the certificate's files cannot be used; the old certificate is", "error", err)
		g.warnCertificate("The files have changed, but " + err.Error() + ". The old certificate is used until they are right.")
		return
	}
	if expires := expiry(next.certificate.Leaf); !expires.IsZero() && time.Now().After(expires) {
		g.warnCertificate("The certificate " + c.cert + " has expired on " + expires.Format(time.DateOnly) + ". Clients refuse it; put a new one in its place.")
	} else if g.deps.Health != nil {
		g.deps.Health.Clear(certificateNotice)
	}
	old := c.present.Load()
	if bytes.Equal(old.cert, next.cert) && bytes.Equal(old.key, next.key) {
		return
	}
	c.present.Store(next)
	g.log.Info("the gateway uses a new certificate", "expires", expiry(next.certificate.Leaf))
}

func (g *Gateway) warnCertificate(text string) {
	if g.deps.Health != nil {
		g.deps.Health.Raise(health.Notice{
			Code: certificateNotice, Severity: health.Warning, Title: "The gateway's certificate needs attention", Text: text,
		})
	}
}

func expiry(leaf *x509.Certificate) time.Time {
	if leaf == nil {
		return time.Time{}
	}
	return leaf.NotAfter.UTC()
}

// resolveFile is a file name of the configuration.
func resolveFile(dir, name string) string {
	if filepath.IsAbs(name) || dir == "" {
		return name
	}
	return filepath.Join(dir, name)
}
