package probe_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"lapwing.dev/lapwing/internal/probe"
)

// nameServer answers DNS questions from a table; a name that is not in it does
// not exist, and one with no address at all is never answered.
func nameServer(t *testing.T, table map[string][]string) func(ctx context.Context, _, _ string) (net.Conn, error) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if reply := resolveFrom(table, packet[:n]); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}
}

func resolveFrom(table map[string][]string, packet []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	addresses, known := table[strings.TrimSuffix(q.Name.String(), ".")]
	if known && addresses == nil {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, text := range addresses {
		address := netip.MustParseAddr(text)
		header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}
		switch {
		case q.Type == dnsmessage.TypeA && address.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case q.Type == dnsmessage.TypeAAAA && address.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

func TestNames(t *testing.T) {
	target := server(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := net.SplitHostPort(hostOf(target))
	h := probe.NewHTTP(probe.Options{DialDNS: nameServer(t, map[string][]string{
		"api.example.com":  {"127.0.0.1"},
		"both.example.com": {"127.0.0.1", "::1"},
		"slow.example.com": nil,
		"none.example.com": {},
	})})
	at := func(host string) probe.HTTPRequest {
		return probe.HTTPRequest{URL: "http://" + host + ":" + port + "/"}
	}

	t.Run("resolves", func(t *testing.T) {
		resp, err := prepare(t, h, at("api.example.com")).Do(t.Context(), probe.Input{})
		if err != nil {
			t.Fatal(err)
		}
		if resp.Phases.DNS <= 0 || resp.Phases.Connect <= 0 || resp.RemoteAddr != "127.0.0.1:"+port {
			t.Errorf("phases %+v, address %s", resp.Phases, resp.RemoteAddr)
		}
	})
	t.Run("two families, one listens", func(t *testing.T) {
		resp, err := prepare(t, h, at("both.example.com")).Do(t.Context(), probe.Input{})
		if err != nil {
			t.Fatal(err)
		}
		if resp.RemoteAddr != "127.0.0.1:"+port {
			t.Errorf("address %s, want the one that listens", resp.RemoteAddr)
		}
	})
	t.Run("does not exist", func(t *testing.T) {
		resp, err := prepare(t, h, at("api.exmaple.com")).Do(t.Context(), probe.Input{})
		wantFailure(t, err, probe.ClassDNS, "api.exmaple.com does not resolve (NXDOMAIN)")
		if resp.Phases.DNS <= 0 || resp.Phases.Connect != 0 {
			t.Errorf("phases %+v, want to end in dns", resp.Phases)
		}
	})
	t.Run("not in this family", func(t *testing.T) {
		r := at("api.example.com")
		r.IP = "6"
		_, err := prepare(t, h, r).Do(t.Context(), probe.Input{})
		wantFailure(t, err, probe.ClassDNS, "api.example.com has no IPv6 address")
	})
	t.Run("server hangs", func(t *testing.T) {
		resp, err := prepare(t, h, at("slow.example.com")).Do(within(t), probe.Input{})
		wantFailure(t, err, probe.ClassTimeout, "no answer within *: resolving slow.example.com")
		if resp.Phases.DNS <= 0 || resp.Phases.Connect != 0 {
			t.Errorf("phases %+v, want to end in dns", resp.Phases)
		}
	})
	t.Run("refused names the host", func(t *testing.T) {
		r := at("api.example.com")
		r.URL = "http://api.example.com:1/"
		_, err := prepare(t, h, r).Do(t.Context(), probe.Input{})
		wantFailure(t, err, probe.ClassConnect, "connection refused by 127.0.0.1:1 (api.example.com)")
	})
	t.Run("international", func(t *testing.T) {
		_, err := prepare(t, h, at("bücher.example")).Do(t.Context(), probe.Input{})
		wantFailure(t, err, probe.ClassDNS, "xn--bcher-kva.example does not resolve (NXDOMAIN)")
	})
	t.Run("address of the other family", func(t *testing.T) {
		r := at("127.0.0.1")
		r.IP = "6"
		_, err := prepare(t, h, r).Do(t.Context(), probe.Input{})
		wantFailure(t, err, probe.ClassConnect, "127.0.0.1 is no IPv6 address, which `ip` asks for")
	})
}

// TestResolveOverride connects elsewhere, with the name in Host as it was.
func TestResolveOverride(t *testing.T) {
	target := server(t, echo)
	resp := must(t, probe.HTTPRequest{
		URL:     "http://api.invalid/x",
		Resolve: map[string]string{"api.invalid:80": hostOf(target)},
	})
	if got := string(resp.Body); got != "GET /x\napi.invalid\n\n" {
		t.Errorf("the server got %q", got)
	}
	if resp.Phases.DNS != 0 {
		t.Errorf("phases %+v, want nothing resolved", resp.Phases)
	}
}
