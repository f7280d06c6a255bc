package web

import (
	"net/http"
	"strings"

	"lapwing.dev/lapwing/internal/web/problem"
)

// failer answers requests that do not reach their handler, as a problem for
// programs and as a page for people.
type failer struct {
	problems problem.Writer
	page     func(w http.ResponseWriter, r *http.Request, status int, title, detail string)
}

func (f *failer) write(w http.ResponseWriter, r *http.Request, err error) {
	if !wantsPage(r) {
		f.problems.Write(w, r, err)
		return
	}
	p, send := f.problems.Prepare(w, r, err)
	if !send {
		return
	}
	if f.page != nil {
		f.page(w, r, p.Status, p.Title, p.Detail)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(p.Status)
	_, _ = w.Write([]byte(p.Title + "\n\n" + p.Detail + "\n")) // the client has gone: nobody to tell
}

// wantsPage reports whether a person looks at the answer: a page was asked for,
// by something that takes HTML.
func wantsPage(r *http.Request) bool {
	return !isAPI(r.URL.Path) && r.URL.Path != "/metrics" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func isAPI(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/prometheus/") || strings.HasPrefix(path, "/alertmanager/")
}
