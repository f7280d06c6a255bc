package gateway

import (
	"net/url"
	"strings"
	"testing"
)

func TestPathsThatCanBeUnderstoodInTwoWaysAreRefused(t *testing.T) {
	for path, want := range map[string]pathFault{
		"":                        pathRelative,
		"*":                       pathRelative,
		"orders":                  pathRelative,
		"/a/../b":                 pathDots,
		"/..":                     pathDots,
		"/a/.":                    pathDots,
		"/a/./b":                  pathDots,
		"/a/%2e%2e/b":             pathDots,
		"/a/%2E./b":               pathDots,
		"/a%2f..%2fb":             pathDots,
		"/a%5c..%5cb":             pathDots,
		"/a/..;x=1/b":             pathDots,
		"/a/.;/b":                 pathDots,
		"/a\\b":                   pathBackslash,
		"/a%00b":                  pathControl,
		"/a%0d%0aX:1":             pathControl,
		"/a%7f":                   pathControl,
		"/a\x01b":                 pathControl,
		"/a b":                    pathControl,
		"/a%zz":                   pathEscape,
		"/a%2":                    pathEscape,
		"/a%":                     pathEscape,
		"/a#b":                    pathFragment,
		"/;a/#":                   pathFragment,
		"/..%2f..%2fetc%2fpasswd": pathDots,
	} {
		if _, _, fault := readPath(path); fault != want {
			t.Errorf("%q: got %q, want %q", path, fault, want)
		}
	}
}

func TestPathsAreComparedInOneForm(t *testing.T) {
	for _, test := range []struct {
		path, plain string
		slashes     bool
	}{
		{"/", "/", false},
		{"/orders/17", "/orders/17", false},
		{"/orders/", "/orders/", false},
		{"//orders///17", "/orders/17", false},
		{"/%6frders/17", "/orders/17", false},
		{"/orders;v=1/17", "/orders/17", false},
		{"/a%2fb", "/a/b", true},
		{"/a%5Cb", "/a/b", true},
		{"/a%20b/%3F", "/a b/?", false},
		{"/.well-known/x", "/.well-known/x", false},
		{"/a/...", "/a/...", false},
		{"/a/..b", "/a/..b", false},
		{"/%C3%A4/ä", "/ä/ä", false},
		{"/a%3bb", "/a;b", false},
		{"/%252e%252e/a", "/%2e%2e/a", false},
	} {
		plain, slashes, fault := readPath(test.path)
		if fault != pathFine || plain != test.plain || slashes != test.slashes {
			t.Errorf("%q: got %q, %v, %q", test.path, plain, slashes, fault)
		}
	}
}

func TestAPlainPathCostsNoMemory(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { readPath("/api/v1/orders/4711/items") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAPrefixIsTakenOffHoweverItIsWritten(t *testing.T) {
	for _, test := range []struct{ target, prefix, want string }{
		{"/v1/orders?x=/v1", "/v1", "/orders?x=/v1"},
		{"/v1", "/v1", "/"},
		{"/v1/", "/v1", "/"},
		{"/v1?x=1", "/v1", "/?x=1"},
		{"/%761/orders", "/v1", "/orders"},
		{"//v1//orders", "/v1", "//orders"},
		{"/v1;a=b/orders", "/v1", "/orders"},
		{"/v1;a=b?c", "/v1", "/?c"},
		{"/a%2fb/c%2fd", "/a/b", "/c%2fd"},
		{"/api/v1/orders", "/api/v1", "/orders"},
		{"/api//v1/orders", "/api/v1", "/orders"},
		{"/%61%70%69/v%31", "/api/v1", "/"},
	} {
		if got := stripTarget(test.target, test.prefix); got != test.want {
			t.Errorf("%s without %s: got %s, want %s", test.target, test.prefix, got, test.want)
		}
	}
}

// What is compared with routes must be what an upstream that unescapes sees.
func FuzzReadPath(f *testing.F) {
	for _, seed := range []string{"/", "/a/b", "/%2e%2e/", "/a;b/c", "//a", "/%", "/a%2fb", "*", "/\x00", "/ä", "/a/../b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		plain, slashes, fault := readPath(path)
		if fault != pathFine {
			return
		}
		unescaped, err := url.PathUnescape(path)
		if err != nil {
			t.Fatalf("%q was let in but cannot be unescaped: %v", path, err)
		}
		for segment := range strings.FieldsFuncSeq(unescaped, func(r rune) bool { return r == '/' || r == '\\' }) {
			if segment == "." || segment == ".." {
				t.Fatalf("%q was let in with the segment %q", path, segment)
			}
		}
		if !slashes && !strings.ContainsAny(path, "%;") && strings.Join(strings.FieldsFunc(plain, func(r rune) bool { return r == '/' }), "/") != strings.Join(strings.FieldsFunc(unescaped, func(r rune) bool { return r == '/' }), "/") {
			t.Fatalf("%q is compared as %q", path, plain)
		}
		// Every prefix that a route can have and that matches can be taken off.
		for i := 1; i <= len(plain); i++ {
			if (i == len(plain) || plain[i] == '/') && plain[i-1] != '/' {
				if rest := stripTarget(path, plain[:i]); rest == "" || rest[0] != '/' {
					t.Fatalf("%q without %q is %q", path, plain[:i], rest)
				}
			}
		}
	})
}
