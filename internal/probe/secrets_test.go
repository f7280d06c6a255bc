package probe_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"testing"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

// TestSecretsOfARequest collects whatever authenticates a request, so that an
// answer that repeats it can be redacted.
func TestSecretsOfARequest(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "set-by-answer"})
		http.SetCookie(w, &http.Cookie{Name: "signed", Value: "s%3Asigned-value"})
		http.SetCookie(w, &http.Cookie{Name: "consent", Value: "true"})
		if r.URL.Path == "/moved" {
			http.SetCookie(w, &http.Cookie{Name: "hop", Value: "set-by-redirect"})
			http.Redirect(w, r, "/", http.StatusFound)
		}
	})
	through := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "proxied") })
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	full, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	full.SetCookies(u, []*http.Cookie{{Name: "old", Value: "from-the-jar"}})
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, test := range []struct {
		name    string
		request probe.HTTPRequest
		jar     http.CookieJar
		want    []string
	}{
		{"cookies that an answer sets", probe.HTTPRequest{URL: target}, nil, []string{"set-by-answer", "s%3Asigned-value", "s:signed-value"}},
		{"cookies along redirects", probe.HTTPRequest{URL: target + "/moved"}, nil, []string{"set-by-redirect"}},
		{"cookies of the jar", probe.HTTPRequest{URL: target}, full, []string{"from-the-jar"}},
		{"configured cookies", probe.HTTPRequest{URL: target, Headers: map[string]string{"Cookie": `a=one-value; b="two-value"`}}, nil, []string{"one-value", "two-value"}},
		{"a key in a header", probe.HTTPRequest{URL: target, Headers: map[string]string{"X-Api-Key": "key-in-header"}}, nil, []string{"key-in-header"}},
		{"a token in a header", probe.HTTPRequest{URL: target, Headers: map[string]string{"Authorization": "Token in-header"}}, nil, []string{"in-header"}},
		{
			"a password in a header",
			probe.HTTPRequest{URL: target, Headers: map[string]string{"Authorization": "Basic " + encode("ada:by-hand")}},
			nil,
			[]string{"by-hand", encode("ada:by-hand")},
		},
		{
			"a password",
			probe.HTTPRequest{URL: target, Auth: &probe.Auth{Basic: &probe.Basic{Username: "ada", Password: secret.New("open-sesame")}}},
			nil,
			[]string{"open-sesame", encode("ada:open-sesame"), "YWRhOm9wZW4tc2VzYW1l"},
		},
		{"user information in the URL", probe.HTTPRequest{URL: "http://ada:in-the-url@" + u.Host}, nil, []string{"in-the-url"}},
		{
			"a proxy's password",
			probe.HTTPRequest{URL: "http://api.invalid/", Proxy: "http://ada:proxy-pw@" + through[len("http://"):]},
			nil,
			[]string{"proxy-pw", encode("ada:proxy-pw")},
		},
		{
			"members that are named as such",
			probe.HTTPRequest{
				URL: target + "?api_key=in-the-url&page=not-secret", Query: map[string]any{"token": []any{"in-the-query", 1}},
				JSON: map[string]any{"user": map[string]any{"password": "in-json", "pin": "not-secret"}, "credential": map[string]any{"id": "in-a-credential"}},
			},
			nil,
			[]string{"in-the-url", "in-the-query", "in-json", "in-a-credential"},
		},
		{"fields that are named as such", probe.HTTPRequest{URL: target, Form: map[string]string{"password": "in-a-form", "page": "not-secret"}}, nil, []string{"in-a-form"}},
		{"parts that are named as such", probe.HTTPRequest{URL: target, Multipart: map[string]probe.Part{"api-key": {Value: "in-a-part"}}}, nil, []string{"in-a-part"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, err := do(t, test.request, probe.Input{Jar: test.jar})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !slices.Contains(resp.Sent.Secrets, want) {
					t.Errorf("%q is not among the secrets %q", want, resp.Sent.Secrets)
				}
			}
			if slices.Contains(resp.Sent.Secrets, "true") || slices.Contains(resp.Sent.Secrets, "not-secret") {
				t.Error("what is none is taken for a secret")
			}
		})
	}
}
