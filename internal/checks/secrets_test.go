package checks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

// told is everything that a run tells: its result with the reason, and its evidence.
func told(t *testing.T, c Check) (string, *Evidence) {
	t.Helper()
	b := work(t, newMemory(), c)
	r := b.run(t, c.Name)
	_, evidence, err := b.Detail(t.Context(), c.Name, r.Run)
	if err != nil || evidence == nil {
		t.Fatalf("no evidence: %v", err)
	}
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(evidence); err != nil {
		t.Fatal(err)
	}
	return text.String() + r.Last().Reason, evidence
}

// parrot answers with what it was sent, in the form that the path says.
func parrot(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/body", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.NewEncoder(w).Encode(map[string]any{"data": string(body), "key": r.Header.Get("X-Api-Key")})
		}
		if err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "COOKIESECRET9", Path: "/"})
		fmt.Fprint(w, `{"you":"sid=COOKIESECRET9","id":"VALUE-ONE"}`)
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "cookies %q, id VALUE-ONE", r.Header.Get("Cookie"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestACutBodyShowsNoPartOfASecret(t *testing.T) {
	const password = "SECRET-WORD-0123456789"
	for _, path := range []string{"/body", "/json"} {
		for _, left := range []int{1, 10, len(password) - 1} { // bytes of it before the cut
			padding := strings.Repeat("a", probe.EvidenceSize-left)
			if path == "/json" {
				padding = padding[len(`{"data":"`):]
			}
			text, evidence := told(t, Check{
				Name: "cut", Every: rarely, Sensitive: []string{password},
				Request: &probe.HTTPRequest{Method: "POST", URL: parrot(t) + path, Body: padding + password},
				Assert:  []Assertion{{Expr: "body == 'x'"}},
			})
			answer := evidence.Attempts[0].Steps[0].Response
			if strings.Contains(text, "aS") || !answer.Truncated || len(answer.Body) != probe.EvidenceSize-left {
				t.Errorf("%s, %d bytes left: the answer ends in %q", path, left, answer.Body[len(answer.Body)-40:])
			}
		}
	}
}

func TestEscapedSecretsAreNotTold(t *testing.T) {
	const password = `ENV"PLANT8&x<y>`
	for name, request := range map[string]probe.HTTPRequest{
		"json":      {Method: "POST", JSON: map[string]any{"note": "it is " + password}},
		"form":      {Method: "POST", Form: map[string]string{"note": password}},
		"multipart": {Method: "POST", Multipart: map[string]probe.Part{"note": {Value: password}}},
		"graphql":   {Method: "POST", GraphQL: &probe.GraphQL{Query: "query($x: String){a}", Variables: map[string]any{"x": password}}},
		"query":     {Method: "POST", Query: map[string]any{"note": password}, Body: "note " + password},
		"header":    {Method: "POST", Headers: map[string]string{"X-Note": password, "X-Api-Key": password}},
	} {
		t.Run(name, func(t *testing.T) {
			request.URL = parrot(t) + "/json"
			text, _ := told(t, Check{
				Name: "escaped", Every: rarely, Sensitive: []string{password}, Request: &request,
				Assert: []Assertion{{Expr: `json.data == ""`}, {Expr: `body == "no"`}, {Expr: `json == {}`}, {Expr: `json.data == 'ENV"PLANT8&x<y>'`}},
			})
			if strings.Contains(text, "PLANT8") {
				t.Errorf("told:\n%s", text)
			}
		})
	}
}

func TestSessionCookiesAreNotTold(t *testing.T) {
	url := parrot(t)
	text, _ := told(t, Check{
		Name: "cookies", Every: rarely,
		Steps: []RequestStep{
			{Name: "login", Request: probe.HTTPRequest{URL: url + "/login"}, Assert: []Assertion{{Expr: `json.you == "nobody"`, Else: elseDegraded}}},
			{Name: "me", Request: probe.HTTPRequest{URL: url + "/me"}, Assert: []Assertion{{Expr: `body == "nobody"`}}},
		},
	})
	if strings.Contains(text, "COOKIESECRET9") {
		t.Errorf("told:\n%s", text)
	}
}

func TestACaptureThatIsSecretOnceIsSecret(t *testing.T) {
	url := parrot(t)
	capture := func(public bool) map[string]Capture {
		return map[string]Capture{"id": {Expr: "json.id", Public: public}}
	}
	text, evidence := told(t, Check{
		Name: "captures", Every: rarely,
		Steps: []RequestStep{
			{Name: "public", Request: probe.HTTPRequest{URL: url + "/login"}, Capture: capture(true)},
			{Name: "secret", Request: probe.HTTPRequest{URL: url + "/login"}, Capture: capture(false)},
			{Name: "echo", Request: probe.HTTPRequest{URL: url + "/me"}, Assert: []Assertion{{Expr: `body == "nobody"`}}},
		},
	})
	if got := evidence.Attempts[0].Steps[0].Captured["id"]; strings.Contains(text, "VALUE-ONE") || got != secret.Redacted {
		t.Errorf("captured as %s; told:\n%s", got, text)
	}
}

func TestTextsInsideACaptureAreSecret(t *testing.T) {
	url := parrot(t)
	text, _ := told(t, Check{
		Name: "object", Every: rarely,
		Steps: []RequestStep{
			{Name: "login", Request: probe.HTTPRequest{URL: url + "/login"}, Capture: map[string]Capture{"all": {Expr: "json"}}},
			{Name: "me", Request: probe.HTTPRequest{URL: url + "/me"}, Assert: []Assertion{{Expr: `body == "nobody"`}}},
		},
	})
	if strings.Contains(text, "VALUE-ONE") {
		t.Errorf("told:\n%s", text)
	}
}
