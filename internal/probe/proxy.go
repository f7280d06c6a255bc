package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/proxy"
)

// proxyServer is a proxy as configured.
type proxyServer struct {
	scheme   string // http, https or socks5
	at       endpoint
	user     *url.Userinfo // nil: none
	shownURL string        // without the user, for the curl line
}

// parseProxy reads `proxy:`.
func parseProxy(text string) (*proxyServer, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, errors.New("the proxy is not a URL; write for example http://proxy:3128")
	}
	p := &proxyServer{scheme: u.Scheme, user: u.User, shownURL: shownURL(u)}
	port := u.Port()
	switch u.Scheme {
	case "http", "https":
		if port == "" {
			port = schemePort(u.Scheme)
		}
	case "socks5", "socks5h":
		p.scheme = "socks5"
		if port == "" {
			port = "1080"
		}
	default:
		return nil, fmt.Errorf("%q is no kind of proxy; write http://, https:// or socks5://", u.Scheme)
	}
	p.at = endpoint{scheme: "http", host: u.Hostname(), port: port}
	return p, p.at.complete()
}

// authorization is the Proxy-Authorization value, or "".
func (p *proxyServer) authorization() string {
	if p.user == nil {
		return ""
	}
	password, _ := p.user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user.Username()+":"+password))
}

// throughProxy connects to the target by way of the proxy. All of it counts as
// Connect, except resolving the proxy's name.
func (a *attempt) throughProxy(p *proxyServer, target endpoint, c *connection) (net.Conn, error) {
	if p.scheme == "socks5" {
		return a.throughSOCKS(p, target)
	}
	conn, err := a.dial(p.at)
	if err != nil {
		return nil, err
	}
	a.stage = stageProxy
	stop := interruptible(a.ctx, conn)
	defer stop()
	if p.scheme == "https" {
		secured := tls.Client(conn, a.probe.route.tls.forProxy(p.at.host))
		if err := secured.HandshakeContext(a.ctx); err != nil {
			_ = conn.Close()
			return nil, a.tlsFailed(err)
		}
		conn = secured
	}
	if target.scheme == "http" {
		c.absolute = true
		return conn, nil
	}
	if err := a.tunnel(conn, p, target); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// tunnel asks an HTTP proxy for a tunnel to the target (RFC 9110 §9.3.6).
func (a *attempt) tunnel(conn net.Conn, p *proxyServer, target endpoint) error {
	head := "CONNECT " + target.String() + " HTTP/1.1\r\nHost: " + target.String() + "\r\nUser-Agent: " + a.http.options.UserAgent + "\r\n"
	if value := p.authorization(); value != "" {
		head += "Proxy-Authorization: " + value + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return a.proxyFailed(err)
	}
	// Reading ahead loses nothing: a TLS server waits until it is spoken to.
	reader := bufio.NewReader(io.LimitReader(conn, int64(maxHeader)))
	res, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return a.proxyFailed(err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return failure(ClassConnect, nil, "the proxy %s refuses to connect to %s: %s", p.at, target, excerpt(res.Status))
	}
	return nil
}

func (a *attempt) proxyFailed(err error) error {
	if stop := a.interrupted(); stop != nil {
		return stop
	}
	return failure(ClassConnect, err, "the proxy %s does not work as one: %s", a.to, rootText(err))
}

// throughSOCKS connects by way of a SOCKS5 proxy (RFC 1928), which resolves
// the target's name.
func (a *attempt) throughSOCKS(p *proxyServer, target endpoint) (net.Conn, error) {
	var auth *proxy.Auth
	if p.user != nil {
		password, _ := p.user.Password()
		auth = &proxy.Auth{User: p.user.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", p.at.String(), auth, toProxy{a, p.at})
	if err != nil {
		return nil, failure(ClassRequest, err, "the proxy cannot be used: %s", rootText(err))
	}
	conn, err := dialer.(proxy.ContextDialer).DialContext(a.ctx, "tcp", target.String())
	if err != nil {
		if known, ok := errors.AsType[*Error](err); ok {
			return nil, known
		}
		if stop := a.interrupted(); stop != nil {
			return nil, stop
		}
		return nil, failure(ClassConnect, err, "the proxy %s does not connect to %s: %s", p.at, target, rootText(err))
	}
	return conn, nil
}

// toProxy dials the proxy itself, measured like every dial.
type toProxy struct {
	a  *attempt
	at endpoint
}

func (d toProxy) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(d.a.ctx, network, address)
}

func (d toProxy) DialContext(context.Context, string, string) (net.Conn, error) {
	conn, err := d.a.dial(d.at)
	if err == nil {
		d.a.stage = stageProxy
	}
	return conn, err
}
