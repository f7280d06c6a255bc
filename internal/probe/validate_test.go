package probe_test

import (
	"math"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

// TestValidate has one request per mistake.
func TestValidate(t *testing.T) {
	oauth2 := func(o probe.OAuth2) *probe.Auth { return &probe.Auth{OAuth2: &o} }
	tests := []struct {
		name string
		r    probe.HTTPRequest
		want string // all problems, one per line
	}{
		{"fine", probe.HTTPRequest{URL: "https://api.example.com/orders/${id}?a=${b}"}, ""},
		{"a path", probe.HTTPRequest{URL: "/orders?limit=1"}, ""},
		{"nothing", probe.HTTPRequest{}, ""},
		{"wholly captured", probe.HTTPRequest{URL: "${next}"}, ""},
		{"method", probe.HTTPRequest{Method: "GET IT"}, `method: "GET IT" is not a method; write a method such as GET or POST`},
		{"method's case", probe.HTTPRequest{Method: "post"}, `method: methods are case-sensitive: "post" is not POST; write POST`},
		{"CONNECT", probe.HTTPRequest{Method: "CONNECT"}, "method: CONNECT cannot be probed; to go through a proxy, use `proxy`"},
		{"no URL", probe.HTTPRequest{URL: "http://[::1"}, `url: "http://[::1" is not a URL; write for example https://api.example.com/health or /health`},
		{"no scheme", probe.HTTPRequest{URL: "//api.example.com/x"}, "url: the URL has a host but no scheme; write https://api.example.com/x"},
		{"a host only", probe.HTTPRequest{URL: "api.example.com/health"}, `url: "api.example.com/health" has no scheme; did you mean https://api.example.com/health?`},
		{"another scheme", probe.HTTPRequest{URL: "ftp://example.com/"}, `url: "ftp:" is not HTTP; it must begin with http:// or https://`},
		{"host and port only", probe.HTTPRequest{URL: "localhost:8000/x"}, `url: "localhost:" is not HTTP; it must begin with http:// or https://`},
		{"no host", probe.HTTPRequest{URL: "http:///x"}, "url: the URL has no host; write for example https://api.example.com/health"},
		{"port", probe.HTTPRequest{URL: "http://h:70000/"}, `url: "70000" is not a port; write a number from 1 to 65535`},
		{"header name", probe.HTTPRequest{Headers: map[string]string{"X Y": "1"}}, `headers.X Y: "X Y" is not a header name; a name has letters, digits and hyphens`},
		{"header value", probe.HTTPRequest{Headers: map[string]string{"X-Y": "1\r\n2"}}, "headers.X-Y: the value holds a line break or control character; write it in one line"},
		{"header twice", probe.HTTPRequest{Headers: map[string]string{"X-Y": "1", "x-y": "2"}}, "headers.x-y: the header is given twice, as X-Y too; remove one of them"},
		{"our header", probe.HTTPRequest{Headers: map[string]string{"content-length": "1"}}, "headers.content-length: Content-Length is set by the prober itself; remove it"},
		{"query", probe.HTTPRequest{Query: map[string]any{"a": []any{"x", map[string]any{}}}}, "query.a[1]: a parameter cannot hold a map; write a text, a number, true or false, or a list of them"},
		{"two bodies", probe.HTTPRequest{JSON: 1, Body: "x"}, "body: a request has one body, but this one has json and body; keep one of them"},
		{"JSON", probe.HTTPRequest{JSON: math.Inf(1)}, "json: cannot be written as JSON: json: unsupported value: +Inf; keys must be texts, numbers finite"},
		{"GraphQL", probe.HTTPRequest{GraphQL: &probe.GraphQL{}}, "graphql.query: is missing; write for example { orders { id } }"},
		{"part", probe.HTTPRequest{Multipart: map[string]probe.Part{"a": {Value: "x", File: "y"}}}, "multipart.a: a part has a value or a file, not both; keep one of them"},
		{"no auth", probe.HTTPRequest{Auth: &probe.Auth{}}, "auth: says nothing; write basic, bearer, bearer_file or oauth2"},
		{"two auths", probe.HTTPRequest{Auth: &probe.Auth{Bearer: secret.New("x"), Basic: &probe.Basic{}}}, "auth.bearer: a request proves itself in one way, but this one has basic and bearer; keep one of them"},
		{"auth and header", probe.HTTPRequest{Auth: &probe.Auth{Bearer: secret.New("x")}, Headers: map[string]string{"authorization": "y"}}, "auth: the request has both auth and an Authorization header; remove one of them"},
		{"auth and URL", probe.HTTPRequest{URL: "http://u:p@h/", Auth: &probe.Auth{Bearer: secret.New("x")}}, "auth: the request has both auth and a user in its URL; remove one of them"},
		{
			"OAuth2",
			probe.HTTPRequest{Auth: oauth2(probe.OAuth2{TokenURL: "/token", Params: map[string]string{"scope": "x"}})},
			"auth.oauth2.token_url: \"/token\" is not an absolute HTTP URL; write for example https://login.example.com/oauth2/token\n" +
				"auth.oauth2.client_id: is missing\nauth.oauth2.params.scope: is set by the request itself; remove it",
		},
		{"key without certificate", probe.HTTPRequest{TLS: &probe.TLSConfig{KeyFile: "k"}}, "tls.cert_file: is missing beside key_file; name the key's certificate"},
		{"TLS version", probe.HTTPRequest{TLS: &probe.TLSConfig{MinVersion: "1.1"}}, `tls.min_version: "1.1" is no TLS version that can be asked for; write "1.2" or "1.3"`},
		{"proxy", probe.HTTPRequest{Proxy: "ftp://u:hunter22@proxy"}, `proxy: "ftp" is no kind of proxy; write http://, https:// or socks5://`},
		{"proxy and resolve", probe.HTTPRequest{Proxy: "http://proxy", Resolve: map[string]string{"a:1": "b:2"}}, "resolve: has no effect with a proxy, which resolves names itself; remove one of them"},
		{"resolve", probe.HTTPRequest{Resolve: map[string]string{"a:1": "b"}}, `resolve: "b" is not host:port; write for example 127.0.0.1:8443 or [::1]:8443`},
		{"IP", probe.HTTPRequest{IP: "5"}, `ip: "5" is no address family; write any, 4 or 6`},
		{"HTTP", probe.HTTPRequest{HTTP: "3"}, `http: HTTP version "3" cannot be forced; write "1.1" or "2"`},
		{"keep-alive", probe.HTTPRequest{KeepAlive: true, Method: "DELETE"}, ""},
		{"keep-alive of HTTP/2", probe.HTTPRequest{KeepAlive: true, HTTP: "2"}, "keep_alive: only HTTP/1.1 connections are kept open, but `http` forces HTTP/2; remove one of them"},
		{"keep-alive of a POST", probe.HTTPRequest{KeepAlive: true, JSON: 1}, "keep_alive: POST always has a new connection: on an old one it might have to be sent twice, which is not safe; remove it"},
		{"redirects", probe.HTTPRequest{Redirects: &probe.Redirects{SameHost: true}}, "redirects.max: 0 follows none, so same_host has no effect; write max: 10, or `redirects: same-host`"},
		{"max_body", probe.HTTPRequest{MaxBody: -1}, "max_body: must not be negative; write a size such as 1MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := test.r.Validate().Err(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrepareNeedsAHost(t *testing.T) {
	_, err := probe.NewHTTP(probe.Options{}).Prepare(probe.HTTPRequest{URL: "/orders"}, probe.Target{})
	wantFailure(t, err, probe.ClassRequest, `"/orders" is a path, but there is no API to take it on; write the whole URL or name the `+"`api`")
}

// FuzzValidate: no request, however odd, makes Validate, Prepare or Curl panic,
// and what passes can be prepared.
func FuzzValidate(f *testing.F) {
	f.Add("GET", "http://h:1/${a}?b=${c}#d", "X-Y", "z", "body ${x}", "http://proxy")
	f.Add("p", "//", "host", "\r", "$${", "socks5://[::1]:x")
	f.Add("", "${a}${b}", "", "", "", "")
	f.Fuzz(func(t *testing.T, method, url, name, value, body, proxy string) {
		r := probe.HTTPRequest{Method: method, URL: url, Headers: map[string]string{name: value}, Body: body, Proxy: proxy}
		valid := r.Validate().Err() == nil
		h := probe.NewHTTP(probe.Options{})
		p, err := h.Prepare(r, probe.Target{BaseURL: "http://127.0.0.1:1/base"})
		if err != nil {
			return
		}
		if !valid {
			t.Error("prepared although not valid")
		}
		_ = probe.Curl(&probe.Sent{Method: p.Method(), URL: p.URL(), Headers: http.Header{name: {value}}, Body: []byte(body), Size: int64(len(body))}, nil)
		h.Release(p)
	})
}
