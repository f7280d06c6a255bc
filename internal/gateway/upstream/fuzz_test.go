package upstream

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// FuzzAnswer reads the same bytes with the lean path and with
// http.ReadResponse. Whatever the lean path takes for a whole answer,
// http.ReadResponse must take for the same one: being stricter is allowed,
// being of another opinion is not.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		"HTTP/1.0 404 Not Found\r\n\r\nno",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\nX: a\r\n b\nContent-Length: 1\n\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	registry := NewRegistry(slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := NewPool(Config{Name: "p", Servers: []Server{{URL: "http://10.0.0.1"}}, Retries: Retries{Max: -1}}, Deps{Registry: registry})
		if err != nil {
			t.Fatal(err)
		}
		registry.Use(p)
		defer registry.Use()
		client, server := net.Pipe()
		go func() {
			_, _ = http.ReadRequest(bufio.NewReader(server))
			_, _ = server.Write(raw)
			server.Close()
		}()
		defer server.Close()
		defer client.Close()
		c := newConn(client, p.members[0].server, 0)
		c.raw = nil
		p.members[0].server.idle.put(c, 0)

		w := finalRecorder{httptest.NewRecorder()}
		var res Result
		forward := func() (panicked bool) {
			defer func() { panicked = recover() != nil }()
			p.Forward(w, httptest.NewRequest("POST", "/", nil), &Outbound{}, &res)
			return false
		}
		if broken := forward(); broken || res.Error != "" {
			if broken != res.Committed {
				t.Fatalf("panicked %v, result %+v", broken, res)
			}
			return
		}

		in := bufio.NewReader(bytes.NewReader(raw))
		for {
			want, err := http.ReadResponse(in, &http.Request{Method: "POST"})
			if err != nil {
				t.Fatalf("net/http: %v; we took %d", err, w.Code)
			}
			if want.StatusCode < 200 {
				continue
			}
			body, err := io.ReadAll(want.Body)
			if err != nil {
				t.Fatalf("net/http: %v; we took the body %q", err, w.Body)
			}
			if want.StatusCode != w.Code || !bytes.Equal(body, w.Body.Bytes()) {
				t.Fatalf("we read %d %q, net/http %d %q", w.Code, w.Body, want.StatusCode, body)
			}
			sameFields(t, want.Header, w.Header())
			return
		}
	})
}

// finalRecorder forgets interim answers, which httptest takes for the final one.
type finalRecorder struct{ *httptest.ResponseRecorder }

func (w finalRecorder) WriteHeader(status int) {
	if status >= 200 {
		w.ResponseRecorder.WriteHeader(status)
	}
}

// sameFields compares what is passed on of two headers.
func sameFields(t *testing.T, want, got http.Header) {
	t.Helper()
	connection := want["Connection"]
	for name, values := range want {
		if isHop(name) || listed(connection, name) || name == "Trailer" || textproto.CanonicalMIMEHeaderKey(name) != name {
			continue
		}
		same := func(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) } // space around a value is none of it
		if !slices.EqualFunc(values, got[name], same) {
			t.Fatalf("%s: we read %q, net/http %q", name, got[name], values)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok && !isHop(name) && got[name] != nil && !strings.HasPrefix(name, http.TrailerPrefix) {
			t.Fatalf("%s: we read %q, net/http has no such field", name, got[name])
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nA: b\r\n\r\n")
	f.Add("HTTP/1.1 200 OK\nA: b\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		end := headEnd([]byte(text), 0)
		for from := range min(end, 40) { // however it comes, it ends at the same place
			if from < end-3 && headEnd([]byte(text), max(strings.LastIndexByte(text[:from], '\n'), 0)) != end {
				t.Fatalf("from %d: another end", from)
			}
		}
		if end > 0 {
			var a answer
			_ = a.parse([]byte(text)[:end])
		}
	})
}
