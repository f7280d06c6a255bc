package probe_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

func TestCurl(t *testing.T) {
	tests := []struct {
		name string
		sent probe.Sent
		want string
	}{
		{
			"plain",
			probe.Sent{Method: "GET", URL: "http://127.0.0.1:8000/orders"},
			"curl -sS -i http://127.0.0.1:8000/orders",
		},
		{
			"headers, quoted",
			probe.Sent{Method: "GET", URL: "http://h/?a=1&b=[2]", Headers: http.Header{
				"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "X-It": {"it's $HOME `id`"}, "X-Empty": {""},
			}},
			`curl -sS -i -H 'Accept: */*' --compressed -H 'X-Empty;' -H 'X-It: it'\''s $HOME ` + "`id`" + `' -g 'http://h/?a=1&b=[2]'`,
		},
		{
			"secrets",
			probe.Sent{
				Method: "POST", URL: "http://h/?token=abcdef", Size: 30, Body: []byte(`{"user":"a","password":"hunter22"}`)[:30],
				Headers: http.Header{"Authorization": {"Bearer abc"}, "Content-Type": {"application/json"}, "X-Trace": {"known-secret"}},
			},
			`curl -sS -i -H 'Authorization: Bearer [redacted]' -H 'Content-Type: application/json' -H 'X-Trace: [redacted]'` +
				` --data-raw '{"user":"a","password":"[redacted]"' -g 'http://h/?token=[redacted]'`,
		},
		{
			"other methods", probe.Sent{Method: "DELETE", URL: "http://h/"}, "curl -sS -i -X DELETE http://h/",
		},
		{
			"POST of nothing", probe.Sent{Method: "POST", URL: "http://h/"}, "curl -sS -i -X POST http://h/",
		},
		{
			"HEAD", probe.Sent{Method: "HEAD", URL: "http://h/"}, "curl -sS -i --head http://h/",
		},
		{
			"connection",
			probe.Sent{Method: "GET", URL: "https://h/", Via: &probe.Via{
				Resolve: map[string]string{"h:443": "127.0.0.1:8443"}, Proxy: "http://proxy:3128", HTTP: "2", IP: "4",
				CAFile: "my ca.pem", CertFile: "c.pem", KeyFile: "k.pem", MinVersion: "1.3", Insecure: true, MaxRedirects: 10, ServerName: "other",
			}},
			"curl -sS -i --http2 -4 -L --max-redirs 10 --connect-to h:443:127.0.0.1:8443 --proxy http://proxy:3128 --cacert 'my ca.pem'" +
				" --cert c.pem --key k.pem --tlsv1.3 -k https://h/  # TLS server name other, which curl takes from the URL",
		},
		{
			"HTTP/2 in the clear",
			probe.Sent{Method: "GET", URL: "http://h/", Via: &probe.Via{HTTP: "2"}},
			"curl -sS -i --http2-prior-knowledge http://h/",
		},
		{
			"binary body",
			probe.Sent{Method: "POST", URL: "http://h/", Size: 3, Body: []byte("a\x00b"), Headers: http.Header{"Content-Type": {"image/png"}}},
			"curl -sS -i -H 'Content-Type: image/png' --data-binary @body http://h/  # the file body stands for a binary body of 3 bytes, which is not shown",
		},
		{
			"long body",
			probe.Sent{Method: "PUT", URL: "http://h/", Size: 5000, Body: []byte("aaa"), Headers: http.Header{"Content-Type": {"text/plain"}}},
			"curl -sS -i -X PUT -H 'Content-Type: text/plain' --data-binary @body http://h/  # the file body stands for a body of 5000 bytes, which is not shown",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := probe.Curl(&test.sent, secret.NewRedactor("known-secret"))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("curl (-want +got):\n%s", diff)
			}
		})
	}
	if got := probe.Curl(&probe.Sent{Method: "GET", URL: "http://h/", Headers: http.Header{"Cookie": {"sid=1"}}}, nil); strings.Contains(got, "sid=1") {
		t.Errorf("without a redactor: %s", got)
	}
}

// TestCurlSendsTheSame runs the command lines in a shell, and compares what
// the server received from curl with what it received from the probe.
func TestCurlSendsTheSame(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	type request struct {
		Method, URI, Host, Body string
		Header                  http.Header
	}
	var (
		mu  sync.Mutex
		got []request
	)
	received := func() []request {
		mu.Lock()
		defer mu.Unlock()
		all := got
		got = nil
		return all
	}
	record := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		header := r.Header.Clone()
		for _, name := range []string{"Connection", "Content-Length", "Accept-Encoding"} { // the connection's own
			header.Del(name)
		}
		mu.Lock()
		got = append(got, request{r.Method, r.RequestURI, r.Host, string(body), header})
		mu.Unlock()
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
		}
	}
	target := server(t, record)
	a := newAuthority(t)
	secured := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{a.issue(t, nil)}}, record)
	nasty := "it's \"$HOME\" `id` \\ $(id)\n\t!! 100% <ü> &; # *?[x]{y}~ @file"
	tests := map[string]probe.HTTPRequest{
		"plain":     {URL: target + "/a?b=c&d=[e]{1,2}"},
		"header":    {URL: target, Headers: map[string]string{"X-Nasty": strings.ReplaceAll(strings.ReplaceAll(nasty, "\n", " "), "\t", " "), "X-Empty": "", "Host": "api.example.com"}},
		"text":      {URL: target, Body: nasty},
		"at sign":   {URL: target, Body: "@/etc/hostname"},
		"json":      {URL: target, Method: "PUT", JSON: map[string]any{"a": nasty}},
		"form":      {URL: target, Form: map[string]string{"a": nasty}},
		"multipart": {URL: target, Multipart: map[string]probe.Part{"a": {Value: nasty}}},
		"delete":    {URL: target, Method: "DELETE"},
		"head":      {URL: target, Method: "HEAD"},
		"get body":  {URL: target, Method: "GET", Body: "x"},
		"redirect":  {URL: target + "/moved", Body: "x"},
		"resolve":   {URL: "http://api.invalid/x", Resolve: map[string]string{"api.invalid:80": hostOf(target)}},
		"own CA":    {URL: secured, TLS: &probe.TLSConfig{CAFile: file(t, "ca.pem", certPEM(a.cert.Raw))}},
		"insecure":  {URL: secured, HTTP: "1.1", TLS: &probe.TLSConfig{InsecureSkipVerify: true}},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			resp := must(t, r)
			probed := received()
			line := probe.Curl(&resp.Sent, new(secret.Redactor))
			output, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
			if err != nil {
				t.Fatalf("%s\n%v: %s", line, err, output)
			}
			if diff := cmp.Diff(probed, received()); diff != "" {
				t.Errorf("%s\nreceived (-from the probe +from curl):\n%s", line, diff)
			}
		})
	}
}
