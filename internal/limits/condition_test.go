package limits

import (
	"errors"
	"flag"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/middleware/limit"
)

// claims are texts by name.
type claims map[string]string

func (c claims) Get(name string) string { return c[name] }

// proRequest is what the conditions of these tests look at.
func proRequest() *limit.Request {
	return &limit.Request{
		Method: "POST", Path: "/v1/orders/7", Operation: "POST /orders/{id}", API: "orders",
		Client: netip.MustParseAddr("10.1.2.3"), APIKey: "mobile-app",
		Headers: http.Header{"X-Plan": {"Gold"}, "Content-Length": {"1024"}},
		Cookies: claims{"sid": "abc"},
		Token:   claims{"plan": "pro", "sub": "4711", "scope": "read orders write", "level": "7", "org.name": "acme"},
	}
}

func TestConditions(t *testing.T) {
	q := proRequest()
	for text, want := range map[string]bool{
		`true`:                              true,
		`false`:                             false,
		` true `:                            true,
		`token.plan == "pro"`:               true,
		`"pro" == token.plan`:               true,
		`token.plan != "pro"`:               false,
		`token["plan"] == 'pro'`:            true,
		`token.org.name == "acme"`:          true,
		`token.nothing == ""`:               true,
		`header["x-plan"] == "Gold"`:        true,
		`lower(header["X-Plan"]) == "gold"`: true,
		`upper(token.plan) == "PRO"`:        true,
		`cookie.sid == "abc"`:               true,
		`method in ["POST", "PUT"]`:         true,
		`method not in ["POST", "PUT"]`:     false,
		`not (method == "GET") and path startsWith "/v1/"`:     true,
		`!(method == "GET") && path endsWith "/7"`:             true,
		`method == "GET" or api_key == "mobile-app"`:           true,
		`method == "GET" || false`:                             false,
		`operation == "POST /orders/{id}" and api == "orders"`: true,
		`path matches "^/v[0-9]+/orders/"`:                     true,
		`path contains "admin"`:                                false,
		`client in "10.0.0.0/8"`:                               true,
		`client in ["192.168.0.0/16", "10.1.2.3"]`:             true,
		`client == "10.1.2.3"`:                                 true,
		`client != "10.1.2.3"`:                                 false,
		`client in ["fd00::/8"]`:                               false,
		`"orders" in split(token.scope, " ")`:                  true,
		`"order" in split(token.scope, " ")`:                   false,
		`int(token.level) > 5`:                                 true,
		`int(token.level) <= -5`:                               false,
		`5 < int(token.level)`:                                 true,
		`int(token.nothing) > 5 or int(token.nothing) <= 5`:    false,
		`int(header["Content-Length"]) == 1024`:                true,
		`len(token.sub) >= 4`:                                  true,
		`(token.plan == "pro") == (method == "POST")`:          true,
		`trim(token.plan) == "pro" // a comment`:               true,
		`token?.plan == "pro"`:                                 true,
	} {
		c, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Holds(q); got != want {
			t.Errorf("%s holds: %t, want %t", text, got, want)
		}
		c.Holds(&limit.Request{}) // a request with nothing in it harms nobody
	}
}

func TestAMappedAddressIsItself(t *testing.T) {
	c, err := Compile(`client in "10.0.0.0/8"`)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Holds(&limit.Request{Client: netip.MustParseAddr("::ffff:10.1.2.3")}) {
		t.Error("::ffff:10.1.2.3 is not in 10.0.0.0/8")
	}
}

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMistakesOfConditions(t *testing.T) {
	var out strings.Builder
	for _, text := range []string{
		``, `tokn.plan == "pro"`, `token.plan = "pro"`, `token.plan == pro`, `token.plan`, `token == "x"`,
		`header.X-Api-Key == "a"`, `headers["a"] == "b"`, `token.level > 3`, `int(token.level) > "3"`, `method in "GET"`,
		`method in [GET]`, `client startsWith "10."`, `client in "10.0.0.0/99"`, `client == "home"`, `path matches "("`,
		`path matches token.plan`, `foo(path)`, `lenn(path) > 1`, `int(1) > 2`, `split(path)`, `token.plan == nil`, `1.5 < 2`,
		`token.plan == "pro" and path`, `token.plan ==`, `path[1] == "x"`, `path.x == "a"`, `"a" in split(path, token.x)`,
		`method == "GET" ? true : false`, `[1][0] == 1`, `token[method] == "a"`, `a;b`, `int(path) + 1 > 2`, "token.plan == \"pro\" &\n path == \"x\"",
	} {
		_, err := Compile(text)
		m, ok := errors.AsType[*Mistake](err)
		if !ok {
			t.Errorf("%q: got %v, want a *Mistake", text, err)
			continue
		}
		if m.Offset < 0 || m.Offset > len(text) {
			t.Errorf("%q: the mistake is at %d, outside of the text", text, m.Offset)
		}
		out.WriteString(m.Excerpt + "\n" + m.Error() + "\n\n")
	}
	path := filepath.Join("testdata", "mistakes.golden")
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -update, then read the difference):\n%s", path, diff)
	}
}

func TestConditionsAllocateNothing(t *testing.T) {
	q := proRequest()
	for _, text := range []string{
		`token.plan == "pro"`, `method in ["GET", "POST"] and header["X-Plan"] != ""`, `client in ["192.168.0.0/16", "10.0.0.0/8"]`,
		`"write" in split(token.scope, " ") and int(token.level) > 3`, `path matches "^/v1/"`,
	} {
		c, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { c.Holds(q) }); n != 0 {
			t.Errorf("%s allocates %.0f times", text, n)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{`token.plan == "pro"`, `client in ["10.0.0.0/8"] and not (method == "GET")`, `"a" in split(token.scope, " ")`, `int(x`} {
		f.Add(text)
	}
	q := proRequest()
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Compile(text)
		if err == nil {
			c.Holds(q)
			return
		}
		m, ok := errors.AsType[*Mistake](err)
		if !ok || m.Offset < 0 || m.Offset > len(text) || m.Message == "" {
			t.Errorf("%q: %#v", text, err)
		}
	})
}

func BenchmarkCondition(b *testing.B) {
	q := proRequest()
	for _, text := range []string{`true`, `token.plan == "pro"`, `token.plan == "pro" and method in ["GET", "POST"] and client in "10.0.0.0/8"`} {
		c, err := Compile(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Holds(q)
			}
		})
	}
}
