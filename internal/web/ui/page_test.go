package ui_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// noon is when the tests happen.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// open makes the pages over a source, at noon.
func open(t testing.TB, deps ui.Deps) *ui.UI {
	t.Helper()
	if deps.Now == nil {
		deps.Now = func() time.Time { return noon }
	}
	u, err := ui.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func get(t testing.TB, u http.Handler, path string) *http.Response {
	t.Helper()
	return send(t, u, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
}

func post(t testing.TB, u http.Handler, path string, form url.Values) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(t, u, r)
}

func send(t testing.TB, u http.Handler, r *http.Request) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	u.ServeHTTP(w, r)
	answer := w.Result()
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// page parses a page that must be there.
func page(t testing.TB, u http.Handler, path string) *goquery.Document {
	t.Helper()
	answer := get(t, u, path)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: status %d", path, answer.StatusCode)
	}
	return parse(t, answer)
}

func parse(t testing.TB, answer *http.Response) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// text is the text of a selection with its white space made plain.
func text(s *goquery.Selection) string {
	plain := strings.NewReplacer("\u00a0", " ", "\u202f", " ")
	return strings.Join(strings.Fields(plain.Replace(s.Text())), " ")
}

// want compares the text at a selector.
func want(t testing.TB, doc *goquery.Document, selector, wanted string) {
	t.Helper()
	if got := text(doc.Find(selector)); got != wanted {
		t.Errorf("%s: %q, want %q", selector, got, wanted)
	}
}

// shop is the pages of the invented company with everything on.
func shop(t testing.TB) (*ui.UI, *uitest.Source) {
	t.Helper()
	source := uitest.Shop(noon)
	return open(t, uitest.Deps(source, noon)), source
}

// as is an identity for tests.
func as(v ui.Viewer) func(context.Context) ui.Viewer {
	return func(context.Context) ui.Viewer { return v }
}
