package upstream_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

func TestWhatTheUpstreamIsTold(t *testing.T) {
	traced := tracecontext.Context{TraceID: [16]byte{15: 1}, SpanID: [8]byte{7: 2}, Sampled: true, State: "v=1"}
	proxied := upstream.Outbound{
		Peer: netip.MustParseAddr("10.0.0.1"), Client: netip.MustParseAddr("2001:db8::7"), TrustForwarded: true,
		Scheme: "https", Host: "api.example.com",
	}
	for _, c := range []struct {
		name   string
		header string // of the client
		out    upstream.Outbound
		want   []string
	}{
		{
			name: "a client that talks to us", header: "X-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-Prefix: /x\r\n",
			want: []string{"Forwarded: for=127.0.0.1;host=a.example;proto=http", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: a.example", "X-Forwarded-Proto: http"},
		},
		{
			name: "over IPv6 and TLS", out: upstream.Outbound{Peer: netip.MustParseAddr("2001:db8::7"), Scheme: "https", Host: "a.example:8443"},
			want: []string{`Forwarded: for="[2001:db8::7]";host="a.example:8443";proto=https`, "X-Forwarded-For: 2001:db8::7", "X-Forwarded-Host: a.example:8443", "X-Forwarded-Proto: https"},
		},
		{
			name: "IPv4 written as IPv6", out: upstream.Outbound{Peer: netip.MustParseAddr("::ffff:192.0.2.1")},
			want: []string{"Forwarded: for=192.0.2.1;host=a.example;proto=http", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: a.example", "X-Forwarded-Proto: http"},
		},
		{
			name: "a trusted proxy that tells both", out: proxied,
			header: "X-Forwarded-For: 2001:db8::7\r\nForwarded: for=\"[2001:db8::7]\"\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 2001:db8::7\r\n",
			want: []string{
				`Forwarded: for="[2001:db8::7]", for=10.0.0.1;host=api.example.com;proto=https`, "X-Forwarded-For: 2001:db8::7, 10.0.0.1",
				"X-Forwarded-Host: public.example", "X-Forwarded-Port: 443", "X-Forwarded-Proto: https", "X-Real-Ip: 2001:db8::7",
			},
		},
		{
			name: "a trusted proxy with one of them", out: proxied, header: "X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-For: 10.0.0.9\r\n",
			want: []string{
				`Forwarded: for="[2001:db8::7]", for=10.0.0.1;host=api.example.com;proto=https`, "X-Forwarded-For: 2001:db8::7, 10.0.0.9, 10.0.0.1",
				"X-Forwarded-Host: api.example.com", "X-Forwarded-Proto: https",
			},
		},
		{
			name:   "a request id and a trace instead of the client's",
			header: "X-Request-ID: forged\r\nX_Request_Id: forged\r\nTraceparent: 00-aa-bb-01\r\nTracestate: x=y\r\nB3: 0\r\nX-B3-Sampled: 0\r\n",
			out:    upstream.Outbound{RequestID: "r1", Trace: traced},
			want:   []string{"Traceparent: 00-00000000000000000000000000000001-0000000000000002-01", "Tracestate: v=1", "X-Request-Id: r1"},
		},
		{
			name: "B3", out: upstream.Outbound{Trace: traced, TraceFormat: tracecontext.B3Single},
			want: []string{"B3: 00000000000000000000000000000001-0000000000000002-1"},
		},
		{
			name: "the client's own, when there are none", header: "X-Request-ID: c1\r\nTraceparent: t\r\n",
			want: []string{"Traceparent: t", "X-Request-Id: c1"},
		},
		{
			name:   "who it is, by us alone",
			header: "X-User: root\r\nX_User: root\r\nx.user: root\r\nX-User-Name: joe\r\nAuthorization: Bearer secret\r\nConnection: X-User, X-Tier\r\n",
			out:    upstream.Outbound{Set: []upstream.Field{{Name: "X-User", Value: "joe\r\nX-Admin: 1"}, {Name: "X-Tier", Value: "gold"}}, Remove: []string{"Authorization"}},
			want:   []string{"X-Tier: gold", "X-User-Name: joe", "X-User: joe  X-Admin: 1"},
		},
		{
			name: "framing in disguise", header: "Content_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Fine: 1\r\n",
			want: []string{"X_fine: 1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, start starter) {
				told := make(chan http.Header, 1)
				p := start(upstream.Config{}, serverOf(t, func(_ http.ResponseWriter, r *http.Request) { told <- r.Header }))
				p.out = func(*http.Request) *upstream.Outbound { return &c.out }
				conn, err := net.Dial("tcp", p.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a.example\r\n%s\r\n", c.header)
				if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
					t.Fatal(err)
				}
				got := lines(<-told)
				forwarding := slices.ContainsFunc(c.want, func(f string) bool { return strings.HasPrefix(f, "Forwarded") })
				got = slices.DeleteFunc(got, func(f string) bool {
					return !forwarding && (strings.HasPrefix(f, "Forwarded") || strings.HasPrefix(f, "X-Forwarded"))
				})
				if diff := gocmp.Diff(c.want, got); diff != "" {
					t.Errorf("told (+), want (-):\n%s", diff)
				}
			})
		})
	}
}

func TestWhereRequestsGo(t *testing.T) {
	for _, c := range []struct {
		name, base, uri, target string
		upstreamHost            bool
		want                    string
	}{
		{name: "as they came", uri: "/a%2Fb?x=%zz", want: "a.example /a%2Fb?x=%zz"},
		{name: "below the server's path", base: "/api/v1/", uri: "/a?b", want: "a.example /api/v1/a?b"},
		{name: "with another target", uri: "/orders/a%20b?x", target: "/a%20b?x", want: "a.example /a%20b?x"},
		{name: "with a target that needs care", uri: "/", target: "/a b?c d#e", want: "a.example /a%20b?c%20d%23e"},
		{name: "with the server's host", uri: "/", upstreamHost: true, want: "server /"},
		{name: "two slashes below a path", base: "/api", uri: "//x", want: "a.example /api//x"},
		{name: "OPTIONS for everything", uri: "/", target: "*", want: "a.example *"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, start starter) {
				asked := make(chan string, 1)
				server := rawUpstream(t, func(_ int, conn *net.TCPConn) {
					r, err := http.ReadRequest(bufio.NewReader(conn))
					if err != nil {
						asked <- err.Error()
						return
					}
					asked <- r.Host + " " + r.RequestURI
					fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				})
				p := start(upstream.Config{UpstreamHost: c.upstreamHost}, server+c.base)
				p.out = func(*http.Request) *upstream.Outbound { return &upstream.Outbound{Target: c.target} }
				conn, err := net.Dial("tcp", p.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprintf(conn, "OPTIONS %s HTTP/1.1\r\nHost: a.example\r\n\r\n", c.uri)
				if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
					t.Fatal(err)
				}
				if got := strings.Replace(<-asked, strings.TrimPrefix(server, "http://"), "server", 1); got != c.want {
					t.Errorf("asked for %q, want %q", got, c.want)
				}
			})
		})
	}
}
