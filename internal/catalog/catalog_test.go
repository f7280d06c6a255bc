package catalog

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
)

// upstream is a server without a network: what it answers may be changed.
type upstream struct {
	mu     sync.Mutex
	status int
	body   string
	etag   string
	delay  time.Duration
	seen   []string // the If-None-Match of every request
}

func (u *upstream) set(status int, body, etag string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status, u.body, u.etag = status, body, etag
}

func (u *upstream) requests() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string{}, u.seen...)
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = append(u.seen, r.Header.Get("If-None-Match"))
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(u.delay):
	}
	if u.status == 0 {
		return nil, errors.New("connection refused")
	}
	answer := &http.Response{StatusCode: u.status, Status: http.StatusText(u.status), Header: http.Header{"Etag": {u.etag}}, Body: io.NopCloser(strings.NewReader(u.body)), Request: r}
	if u.etag != "" && r.Header.Get("If-None-Match") == u.etag {
		answer.StatusCode, answer.Body = http.StatusNotModified, http.NoBody
	}
	return answer, nil
}

var shopAPI = API{Name: "shop", URL: "http://shop.example", OpenAPI: "/openapi.json"}

// start runs a catalog over u until the test ends.
func start(t *testing.T, u *upstream, apis ...API) *Catalog {
	t.Helper()
	c := New(Deps{Client: &http.Client{Transport: u}})
	commit, err := c.Prepare(apis, "")
	if err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

func title(t *testing.T, c *Catalog, api string) string {
	t.Helper()
	s, ok := c.Status(api)
	if !ok {
		t.Fatalf("no API %q", api)
	}
	return s.Title
}

func TestADocumentIsRefreshedAndTheLastGoodOneKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{status: 200, body: small("first"), etag: `"1"`}
		c := start(t, u, shopAPI)
		synctest.Wait()
		if got := title(t, c, "shop"); got != "first" {
			t.Fatalf("title %q", got)
		}
		loaded, _ := c.Status("shop")

		time.Sleep(6 * time.Minute) // unchanged: 304
		unchanged, _ := c.Status("shop")
		if !unchanged.LoadedAt.Equal(loaded.LoadedAt) || !unchanged.CheckedAt.After(loaded.CheckedAt) {
			t.Errorf("loaded %v, checked %v", unchanged.LoadedAt, unchanged.CheckedAt)
		}

		u.set(200, "<html>maintenance", "") // broken: the old one stays
		time.Sleep(6 * time.Minute)
		broken, _ := c.Status("shop")
		if broken.Title != "first" || broken.Err == nil || len(c.Operations("shop")) != 1 {
			t.Errorf("got %+v", broken)
		}
		if _, ok := c.Match("shop", "GET", "/ping"); !ok {
			t.Error("the last good document does not match any more")
		}

		u.set(200, small("second"), `"2"`)
		time.Sleep(6 * time.Minute)
		fixed, _ := c.Status("shop")
		if fixed.Title != "second" || fixed.Err != nil {
			t.Errorf("got %+v", fixed)
		}
		if diff := cmp.Diff([]string{"", `"1"`}, u.requests()[:2]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestADocumentThatIsNotThereYetIsTriedSoonAndThenLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		c := start(t, u, shopAPI)
		time.Sleep(time.Hour)
		if n := len(u.requests()); n < 12 || n > 25 {
			t.Errorf("%d requests in an hour", n)
		}
		u.set(200, small("late"), "")
		time.Sleep(6 * time.Minute)
		if got := title(t, c, "shop"); got != "late" {
			t.Errorf("title %q", got)
		}
	})
}

func TestAContractWaitsForTheFirstLoad(t *testing.T) {
	validateShop := func(ctx context.Context, c *Catalog, api string, status int) error {
		return c.ValidateResponse(ctx, api, "GET", &url.URL{Path: "/ping"}, status, http.Header{}, nil)
	}
	t.Run("and holds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := start(t, &upstream{status: 200, body: small("x"), delay: 3 * time.Second}, shopAPI)
			if err := validateShop(t.Context(), c, "shop", 200); err != nil {
				t.Error(err)
			}
			var v *Violation
			if err := validateShop(t.Context(), c, "shop", 500); !errors.As(err, &v) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("but not for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := start(t, &upstream{status: 200, body: small("x"), delay: 20 * time.Second}, shopAPI)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := validateShop(ctx, c, "shop", 200)
			if fault.KindOf(err) != fault.KindUnavailable || !strings.Contains(err.Error(), "has not been loaded yet") {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("and says why there is none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := start(t, &upstream{}, shopAPI, API{Name: "bare", URL: "http://bare.example"})
			for api, want := range map[string]string{
				"shop":   `the OpenAPI document of API "shop" is not available: read http://shop.example/openapi.json: connection refused`,
				"bare":   "API \"bare\" has no OpenAPI document; give it `openapi: /openapi.json`",
				"nobody": `there is no API "nobody"`,
				"":       "the check belongs to no API; give it `api:`, and that API `openapi:`",
			} {
				if err := validateShop(t.Context(), c, api, 200); err == nil || err.Error() != want {
					t.Errorf("%q: got  %v\nwant %s", api, err, want)
				}
			}
		})
	})
}

func TestAReloadKeepsWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{status: 200, body: small("x")}
		c := start(t, u, shopAPI, API{Name: "old", URL: "http://old.example", OpenAPI: "/openapi.json"})
		synctest.Wait()
		before := len(u.requests())
		relabelled := shopAPI
		relabelled.Labels = map[string]string{"team": "shop"}
		commit, err := c.Prepare([]API{relabelled, {Name: "new", URL: "http://new.example", OpenAPI: "/openapi.json"}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Status("new"); ok {
			t.Error("the new API is there before the commit")
		}
		commit()
		synctest.Wait()
		if n := len(u.requests()) - before; n != 1 {
			t.Errorf("%d requests, want one for the new API", n)
		}
		if _, ok := c.Status("old"); ok {
			t.Error("the removed API is still there")
		}
		if diff := cmp.Diff([]string{"new", "shop"}, []string{c.APIs()[0].Name, c.APIs()[1].Name}); diff != "" {
			t.Error(diff)
		}
		if c.APIs()[1].Labels["team"] != "shop" {
			t.Error("the labels were not taken over")
		}
		time.Sleep(6 * time.Minute)
		if n := len(u.requests()) - before; n != 3 {
			t.Errorf("%d requests after a refresh, want 3: the removed API's loader must have ended", n)
		}
	})
}

func TestMistakesAreToldBeforeAnythingChanges(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "broken.yaml"), []byte("openapi: 3.0.0\npaths: 7"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := New(Deps{})
	_, err := c.Prepare([]API{
		{URL: "localhost:8000"},
		{Name: "a", URL: "http://a.example", OpenAPI: "missing.yaml"},
		{Name: "a", URL: "ftp://a.example"},
		{Name: "b", URL: "http://u:p@b.example", OpenAPI: "ws://b.example/x"},
		{Name: "c", URL: "http://c.example", OpenAPI: "broken.yaml"},
		{Name: "d", URL: "//d.example"},
		{Name: "e"},
	}, dir)
	var problems fault.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, strings.ReplaceAll(p.Error(), dir, "DIR"))
	}
	want := []string{
		"apis[0].name: the name is missing; give the API a short name, such as orders",
		"apis[0].url: the URL must be http or https; write it like http://127.0.0.1:8000 (localhost:8000 needs http:// before it)",
		"apis[1].openapi: read missing.yaml: no such file or directory; for a path on the API's url write /missing.yaml",
		"apis[2].url: the URL must be http or https; write it like http://127.0.0.1:8000 (localhost:8000 needs http:// before it)",
		"apis[3].url: the URL holds a user name or password; give them in the check's request: auth: {basic: …}",
		"apis[3].openapi: the URL must be http or https; write it like http://127.0.0.1:8000 (localhost:8000 needs http:// before it)",
		"apis[4].openapi: DIR/broken.yaml: the OpenAPI document is not well formed: paths: a number cannot stand here",
		"apis[5].url: the URL has no scheme; did you mean http://d.example?",
		"apis[6].url: the URL is missing; write where the API is reached, such as http://127.0.0.1:8000",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(c.APIs()) != 0 {
		t.Error("something changed")
	}
}

func TestAFileIsReadBeforeTheCommit(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "spec.json"), []byte(small("file")), 0o600); err != nil {
		t.Fatal(err)
	}
	c := New(Deps{})
	commit, err := c.Prepare([]API{{Name: "a", URL: "http://a.example", OpenAPI: "spec.json"}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	if s, _ := c.Status("a"); s.Title != "file" || s.Operations != 1 || s.Source != filepath.Join(dir, "spec.json") {
		t.Errorf("got %+v", s)
	}
}
