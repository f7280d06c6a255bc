package observe_test

import (
	"fmt"
	"strings"
	"testing"

	"lapwing.dev/lapwing/middleware/observe"
)

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"

func TestSecretsInQueriesAreHidden(t *testing.T) {
	var r *observe.Redactor
	for sent, want := range map[string]string{
		"":                                  "",
		"page=2&sort=name":                  "page=2&sort=name",
		"token=abc":                         "token=[redacted]",
		"a=1&token=abc&b=2":                 "a=1&token=[redacted]&b=2",
		"a=1;password=x;b=2":                "a=1;password=[redacted];b=2",
		"api_key=1&apiKey=2&API-KEY=3":      "api_key=[redacted]&apiKey=[redacted]&API-KEY=[redacted]",
		"code=4/0Ad&state=x":                "code=[redacted]&state=x",
		"X-Amz-Signature=fe5f&X-Amz-Date=1": "X-Amz-Signature=[redacted]&X-Amz-Date=1",
		"sig=abc&sv=2020":                   "sig=[redacted]&sv=2020",
		"user%5Bpassword%5D=x":              "user%5Bpassword%5D=[redacted]",
		"user[password]=x":                  "user[password]=[redacted]",
		"%74oken=x":                         "%74oken=[redacted]",
		"t%6Fken=a=b":                       "t%6Fken=[redacted]",
		"reset_token=x&next_page=3":         "reset_token=[redacted]&next_page=3",
		"sort_key=name&zip_code=1&tokens=5": "sort_key=name&zip_code=1&tokens=5",
		"token=&x=1":                        "token=&x=1",
		"token":                             "token",
		"token=a&token=b":                   "token=[redacted]&token=[redacted]",
		"q=" + jwt:                          "q=[redacted]",
		jwt:                                 "[redacted]",
		"x=sk_live_abcdefghijklmnop":        "x=[redacted]",
		"url=https://user:pw@host/":         "url=[redacted]",
		"url=https%3A%2F%2Fuser:pw%40host/": "url=[redacted]",
		"mail=a@example.com":                "mail=a@example.com",
		"next=%2Fcb%3Fcode%3Dabc":           "next=[redacted]",
		"next=%252Fcb%253Fcode%253Dabc":     "next=[redacted]",
		"next=%2Fcb%3Fpage%3D2":             "next=%2Fcb%3Fpage%3D2",
		"filter=name=x":                     "filter=name=x",
		"&&=&=x&%":                          "&&=&=x&%",
	} {
		if got := r.Query(sent); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", sent, got, want)
		}
	}
}

func TestSecretsInPathsAreHidden(t *testing.T) {
	var r observe.Redactor
	for sent, want := range map[string]string{
		"/":          "/",
		"/orders/17": "/orders/17",
		"/orders/3b1f8a30-3c1e-4c0e-9e59-6d6f1d7f8a11/items": "/orders/3b1f8a30-3c1e-4c0e-9e59-6d6f1d7f8a11/items",
		"/verify/" + jwt:                                         "/verify/[redacted]",
		"/verify/" + jwt + "/done":                               "/verify/[redacted]/done",
		"/reset/9f86d081884c7d659a2feaa0c55ad015":                "/reset/[redacted]",
		"/hooks/1/dQw4w9WgXcQ-Zk3_uT7yB2nM5vL8pR1sF6gH0jK4aE9c":  "/hooks/1/[redacted]",
		"/blog/how-we-built-a-gateway-that-holds-2026-12-24":     "/blog/how-we-built-a-gateway-that-holds-2026-12-24",
		"/api/RetrieveTotalRecordCountForEveryEntityInTheSystem": "/api/RetrieveTotalRecordCountForEveryEntityInTheSystem",
		"/files/12345678901234567890123456789012345":             "/files/12345678901234567890123456789012345",
		"/cart;jsessionid=A1B2C3/items":                          "/cart;jsessionid=[redacted]/items",
		"/bot/ghp_0123456789abcdefghij0123456789abcdef":          "/bot/[redacted]",
		"/caf%C3%A9/gr%C3%B6%C3%9Fe/r%C3%A9sum%C3%A9/d%C3%A9j":   "/caf%C3%A9/gr%C3%B6%C3%9Fe/r%C3%A9sum%C3%A9/d%C3%A9j",
	} {
		if got := r.Path(sent); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", sent, got, want)
		}
	}
}

