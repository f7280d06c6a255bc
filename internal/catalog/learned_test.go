package catalog

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

func TestValuesAndWords(t *testing.T) {
	for segment, want := range map[string]bool{
		"17": true, "-5": true, "3.14": true, "1,2,3": true, "2026-11-23": true, "20261123": true, "2026-11-23T08:00:00Z": true, "08:30": true,
		"8c5a3b1e-6f0d-4f6e-9d7c-2b1a0f9e8d7c": true, "8C5A3B1E6F0D4F6E9D7C2B1A0F9E8D7C": true, "d41d8cd98f00b204e9800998ecf8427e": true,
		"da39a3ee": true, "01ARZ3NDEKTSV4RRFFQ69G5FAV": true, "ord_9f8a7b6c5d": true, "order-1234": true, "INV2024001": true,
		"V1StGXR8_Z5jdHi6B-myT": true, "a@example.com": true, "caf%C3%A9": true, "{id}": true, "a b": true, "caf\xe9": true, "x\x00": true,
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": true, strings.Repeat("a", 65): true,
		"deadbeefdeadbeef": true,

		"": false, "orders": false, "v1": false, "v2.1": false, "v1beta2": false, "v1alpha10": false, "oauth2": false, "sha256sum": false, "base64": false, "ipv4": false, "s3": false,
		"get-all-orders": false, "getUserOrdersByCustomerId": false, "openapi.json": false, "index.html": false, "me": false, "facade": false, "decade": false,
		".well-known": false, "foo:batchGet": false, "_search": false, "page-2": false, "2fa": false, "3d-models": false, "robots.txt": false,
		"feed": false, "e2e": false, "a~b": false,
	} {
		if got := isValue(segment); got != want {
			t.Errorf("%q: %v", segment, got)
		}
	}
}

func TestTemplatesOfPaths(t *testing.T) {
	l := NewLearned()
	for path, want := range map[string]string{
		"/": "/", "": OtherTemplate, "x": OtherTemplate, "*": OtherTemplate,
		"/orders": "/orders", "/orders/": "/orders", "/orders//": "/orders", "//": "/",
		"/orders/17": "/orders/{id}", "/orders/17/items/8c5a3b1e-6f0d-4f6e-9d7c-2b1a0f9e8d7c": "/orders/{id}/items/{id}",
		"/v1/2026-11-23/17": "/v1/{id}/{id}", "/a//b": "/a//b", "/users/me": "/users/me", "/users/17": "/users/{id}",
		strings.Repeat("/a", 24): strings.Repeat("/a", 24), strings.Repeat("/a", 25): OtherTemplate, strings.Repeat("/1", 10_000): OtherTemplate,
	} {
		for range 2 {
			if got := l.Template(path); got != want {
				t.Errorf("%.60q: %q, want %q", path, got, want)
			}
		}
	}
}

func TestNamesOfUsersBecomeOneOperation(t *testing.T) {
	l := NewLearned()
	for i := range 5000 {
		l.Template("/users/me/orders")
		l.Template("/users/" + name(i) + "/orders")
	}
	for path, want := range map[string]string{
		"/users/me/orders": "/users/me/orders", "/users/somebody/orders": "/users/{id}/orders", "/users/" + name(3) + "/orders": "/users/{id}/orders",
	} {
		if got := l.Template(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if l.templates > 3 {
		t.Errorf("%d templates are left", l.templates)
	}
}

// name is a word of letters only.
func name(i int) string {
	text := []byte("user-")
	for ; i > 0; i /= 26 {
		text = append(text, byte('a'+i%26))
	}
	return string(text) + "-x"
}

func TestManyResourcesStayApart(t *testing.T) {
	l := NewLearned()
	for round := range 100 {
		for i := range min(10+3*round, 150) { // an API that grows, all of it in use
			l.Template("/api/v1/" + name(i))
			l.Template("/api/v1/" + name(i) + "/17")
		}
	}
	for i := range 150 {
		if got := l.Template("/api/v1/" + name(i) + "/99"); got != "/api/v1/"+name(i)+"/{id}" {
			t.Fatalf("resource %d: %s", i, got)
		}
	}
}

func TestAScannerLeavesOperationsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Deps{})
		commit, err := c.Prepare([]API{{Name: "shop", URL: "http://shop.example/base"}}, "")
		if err != nil {
			t.Fatal(err)
		}
		commit()
		visit := func(path string, status int) string {
			template, documented := c.Operation("shop", "GET", "/base"+path)
			if documented {
				t.Fatalf("%s is documented", path)
			}
			c.Observe(&observe.Exchange{API: "shop", Route: template, Status: status, Verdict: observe.Allowed})
			return template
		}
		visit("/orders", 200)
		for i := range 20_000 {
			visit("/"+name(i)+"/"+name(i+1)+".php", 404)
			visit("/"+name(i), 404)
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
			if i%10 == 0 {
				if got := visit("/orders/17", 200); got != "/orders/{id}" {
					t.Fatalf("after %d: %s", i, got)
				}
				visit("/orders", 200)
			}
		}
		time.Sleep(2 * forgetInterval)
		for path, want := range map[string]string{"/orders/18": "/orders/{id}", "/orders": "/orders", "/baskets": "/baskets"} {
			if got := visit(path, 200); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		l := (*c.entries.Load())["shop"].learned
		if l.words > maxWords || l.templates > maxTemplates {
			t.Errorf("%d words, %d templates", l.words, l.templates)
		}
	})
}

