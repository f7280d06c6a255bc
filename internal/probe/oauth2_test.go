package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

// tokenServer hands out the tokens "token-1", "token-2", … and an API that
// accepts the last one only.
type tokenServer struct {
	issued  atomic.Int64
	revoked atomic.Int64 // tokens up to this one are not accepted
	inBody  bool         // accept the client's secret in the body only
	expires string       // "expires_in" of the answers
	seen    sync.Map     // the last form
}

func (s *tokenServer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		if want := fmt.Sprintf("Bearer token-%d", s.issued.Load()); r.Header.Get("Authorization") != want || s.revoked.Load() >= s.issued.Load() {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		return
	}
	_ = r.ParseForm()
	id, password, basic := r.BasicAuth()
	if s.inBody {
		id, password, basic = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), true
	}
	s.seen.Store("form", r.PostForm)
	if !basic || id != "probe%2F1" && id != "probe/1" || password != "s3cr%26t" && password != "s3cr&t" {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"s3cr&t"}`)
		return
	}
	_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":%s}`, s.issued.Add(1), s.expires)
}

func oauth2Request(target string) probe.HTTPRequest {
	return probe.HTTPRequest{URL: target + "/orders", Auth: &probe.Auth{OAuth2: &probe.OAuth2{
		TokenURL: target + "/token", ClientID: "probe/1", ClientSecret: secret.New("s3cr&t"),
		Scopes: []string{"read", "write"}, Params: map[string]string{"audience": "orders"},
	}}}
}

// TestOAuth2 fetches one token for all probes of a client, keeps it while it is
// good, and gets another when the API says 401.
func TestOAuth2(t *testing.T) {
	for _, inBody := range []bool{false, true} {
		t.Run(fmt.Sprintf("secret in body %v", inBody), func(t *testing.T) {
			s := &tokenServer{inBody: inBody, expires: "3600"}
			target := server(t, s.serve)
			h := probe.NewHTTP(probe.Options{})
			one, two := prepare(t, h, oauth2Request(target)), prepare(t, h, oauth2Request(target))
			run := func(p *probe.Probe, want string) {
				t.Helper()
				resp, err := p.Do(t.Context(), probe.Input{})
				if err != nil {
					t.Fatal(err)
				}
				if got := string(resp.Body); resp.Status != 200 || got != "Bearer "+want || resp.Sent.Secrets[0] != want {
					t.Errorf("status %d with %q, want 200 with %s", resp.Status, got, want)
				}
			}
			run(one, "token-1")
			run(two, "token-1")
			run(one, "token-1")
			s.revoked.Store(1)
			run(one, "token-2")
			run(two, "token-2")
			form, _ := s.seen.Load("form")
			if got := fmt.Sprint(form); !strings.Contains(got, "audience:[orders]") || !strings.Contains(got, "scope:[read write]") || !strings.Contains(got, "grant_type:[client_credentials]") {
				t.Errorf("the token request held %s", got)
			}
			// A 401 with a new token is the answer; it is not asked for again and again.
			s.revoked.Store(1 << 40)
			resp, err := one.Do(t.Context(), probe.Input{})
			if err != nil || resp.Status != http.StatusUnauthorized || s.issued.Load() != 3 {
				t.Errorf("status %d, %v, %d tokens; want 401 after one new token", resp.Status, err, s.issued.Load())
			}
		})
	}
}

// TestOAuth2OneRequestForAll: probes that start together share one token request.
func TestOAuth2OneRequestForAll(t *testing.T) {
	s := &tokenServer{expires: `"3600"`}
	target := server(t, s.serve)
	h := probe.NewHTTP(probe.Options{})
	var all sync.WaitGroup
	for range 20 {
		p := prepare(t, h, oauth2Request(target))
		all.Go(func() {
			if resp, err := p.Do(t.Context(), probe.Input{}); err != nil || resp.Status != 200 {
				t.Errorf("status %d, %v", resp.Status, err)
			}
		})
	}
	all.Wait()
	if n := s.issued.Load(); n != 1 {
		t.Errorf("%d tokens were asked for, want 1", n)
	}
}

