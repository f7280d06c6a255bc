package catalog

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// small is a document with one operation; its title says where it came from.
func small(title string) string {
	return fmt.Sprintf(`{"openapi":"3.1.0","info":{"title":%q,"version":"1"},"paths":{"/ping":{"get":{"responses":{"200":{"description":"ok"}}}}}}`, title)
}

// serve answers the given paths with the given texts, everything else with 404.
func serve(t *testing.T, pages map[string]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := pages[r.URL.Path]
		switch {
		case text == "hang":
			<-r.Context().Done()
		case strings.HasPrefix(text, "redirect:"):
			http.Redirect(w, r, strings.TrimPrefix(text, "redirect:"), http.StatusFound)
		case text == "forbidden":
			w.WriteHeader(http.StatusForbidden)
		case ok:
			fmt.Fprint(w, text)
		case pages["*"] != "":
			fmt.Fprint(w, pages["*"])
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func TestTheDocumentIsFoundInTheUsualPlaces(t *testing.T) {
	startPage := "<!doctype html><title>shop</title>"
	tests := []struct {
		name, base, openapi string
		pages               map[string]string
		title, path         string
	}{
		{"FastAPI", "", "", map[string]string{"/openapi.json": small("a")}, "a", "/openapi.json"},
		{"springdoc", "", "", map[string]string{"/v3/api-docs": small("b")}, "b", "/v3/api-docs"},
		{"the preferred of two", "", "", map[string]string{"/swagger.json": small("b"), "/openapi.yaml": small("a")}, "a", "/openapi.yaml"},
		{"below the API's path", "/shop", "", map[string]string{"/shop/openapi.json": small("own"), "/openapi.json": small("root")}, "own", "/shop/openapi.json"},
		{"at the root of the host", "/shop/", "", map[string]string{"/openapi.json": small("root")}, "root", "/openapi.json"},
		{"the document's own address", "/some/where.json", "", map[string]string{"/some/where.json": small("x"), "/openapi.json": small("y")}, "x", "/some/where.json"},
		{"a start page for every path", "", "", map[string]string{"*": startPage, "/api-docs": small("z")}, "z", "/api-docs"},
		{"a redirect on the same host", "", "", map[string]string{"/openapi.json": "redirect:/doc", "/doc": small("r")}, "r", "/doc"},
		{"a given path", "/v1", "/spec", map[string]string{"/v1/spec": small("s"), "/openapi.json": small("no")}, "s", "/v1/spec"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, test.pages)
			d, err := Find(t.Context(), client(), server.URL+test.base, test.openapi)
			if err != nil {
				t.Fatal(err)
			}
			if d.Title() != test.title || d.URL() != server.URL+test.path {
				t.Errorf("found %q at %s", d.Title(), d.URL())
			}
		})
	}
}

func TestNoDocumentIsToldWithItsReason(t *testing.T) {
	elsewhere := serve(t, map[string]string{"/x": small("elsewhere")})
	other := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	refused := "http://" + closedAddress(t)
	tests := []struct {
		name, openapi string
		pages         map[string]string
		want          string
		kind          fault.Kind
	}{
		{"nothing there", "", nil, "tried /openapi.json and", fault.KindNotFound},
		{"a start page everywhere", "", map[string]string{"*": "<html>"}, "tried /openapi.json and", fault.KindNotFound},
		{"broken", "", map[string]string{"/openapi.json": `{"openapi":"3.0.0","paths":7}`}, "not well formed", fault.KindNotFound},
		{"forbidden", "", map[string]string{"/openapi.json": "forbidden"}, "answered 403 Forbidden", fault.KindNotFound},
		{"given and not there", "/spec.json", nil, "/spec.json answered 404 Not Found", fault.KindNotFound},
		{"given and no document", "/spec.json", map[string]string{"/spec.json": "{}"}, "neither `openapi` nor `swagger`", fault.KindInvalid},
		{"a redirect to another host", "/spec", map[string]string{"/spec": "redirect:" + other + "/x"}, "redirects to another host", fault.KindUnavailable},
		{"a redirect without end", "/spec", map[string]string{"/spec": "redirect:/spec"}, "more than 5 redirects", fault.KindUnavailable},
		{"too large", "/spec", map[string]string{"/spec": strings.Repeat("x", MaxSize+1)}, "larger than 10 MiB", fault.KindInvalid},
		{"a missing file", "spec.json", nil, "no such file or directory; for a path on the API's url write /spec.json", fault.KindNotFound},
		{"a strange scheme", "ftp://x/spec", nil, "must be http, https or file", fault.KindInvalid},
		{"nobody answers", refused + "/spec", nil, "connection refused", fault.KindUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Find(t.Context(), client(), serve(t, test.pages).URL, test.openapi)
			if err == nil || !strings.Contains(err.Error(), test.want) || fault.KindOf(err) != test.kind {
				t.Errorf("got  %v (%s)\nwant %s (%s)", err, fault.KindOf(err), test.want, test.kind)
			}
		})
	}
}

// closedAddress is one that nobody listens on.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestWhatWasFoundInTimeIsTaken(t *testing.T) {
	server := serve(t, map[string]string{"/openapi.json": "hang", "/openapi.yaml": small("in time")})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	d, err := Find(ctx, client(), server.URL, "")
	if err != nil || d.Title() != "in time" {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestACompressedBombIsCut(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 12 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}))
	defer server.Close()
	if _, err := Find(t.Context(), client(), server.URL, "/x"); err == nil || !strings.Contains(err.Error(), "larger than 10 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestAFileIsFound(t *testing.T) {
	name := filepath.Join(t.TempDir(), "spec.json")
	if err := os.WriteFile(name, []byte(small("file")), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Find(t.Context(), client(), "http://127.0.0.1:1", "file://"+name)
	if err != nil || d.Title() != "file" || d.URL() != name {
		t.Errorf("got %v, %v", d, err)
	}
}