func TestWhatWasLearnedSurvivesAReload(t *testing.T) {
	c := New(Deps{})
	prepare := func(api API) {
		commit, err := c.Prepare([]API{api}, "")
		if err != nil {
			t.Fatal(err)
		}
		commit()
	}
	prepare(API{Name: "shop", URL: "http://a.example"})
	for i := range 1000 {
		c.Operation("shop", "GET", "/users/"+name(i))
	}
	for _, api := range []API{{Name: "shop", URL: "http://a.example", Labels: map[string]string{"x": "y"}}, {Name: "shop", URL: "http://b.example"}} {
		prepare(api)
		if got, _ := c.Operation("shop", "GET", "/users/somebody"); got != "/users/{id}" {
			t.Errorf("after %v: %s", api, got)
		}
	}
	if got, _ := c.Operation("nowhere", "GET", "/x"); got != "" {
		t.Errorf("an API that there is not: %s", got)
	}
}

func TestADocumentGoesBeforeWhatIsLearned(t *testing.T) {
	c := New(Deps{})
	commit, err := c.Prepare([]API{{Name: "shop", URL: "http://shop.example", OpenAPI: "testdata/fastapi.json"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	commit()
	for request, want := range map[string]string{
		"GET /orders/17": "/orders/{order_id} true", "HEAD /health": "/health true", "GET /hidden/17": "/hidden/{id} false", "PUT /orders/17": "/orders/{id} false",
	} {
		method, path, _ := strings.Cut(request, " ")
		template, documented := c.Operation("shop", method, path)
		if got := fmt.Sprint(template, " ", documented); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}

func TestLearningIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLearned()
		templates := map[string]bool{}
		for i := range 200_000 {
			depth := i % 30
			path := ""
			var pathSb185 strings.Builder
			for d := range depth {
				pathSb185.WriteString("/" + name(i*31+d*7))
			}
			path += pathSb185.String()
			template := l.Template(path)
			templates[template] = true
			if l.words > maxWords || l.templates > maxTemplates || l.words < 1 || l.templates < 0 {
				t.Fatalf("after %d: %d words, %d templates", i, l.words, l.templates)
			}
		}
		words, ends := 0, 0
		var count func(*word)
		count = func(n *word) {
			words++
			if n.template.Load() != nil {
				ends++
			}
			n.each(count)
		}
		count(l.root)
		if words != l.words || ends != l.templates {
			t.Errorf("counted %d words and %d templates, there are %d and %d", l.words, l.templates, words, ends)
		}
	})
}

func TestManyLearnAtOnce(t *testing.T) {
	l := NewLearned()
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := range 3000 {
				if got := l.Template("/orders/" + strconv.Itoa(i)); got != "/orders/{id}" {
					t.Errorf("got %s", got)
				}
				l.Template("/users/" + name(i*8+c) + "/x")
				l.Missed("/users/" + name(i))
				l.Missed("/orders/{id}")
			}
		})
	}
	clients.Wait()
}

func FuzzLearned(f *testing.F) {
	f.Add("/orders/17\n/orders/x\n/\n//\n/a/{id}/b")
	f.Add("/%2F/é\n/a?b\n*\n\n/a/../b")
	f.Fuzz(func(t *testing.T, paths string) {
		l := NewLearned()
		for path := range strings.SplitSeq(paths, "\n") {
			template := l.Template(path)
			if again := l.Template(path); again != template {
				t.Fatalf("%q is %q, and then %q", path, template, again)
			}
			l.Missed(template)
			l.Missed(path)
			if template == OtherTemplate {
				continue
			}
			want := strings.TrimRight(path, "/")
			if want == "" {
				want = "/"
			}
			parts, segments := strings.Split(template, "/"), strings.Split(want, "/")
			if len(parts) != len(segments) {
				t.Fatalf("%q became %q", path, template)
			}
			for i, part := range parts {
				if part != "{id}" && (part != segments[i] || isValue(part)) {
					t.Fatalf("%q became %q", path, template)
				}
			}
		}
	})
}

func TestKnownPathsAllocateNothing(t *testing.T) {
	c := New(Deps{})
	commit, _ := c.Prepare([]API{{Name: "shop", URL: "http://shop.example"}}, "")
	commit()
	if n := testing.AllocsPerRun(1000, func() { c.Operation("shop", "GET", "/api/v1/orders/4711/items/8c5a3b1e-6f0d-4f6e-9d7c-2b1a0f9e8d7c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLearned(b *testing.B) {
	l := NewLearned()
	b.ReportAllocs()
	for b.Loop() {
		l.Template("/api/v1/orders/4711/items/8c5a3b1e-6f0d-4f6e-9d7c-2b1a0f9e8d7c")
	}
}