func TestOAuth2Failures(t *testing.T) {
	api := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was asked without a token") })
	tests := []struct {
		name   string
		server func(net.Conn)
		class  probe.Class
		want   string
	}{
		{"refused", answer("HTTP/1.1 400 Bad Request\r\n\r\n" + `{"error":"invalid_scope","error_description":"s3cr&t"}`), probe.ClassAuth, "no token from ADDR: status 400, error invalid_scope"},
		{"unknown client", answer("HTTP/1.1 401 Unauthorized\r\n\r\n" + `{"error":"invalid_client"}`), probe.ClassAuth, "no token from ADDR: status 401, error invalid_client"},
		{"a page", answer("HTTP/1.1 200 OK\r\n\r\n<html>"), probe.ClassAuth, "no token from ADDR: status 200, and the answer is not JSON"},
		{"no token in it", answer("HTTP/1.1 200 OK\r\n\r\n{}"), probe.ClassAuth, "no token from ADDR: status 200, but without access_token"},
		{"a token with a line break", answer("HTTP/1.1 200 OK\r\n\r\n" + `{"access_token":"a\r\nb"}`), probe.ClassAuth, "no token from ADDR: status 200, but the token cannot be sent in a header"},
		{"closes", func(c net.Conn) { readRequest(c) }, probe.ClassAuth, "no token from ADDR: connection closed by ADDR without an answer; is the URL https://?"},
		{"hangs", hang, probe.ClassTimeout, "no token within *"},
		{"endless", answer("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(" ", 300<<10)), probe.ClassAuth, "no token from ADDR: answer larger than 256KiB (max_body)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := listen(t, test.server)
			r := oauth2Request("http://" + address)
			r.URL = api
			ctx := t.Context()
			if test.class == probe.ClassTimeout {
				ctx = within(t)
			}
			resp, err := prepare(t, probe.NewHTTP(probe.Options{}), r).Do(ctx, probe.Input{})
			wantFailure(t, err, test.class, strings.ReplaceAll(test.want, "ADDR", address))
			if resp.Phases != (probe.Phases{}) || strings.Contains(err.Error(), "s3cr") {
				t.Errorf("phases %+v, error %v", resp.Phases, err)
			}
		})
	}
}

// TestOAuth2WaitersHaveTheirOwnTimeout: who waits for a token that another run
// asked for stops at its own deadline.
func TestOAuth2WaitersHaveTheirOwnTimeout(t *testing.T) {
	asked := make(chan struct{})
	var once sync.Once
	address := listen(t, func(c net.Conn) { once.Do(func() { close(asked) }); hang(c) })
	h := probe.NewHTTP(probe.Options{})
	p := prepare(t, h, oauth2Request("http://"+address))
	first := make(chan error)
	long, stop := context.WithCancel(t.Context())
	go func() {
		_, err := p.Do(long, probe.Input{})
		first <- err
	}()
	<-asked
	_, err := p.Do(within(t), probe.Input{})
	wantFailure(t, err, probe.ClassTimeout, "no token within *")
	stop()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first ended with %v, want by its own context", err)
	}
}

// TestBearerFile is read for each request, so that the token may rotate.
func TestBearerFile(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) })
	name := file(t, "token", []byte("one\n"))
	p := prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: target, Auth: &probe.Auth{BearerFile: name}})
	for _, token := range []string{"one", "two"} {
		write(t, name, token+"\n")
		resp, err := p.Do(t.Context(), probe.Input{})
		if err != nil || string(resp.Body) != "Bearer "+token {
			t.Errorf("sent %q, %v; want %s", resp.Body, err, token)
		}
	}
	write(t, name, "")
	_, err := p.Do(t.Context(), probe.Input{})
	wantFailure(t, err, probe.ClassAuth, "no token: *is empty")
}

func TestBasicAuth(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, user+"/"+password)
	})
	inURL := strings.Replace(target, "http://", "http://ada:l%40ve@", 1)
	tests := map[string]probe.HTTPRequest{
		"ada/l@ve":   {URL: inURL},
		"ada/secret": {URL: target, Auth: &probe.Auth{Basic: &probe.Basic{Username: "ada", Password: secret.New("secret")}}},
		"ada/filed":  {URL: target, Auth: &probe.Auth{Basic: &probe.Basic{Username: "ada", PasswordFile: file(t, "pw", []byte("filed\r\n"))}}},
	}
	for want, r := range tests {
		if got := string(must(t, r).Body); got != want {
			t.Errorf("the server saw %q, want %q", got, want)
		}
	}
	h := probe.NewHTTP(probe.Options{})
	p, err := h.Prepare(probe.HTTPRequest{URL: "/x"}, probe.Target{BaseURL: inURL})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Release(p)
	if resp, err := p.Do(t.Context(), probe.Input{}); err != nil || string(resp.Body) != "ada/l@ve" {
		t.Errorf("user in the API's url: %q, %v", resp.Body, err)
	}
}