func TestWhatIsHiddenCanBeChosen(t *testing.T) {
	r := observe.NewRedactor(observe.RedactOptions{Names: []string{"Tax-Number"}, Keep: []string{"code"}, KeepPaths: true})
	if got := r.Query("tax_number=12&code=DE&token=x"); got != "tax_number=[redacted]&code=DE&token=[redacted]" {
		t.Error(got)
	}
	digest := "/blobs/9f86d081884c7d659a2feaa0c55ad015"
	if got := r.Path(digest); got != digest {
		t.Error(got)
	}
	if got := r.Path("/verify/" + jwt); got != "/verify/[redacted]" {
		t.Error(got)
	}
}

func TestApplyHidesAndCuts(t *testing.T) {
	r := observe.NewRedactor(observe.RedactOptions{})
	e := observe.Exchange{
		Path: "/verify/" + jwt, Query: "token=x&page=2", Host: "user:pw@api.example.com", Upstream: "http://user:pw@10.0.0.1:8000", UserAgent: strings.Repeat("x", 999),
	}
	r.Apply(&e)
	if e.Path != "/verify/[redacted]" || e.Query != "token=[redacted]&page=2" || e.Host != "api.example.com" || e.Upstream != "http://10.0.0.1:8000" || len(e.UserAgent) != observe.MaxUserAgent {
		t.Errorf("%+v", e)
	}
}

func TestNoPartOfASecretIsLeftByTheCut(t *testing.T) {
	var r observe.Redactor
	secret := "s3cr3tValue"
	for pad := range 64 {
		for _, most := range []int{observe.MaxQuery, 4 * observe.MaxQuery} {
			e := observe.Exchange{
				Query: "pad=" + strings.Repeat("p", most-80+pad) + "&token=" + strings.Repeat(secret, 40),
				Path:  "/" + strings.Repeat("p", most-80+pad) + "/" + jwt,
			}
			r.Apply(&e)
			if strings.Contains(e.Query, secret[:3]) || strings.Contains(e.Path, jwt[:4]) || len(e.Query) > observe.MaxQuery || len(e.Path) > observe.MaxPath {
				t.Fatalf("pad %d: query …%s path …%s", pad, e.Query[max(0, len(e.Query)-40):], e.Path[max(0, len(e.Path)-40):])
			}
		}
	}
	e := observe.Exchange{Query: "token=" + strings.Repeat(secret, 9999), Path: "/" + strings.Repeat("a", 1<<20)}
	r.Apply(&e)
	if e.Query != observe.Redacted || len(e.Path) > observe.MaxPath {
		t.Errorf("query %.60s, path of %d bytes", e.Query, len(e.Path))
	}
}

func TestNothingToHideCostsNoMemory(t *testing.T) {
	r := observe.NewRedactor(observe.RedactOptions{Names: []string{"x"}})
	e := observe.Exchange{
		Path:  "/v1/customers/3b1f8a30-3c1e-4c0e-9e59-6d6f1d7f8a11/orders/how-to-write-a-very-long-name-of-things",
		Query: "page=2&filter=a%3Db%26c%3Dd&a_rather_long_name_of_a_parameter_indeed=1&mail=a@example.com&next=%252Fcb%253Fpage%253D2",
		Host:  "api.example.com", Upstream: "http://127.0.0.1:8000",
	}
	want := e
	if n := testing.AllocsPerRun(100, func() { r.Apply(&e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if e != want {
		t.Errorf("changed: %+v", e)
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("a=1&token=x;b=%74&next=%2Fcb%3Fcode%3Dabc", "/verify/"+jwt+";jsessionid=1")
	f.Add("&&==%", "///;;==")
	f.Fuzz(func(t *testing.T, query, path string) {
		var r observe.Redactor
		e := observe.Exchange{Query: query, Path: path, Host: query, Upstream: path}
		r.Apply(&e)
		once := e
		r.Apply(&e)
		if e != once {
			t.Errorf("a second look changed %q, %q to %q, %q", once.Query, once.Path, e.Query, e.Path)
		}
		if got := r.Query("token=" + strings.NewReplacer("&", "", ";", "").Replace(query)); query != "" && strings.ContainsFunc(query, func(r rune) bool { return r != '&' && r != ';' }) && got != "token=[redacted]" {
			t.Errorf("token=%q was left as %q", query, got)
		}
	})
}

func BenchmarkRedactor(b *testing.B) {
	r := observe.NewRedactor(observe.RedactOptions{})
	e := observe.Exchange{Path: "/v1/customers/3b1f8a30-3c1e-4c0e-9e59-6d6f1d7f8a11/orders", Query: "page=2&sort=name", Host: "api.example.com"}
	b.ReportAllocs()
	for b.Loop() {
		r.Apply(&e)
	}
}

func ExampleRedactor() {
	r := observe.NewRedactor(observe.RedactOptions{Names: []string{"iban"}})
	fmt.Println(r.Query("page=2&api_key=abc&iban=DE02"))
	// Output: page=2&api_key=[redacted]&iban=[redacted]
}
