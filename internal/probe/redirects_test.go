package probe_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

func TestRedirectPolicyShortForm(t *testing.T) {
	tests := []struct {
		text string
		want probe.Redirects
		fail string
	}{
		{"none", probe.Redirects{}, ""},
		{"0", probe.Redirects{}, ""},
		{"5", probe.Redirects{Max: 5}, ""},
		{"same-host", probe.Redirects{Max: 10, SameHost: true}, ""},
		{"-1", probe.Redirects{}, `"-1" is no redirect policy; write none, same-host or the number to follow at most`},
		{"always", probe.Redirects{}, `"always" is no redirect policy; write none, same-host or the number to follow at most`},
	}
	for _, test := range tests {
		var got probe.Redirects
		err := got.FromScalar(test.text)
		if got != test.want || (err != nil || test.fail != "") && (err == nil || err.Error() != test.fail) {
			t.Errorf("%s: %+v, %v; want %+v, %s", test.text, got, err, test.want, test.fail)
		}
	}
}

// TestRedirectMethods repeats or changes the request as RFC 9110 §15.4 says.
func TestRedirectMethods(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		if status := 0; r.URL.Path != "/end" {
			_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
			w.Header().Set("Location", "end?from=x#frag")
			w.WriteHeader(status)
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), body)
	})
	tests := []struct {
		status int
		method string
		want   string
	}{
		{301, "POST", "GET /end?from=x  "},
		{302, "POST", "GET /end?from=x  "},
		{302, "PUT", "PUT /end?from=x text/plain hello"},
		{303, "PUT", "GET /end?from=x  "},
		{307, "POST", "POST /end?from=x text/plain hello"},
		{308, "DELETE", "DELETE /end?from=x text/plain hello"},
	}
	for _, test := range tests {
		resp := must(t, probe.HTTPRequest{
			Method: test.method, URL: fmt.Sprintf("%s/%d", target, test.status), Body: "hello",
			Headers: map[string]string{"Content-Type": "text/plain"},
		})
		if got := string(resp.Body); got != test.want {
			t.Errorf("%s after %d: %q, want %q", test.method, test.status, got, test.want)
		}
		if diff := cmp.Diff([]string{target + "/end?from=x"}, resp.Redirects); diff != "" {
			t.Errorf("redirects (-want +got):\n%s", diff)
		}
		if resp.Sent.Method != test.method {
			t.Errorf("evidence is the request to %s, want the first", resp.Sent.URL)
		}
	}
}

// TestRedirectKeepsSecrets tells no other host the credentials of this one.
func TestRedirectKeepsSecrets(t *testing.T) {
	names := []string{"Authorization", "Cookie", "X-Api-Key", "X-Session-Id", "Accept", "X-Version", "Traceparent"}
	list := func(w http.ResponseWriter, r *http.Request) {
		for _, name := range names {
			if r.Header.Get(name) != "" {
				_, _ = io.WriteString(w, name+" ")
			}
		}
	}
	other := server(t, list)
	own := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other+"/", http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			list(w, r)
		}
	})
	request := func(path string) probe.HTTPRequest {
		return probe.HTTPRequest{
			URL: own + path, Auth: &probe.Auth{Bearer: secret.New("s3cret")},
			Headers: map[string]string{"Cookie": "a=b", "X-Api-Key": "k", "X-Session-Id": "s", "X-Version": "2"},
		}
	}
	for path, want := range map[string]string{
		"/here": "Authorization Cookie X-Api-Key X-Session-Id Accept X-Version Traceparent ",
		"/away": "Accept X-Version Traceparent ",
	} {
		resp, err := do(t, request(path), probe.Input{Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(resp.Body); got != want {
			t.Errorf("%s: the server got %q, want %q", path, got, want)
		}
	}
}

func TestRedirectPolicies(t *testing.T) {
	other := server(t, func(http.ResponseWriter, *http.Request) {})
	own := server(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other+"/", http.StatusFound) })
	resp := must(t, probe.HTTPRequest{URL: own, Redirects: &probe.Redirects{}})
	if resp.Status != http.StatusFound || len(resp.Redirects) != 0 || !strings.Contains(string(resp.Body), "Found") {
		t.Errorf("none: %d %q", resp.Status, resp.Body)
	}
	_, err := do(t, probe.HTTPRequest{URL: own, Redirects: &probe.Redirects{Max: 1, SameHost: true}}, probe.Input{})
	wantFailure(t, err, probe.ClassRedirect, "redirect to "+other+"/ is to another host, which `redirects: same-host` refuses")
	resp = must(t, probe.HTTPRequest{URL: own})
	if resp.Status != http.StatusOK || resp.RemoteAddr != hostOf(other) {
		t.Errorf("default: %d from %s", resp.Status, resp.RemoteAddr)
	}
}

// TestRedirectPhasesAddUp counts the time of both connections.
func TestRedirectPhasesAddUp(t *testing.T) {
	var hops int
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		if hops++; hops <= 3 {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	})
	resp := must(t, probe.HTTPRequest{URL: target})
	if len(resp.Redirects) != 3 || resp.Phases.Connect <= 0 || resp.Phases.TTFB <= 0 || resp.Phases.Transfer <= 0 {
		t.Errorf("redirects %v, phases %+v", resp.Redirects, resp.Phases)
	}
}
