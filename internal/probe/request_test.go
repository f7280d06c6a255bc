package probe_test

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

// echo answers with what it received, one line each.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s\n%s\n%s\n%s", r.Method, r.RequestURI, r.Host, r.Header.Get("Content-Type"), body)
}

// TestWhatIsSent shows each kind of request as the server sees it.
func TestWhatIsSent(t *testing.T) {
	target := server(t, echo)
	host := hostOf(target)
	tests := []struct {
		name string
		r    probe.HTTPRequest
		vars map[string]string
		want string
	}{
		{"plain", probe.HTTPRequest{}, nil, "GET /\nHOST\n\n"},
		{"query", probe.HTTPRequest{
			URL: "/a?x=1", Query: map[string]any{"n": uint64(2), "b": true, "l": []any{"p q", 1.5}, "é": "ü"},
		}, nil, "GET /a?x=1&b=true&l=p+q&l=1.5&n=2&%C3%A9=%C3%BC\nHOST\n\n"},
		{"odd URL", probe.HTTPRequest{URL: "/a b/ü?q=ü x"}, nil, "GET /a%20b/%C3%BC?q=%C3%BC%20x\nHOST\n\n"},
		{"fragment", probe.HTTPRequest{URL: "/a#frag"}, nil, "GET /a\nHOST\n\n"},
		{"host", probe.HTTPRequest{Headers: map[string]string{"host": "api.example.com"}}, nil, "GET /\napi.example.com\n\n"},
		{"json", probe.HTTPRequest{JSON: map[string]any{"a": []any{1, "<b>"}}}, nil, "POST /\nHOST\napplication/json\n{\"a\":[1,\"<b>\"]}"},
		{"json with another type", probe.HTTPRequest{JSON: 1, Headers: map[string]string{"content-type": "application/x+json"}}, nil, "POST /\nHOST\napplication/x+json\n1"},
		{"form", probe.HTTPRequest{Form: map[string]string{"b": "1&2", "a": "x y"}}, nil, "POST /\nHOST\napplication/x-www-form-urlencoded\na=x+y&b=1%262"},
		{"graphql", probe.HTTPRequest{GraphQL: &probe.GraphQL{
			Query: "query Q($id: ID!) { o(id: $id) { id } }", Variables: map[string]any{"id": "${id}"}, Operation: "Q",
		}}, map[string]string{"id": `7"`}, "POST /\nHOST\napplication/json\n" +
			`{"operationName":"Q","query":"query Q($id: ID!) { o(id: $id) { id } }","variables":{"id":"7\""}}`},
		{"text", probe.HTTPRequest{Method: "PUT", Body: "hello"}, nil, "PUT /\nHOST\n\nhello"},
		{"file", probe.HTTPRequest{Method: "PATCH", BodyFile: file(t, "body.json", []byte(`{"a": "${a}"}`))}, nil, "PATCH /\nHOST\napplication/json\n{\"a\": \"${a}\"}"},
		{"options", probe.HTTPRequest{Method: "OPTIONS"}, nil, "OPTIONS /\nHOST\n\n"},
		{"captured path", probe.HTTPRequest{URL: "/orders/${id}?after=${id}"}, map[string]string{"id": "a/b c&d"}, "GET /orders/a%2Fb%20c&d?after=a%2Fb+c%26d\nHOST\n\n"},
		{"captured location", probe.HTTPRequest{URL: "${next}"}, map[string]string{"next": "/v1/orders?page=2"}, "GET /v1/orders?page=2\nHOST\n\n"},
		{"captured everywhere", probe.HTTPRequest{
			Query: map[string]any{"q": "<${v}>"}, JSON: map[string]any{"deep": []any{map[string]any{"k": "${v}!"}}},
			Headers: map[string]string{"Content-Type": "application/${v}"},
		}, map[string]string{"v": `x"y`}, "POST /?q=%3Cx%22y%3E\nHOST\napplication/x\"y\n{\"deep\":[{\"k\":\"x\\\"y!\"}]}"},
		{"captured form", probe.HTTPRequest{Form: map[string]string{"f": "=${v}"}}, map[string]string{"v": "a&b"}, "POST /\nHOST\napplication/x-www-form-urlencoded\nf=%3Da%26b"},
		{"not placeholders", probe.HTTPRequest{Body: "$${v} ${labels.x} ${ ${v"}, nil, "POST /\nHOST\n\n${v} ${labels.x} ${ ${v"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := probe.NewHTTP(probe.Options{})
			p, err := h.Prepare(test.r, probe.Target{BaseURL: target})
			if err != nil {
				t.Fatal(err)
			}
			defer h.Release(p)
			resp, err := p.Do(t.Context(), probe.Input{Vars: test.vars, Body: probe.KeepAll})
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(test.want, "HOST", host)
			if strings.Count(want, "\n") == 2 {
				want += "\n"
			}
			if diff := cmp.Diff(want, string(resp.Body)); diff != "" {
				t.Errorf("received (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	type part struct{ Name, File, Type, Content string }
	var got []part
	target := server(t, func(_ http.ResponseWriter, r *http.Request) {
		_, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		reader := multipart.NewReader(r.Body, parameters["boundary"])
		for {
			p, err := reader.NextPart()
			if err != nil {
				return
			}
			content, _ := io.ReadAll(p)
			got = append(got, part{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(content)})
		}
	})
	_, err := do(t, probe.HTTPRequest{URL: target, Multipart: map[string]probe.Part{
		"title": {Value: "for ${user}"},
		"photo": {File: file(t, "me.png", []byte("\x89PNG ${user}"))},
		"meta":  {Value: "{}", Type: "application/json"},
	}}, probe.Input{Vars: map[string]string{"user": "ada"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []part{
		{"meta", "", "application/json", "{}"},
		{"photo", "me.png", "image/png", "\x89PNG ${user}"},
		{"title", "", "", "for ada"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

// TestEvidence keeps the request as it left.
func TestEvidence(t *testing.T) {
	var received http.Header
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		received = r.Header.Clone()
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "1"})
		_, _ = io.WriteString(w, strings.Repeat("x", 5000))
	})
	const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	p := prepare(t, probe.NewHTTP(probe.Options{UserAgent: "Lapwing/1.2 (+check)"}), probe.HTTPRequest{
		URL: target + "/x", JSON: map[string]any{"a": 1}, Headers: map[string]string{"accept": "application/json"},
		Auth: &probe.Auth{Bearer: secret.New("s3cret-token")},
	})
	resp, err := p.Do(t.Context(), probe.Input{Traceparent: traceparent})
	if err != nil {
		t.Fatal(err)
	}
	want := probe.Sent{
		Method: "POST", URL: target + "/x", Body: []byte(`{"a":1}`), Size: 7, Secrets: []string{"s3cret-token"},
		Via: &probe.Via{MaxRedirects: 10},
		Headers: http.Header{
			"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Bearer s3cret-token"},
			"Content-Type": {"application/json"}, "Traceparent": {traceparent}, "User-Agent": {"Lapwing/1.2 (+check)"},
		},
	}
	if diff := cmp.Diff(want, resp.Sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	received.Del("Content-Length")
	received.Del("Connection")
	if diff := cmp.Diff(want.Headers, received); diff != "" {
		t.Errorf("received (-sent +received):\n%s", diff)
	}
	if resp.Size != 5000 || len(resp.Body) != probe.EvidenceSize {
		t.Errorf("size %d, kept %d; want 5000 and %d", resp.Size, len(resp.Body), probe.EvidenceSize)
	}
	if len(resp.Cookies) != 1 || resp.Cookies[0].Name != "sid" {
		t.Errorf("cookies = %v", resp.Cookies)
	}
}

// TestAnswers meets answers whose end is not a plain Content-Length.
func TestAnswers(t *testing.T) {
	tests := []struct {
		name, method, answer string
		status               int
		body                 string
	}{
		{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 200, ""},
		{"HEAD with gzip", "HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", 200, ""},
		{"no content", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, ""},
		{"interim answers", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"},
		{"switching protocols", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101, ""},
		{"chunks and trailers", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n3;ext=1\r\ncde\r\n0\r\nX-Sum: 5\r\n\r\n", 200, "abcde"},
		{"until the end", "GET", "HTTP/1.0 200 OK\r\n\r\nall of it", 200, "all of it"},
		{"gzip", "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + string(gzipped([]byte("inflated"))), 200, "inflated"},
		{"gzip of nothing", "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 200, ""},
		{"redirect to nowhere", "GET", "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\n??", 302, "??"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp := must(t, probe.HTTPRequest{Method: test.method, URL: "http://" + listen(t, answer(test.answer))})
			if resp.Status != test.status || string(resp.Body) != test.body || resp.Size != int64(len(test.body)) {
				t.Errorf("got %d %q (%d bytes), want %d %q", resp.Status, resp.Body, resp.Size, test.status, test.body)
			}
		})
	}
	t.Run("gzip as it is", func(t *testing.T) {
		no := false
		packed := gzipped([]byte("inflated"))
		resp := must(t, probe.HTTPRequest{URL: "http://" + listen(t, gzipAnswer(packed)), Decompress: &no})
		if string(resp.Body) != string(packed) || resp.Sent.Headers.Get("Accept-Encoding") != "" {
			t.Errorf("body %q, sent %v", resp.Body, resp.Sent.Headers)
		}
	})
}

// TestBadValues are found before anything is sent.
func TestBadValues(t *testing.T) {
	target := server(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	tests := []struct {
		name  string
		r     probe.HTTPRequest
		vars  map[string]string
		class probe.Class
		want  string
	}{
		{"missing", probe.HTTPRequest{URL: target + "/${id}"}, nil, probe.ClassRequest, "${id} has no value: no earlier step captured it"},
		{"header injection", probe.HTTPRequest{URL: target, Headers: map[string]string{"X-Id": "${id}"}}, map[string]string{"id": "a\r\nX-Evil: 1"}, probe.ClassRequest, "the value for the header X-Id holds a line break or control character"},
		{"host injection", probe.HTTPRequest{URL: target, Headers: map[string]string{"Host": "${id}"}}, map[string]string{"id": "a\r\nX-Evil: 1"}, probe.ClassRequest, "the Host header * is not valid"},
		{"bearer injection", probe.HTTPRequest{URL: target, Auth: &probe.Auth{Bearer: secret.New("${id}")}}, map[string]string{"id": "a\nb"}, probe.ClassAuth, "the bearer token holds a line break or control character"},
		{"captured URL of another kind", probe.HTTPRequest{URL: "${id}"}, map[string]string{"id": "file:///etc/passwd"}, probe.ClassRequest, `the URL "file:///etc/passwd" is not HTTP; it must begin with http:// or https://`},
		{"captured path without an API", probe.HTTPRequest{URL: "${id}"}, map[string]string{"id": "/x"}, probe.ClassRequest, "*is not HTTP*"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, err := do(t, test.r, probe.Input{Vars: test.vars})
			wantFailure(t, err, test.class, test.want)
			if resp == nil || resp.Sent.Method != "GET" || resp.Phases != (probe.Phases{}) {
				t.Errorf("response = %+v", resp)
			}
		})
	}
}

func TestPlaceholdersAndURL(t *testing.T) {
	h := probe.NewHTTP(probe.Options{})
	tests := []struct {
		base string
		r    probe.HTTPRequest
		url  string
		want []string
	}{
		{"http://127.0.0.1:8000", probe.HTTPRequest{URL: "/orders?limit=1"}, "http://127.0.0.1:8000/orders?limit=1", nil},
		{"https://u:p@api.example.com/v1/", probe.HTTPRequest{URL: "/orders/${id}", Query: map[string]any{"q": "${q}"}}, "https://api.example.com/v1/orders/${id}?q=${q}", []string{"id", "q"}},
		{"", probe.HTTPRequest{URL: "https://u:p@api.example.com/${b}", Headers: map[string]string{"X": "${a} ${b}"}}, "https://api.example.com/${b}", []string{"a", "b"}},
		{"http://x", probe.HTTPRequest{URL: "${next}", Auth: &probe.Auth{Basic: &probe.Basic{Username: "${u}", Password: secret.New("${p}")}}}, "${next}", []string{"next", "p", "u"}},
		{"http://x", probe.HTTPRequest{Body: "${body}"}, "http://x", []string{"body"}},
	}
	for _, test := range tests {
		p, err := h.Prepare(test.r, probe.Target{BaseURL: test.base})
		if err != nil {
			t.Fatal(err)
		}
		if p.URL() != test.url {
			t.Errorf("URL = %s, want %s", p.URL(), test.url)
		}
		if diff := cmp.Diff(test.want, p.Placeholders()); diff != "" {
			t.Errorf("%s: placeholders (-want +got):\n%s", test.url, diff)
		}
		h.Release(p)
	}
}

// TestCookieJar shares cookies between requests, and along redirects, without
// losing the configured one.
func TestCookieJar(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "abc", Path: "/"})
			http.Redirect(w, r, "/home", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("Cookie"))
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := probe.HTTPRequest{URL: target + "/login", Headers: map[string]string{"Cookie": "own=1"}}
	for range 2 {
		resp, err := do(t, r, probe.Input{Jar: jar})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(resp.Body); got != "own=1; sid=abc" {
			t.Errorf("the server saw the cookies %q", got)
		}
	}
	resp, err := do(t, r, probe.Input{})
	if err != nil || string(resp.Body) != "own=1" {
		t.Errorf("without a jar: %q, %v", resp.Body, err)
	}
}

// TestConcurrentRuns use one probe from many goroutines.
func TestConcurrentRuns(t *testing.T) {
	target := server(t, echo)
	p := prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: target + "/${id}", Body: "b${id}"})
	failed := make(chan error)
	for i := range 50 {
		go func() {
			id := strconv.Itoa(i)
			resp, err := p.Do(t.Context(), probe.Input{Vars: map[string]string{"id": id}, Body: probe.KeepAll})
			want := "POST /" + id + "\n" + hostOf(target) + "\n\nb" + id
			if err == nil && string(resp.Body) != want {
				err = fmt.Errorf("got %q, want %q", resp.Body, want)
			}
			failed <- err
		}()
	}
	for range 50 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// TestConnectionIsClosed leaves nothing open after a run.
func TestConnectionIsClosed(t *testing.T) {
	closed := make(chan struct{})
	address := listen(t, func(c net.Conn) {
		answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(c)
		hang(c)
		close(closed)
	})
	must(t, probe.HTTPRequest{URL: "http://" + address})
	<-closed
}

func TestJSONNumbersSurvive(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	resp := must(t, probe.HTTPRequest{URL: target, JSON: map[string]any{"id": uint64(9007199254740993), "f": 0.1}})
	if !json.Valid(resp.Body) || string(resp.Body) != `{"f":0.1,"id":9007199254740993}` {
		t.Errorf("body = %s", resp.Body)
	}
}
