package probe

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tlsSettings is what probes with equal `tls:` and `http:` settings share.
type tlsSettings struct {
	base     *tls.Config // never used as it is: verification is ours
	roots    *x509.CertPool
	insecure bool
}

// tlsKey tells settings apart by their content, so that a reload picks up a CA
// file that was replaced under the same name.
type tlsKey struct {
	ca, cert, key    [sha256.Size]byte
	min, http        string
	insecure, custom bool
}

// newTLSSettings reads the certificates that were given.
func newTLSSettings(t *TLSConfig, version string, ca, cert, key []byte, roots *x509.CertPool) (*tlsSettings, error) {
	s := &tlsSettings{roots: roots, insecure: t.InsecureSkipVerify}
	s.base = &tls.Config{
		MinVersion: tls.VersionTLS12,
		// The chain is verified in verify, which reports a certificate's dates
		// also when it is not accepted; crypto/tls would drop them.
		InsecureSkipVerify: true, //nolint:gosec // see above
	}
	if t.MinVersion == "1.3" {
		s.base.MinVersion = tls.VersionTLS13
	}
	switch version {
	case "1.1":
		s.base.NextProtos = []string{"http/1.1"}
	case "2":
		s.base.NextProtos = []string{"h2"}
	default:
		s.base.NextProtos = []string{"h2", "http/1.1"}
	}
	if ca != nil {
		s.roots = x509.NewCertPool()
		if !s.roots.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM form", t.CAFile)
		}
	}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file: %s and tls.key_file: %s do not work together: %s", t.CertFile, t.KeyFile, rootText(err))
		}
		s.base.Certificates = []tls.Certificate{pair}
	}
	return s, nil
}

// forTarget is the configuration of one handshake. What the server showed goes
// to seen as soon as it is known. Client certificates are for the probe's own
// host, not for one that it was redirected to.
func (s *tlsSettings) forTarget(name string, own bool, seen **TLS) *tls.Config {
	c := s.base.Clone()
	c.ServerName = name
	if !own {
		c.Certificates = nil
	}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		*seen = tlsSeen(state)
		if s.insecure {
			return nil
		}
		return verify(state, name, s.roots)
	}
	return c
}

// forProxy is the configuration of the handshake with an https proxy.
func (s *tlsSettings) forProxy(name string) *tls.Config {
	var seen *TLS
	c := s.forTarget(name, false, &seen)
	c.NextProtos = nil
	return c
}

// secure makes TLS of an open connection to host.
func (a *attempt) secure(c *connection, host string) error {
	a.enter(stageTLS, &a.resp.Phases.TLS)
	own := host == a.host
	name := host
	if own && a.probe.serverName != "" {
		name = a.probe.serverName
	}
	conn := tls.Client(c.raw, a.probe.route.tls.forTarget(name, own, &c.tls))
	stop := interruptible(a.ctx, c.raw)
	defer stop()
	err := conn.HandshakeContext(a.ctx)
	a.resp.TLS = c.tls
	if err != nil {
		return a.tlsFailed(err)
	}
	c.Conn = conn
	c.h2 = conn.ConnectionState().NegotiatedProtocol == "h2"
	return nil
}

// tlsSeen keeps what a handshake told.
func tlsSeen(state tls.ConnectionState) *TLS {
	t := &TLS{
		Version: tls.VersionName(state.Version),
		Cipher:  tls.CipherSuiteName(state.CipherSuite),
		ALPN:    state.NegotiatedProtocol,
	}
	for i, cert := range state.PeerCertificates {
		if i == 0 {
			t.Leaf, t.Expires = cert.NotAfter, cert.NotAfter
			t.Subject, t.Issuer, t.DNSNames = cert.Subject.String(), cert.Issuer.String(), cert.DNSNames
		}
		if cert.NotAfter.Before(t.Expires) {
			t.Expires = cert.NotAfter
		}
	}
	return t
}

// verify checks the chain that the server sent for the name, as crypto/tls
// would, with errors that name the trouble.
func verify(state tls.ConnectionState, name string, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return failure(ClassTLS, nil, "%s showed no certificate", name)
	}
	options := x509.VerifyOptions{Roots: roots, DNSName: name, Intermediates: x509.NewCertPool()}
	for _, cert := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(cert)
	}
	leaf := state.PeerCertificates[0]
	_, err := leaf.Verify(options)
	if err == nil {
		return nil
	}
	var (
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		authority x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &invalid):
		return certificateInvalid(invalid, leaf, name)
	case errors.As(err, &hostname):
		return failure(ClassTLS, err, "certificate is for %s, not for %s", namesOf(leaf), name)
	case errors.As(err, &authority):
		if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
			return failure(ClassTLS, err, "certificate of %s is self-signed; to trust it, name it in `tls.ca_file`", name)
		}
		return failure(ClassTLS, err, "certificate of %s is signed by an unknown authority (%s)", name, printable(leaf.Issuer.String(), maxCauseText))
	default:
		return failure(ClassTLS, err, "certificate of %s is not valid: %s", name, rootText(err))
	}
}

// certificateInvalid explains a certificate with a fault of its own.
func certificateInvalid(invalid x509.CertificateInvalidError, leaf *x509.Certificate, name string) error {
	cert := invalid.Cert
	if cert == nil {
		cert = leaf
	}
	what := "certificate of " + name
	if cert != leaf && !cert.Equal(leaf) {
		what = fmt.Sprintf("authority %q of the certificate of %s", printable(cert.Subject.CommonName, maxCauseText), name)
	}
	if invalid.Reason != x509.Expired {
		return failure(ClassTLS, invalid, "%s is not valid: %s", what, rootText(invalid))
	}
	now := time.Now()
	if now.Before(cert.NotBefore) {
		return failure(ClassTLS, invalid, "%s is not valid before %s", what, cert.NotBefore.UTC().Format(time.DateOnly))
	}
	return failure(ClassTLS, invalid, "%s expired %s ago (%s)", what, span(now.Sub(cert.NotAfter)), cert.NotAfter.UTC().Format(time.DateOnly))
}

// span is a duration in its largest unit: "3 days", "1 hour".
func span(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / unit.length); n == 1 {
			return "1 " + unit.name
		} else if n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "a moment"
}

// namesOf lists what a certificate is for, shortened.
func namesOf(cert *x509.Certificate) string {
	const shown = 3
	names := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name"
	}
	if more := len(names) - shown; more > 0 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	return printable(strings.Join(names, ", "), maxCauseText)
}
