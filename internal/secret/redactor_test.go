package secret

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// notations are the ways in which a value reaches a page.
func notations() map[string]func(string) string {
	inner := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	marshal := func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		return inner(string(text))
	}
	quote := func(s string) string { return inner(strconv.Quote(s)) }
	readable := func(s string) string {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			panic(err)
		}
		return inner(strings.TrimSpace(b.String()))
	}
	return map[string]func(string) string{
		"as it is":           func(s string) string { return s },
		"JSON":               marshal,
		"JSON without HTML":  readable,
		"JSON twice":         func(s string) string { return readable(readable(s)) },
		"JSON mixed twice":   func(s string) string { return readable(marshal(s)) },
		"JSON in quotes":     func(s string) string { return quote(readable(s)) },
		"quoted":             quote,
		"quoted, ASCII":      func(s string) string { return inner(strconv.QuoteToASCII(s)) },
		"a query":            url.QueryEscape,
		"a path":             url.PathEscape,
		"a component":        func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") },
		"a query, lower":     func(s string) string { return lowerPercent(url.QueryEscape(s)) },
		"a query in a query": func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
		"a query in JSON":    func(s string) string { return marshal(url.PathEscape(s)) },
		"JSON in a query":    func(s string) string { return url.QueryEscape(marshal(s)) },
		"JSON in HTML":       func(s string) string { return html.EscapeString(readable(s)) },
		"HTML":               html.EscapeString,
	}
}

func lowerPercent(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '%' {
			copy(b[i:i+3], strings.ToLower(s[i:i+3]))
		}
	}
	return string(b)
}

func TestAKnownValueIsFoundInEveryNotation(t *testing.T) {
	for _, value := range []string{
		`ENV"PLANT8&x`, `C:\new\table`, "line one\nline\ttwo", `\"\\&`, "100%25 of <b>&amp;", "pass word+1", "geheim-äöü-密钥", "🔑key🔑", `a/b/c=d`, `'single'`, `50%off`, `AbC123`,
	} {
		r := NewRedactor(value)
		for name, write := range notations() {
			text := "<" + write(value) + ">"
			if got := r.Text(text); got != "<"+Redacted+">" {
				t.Errorf("%q as %s: %s is shown as %s", value, name, text, got)
			}
		}
	}
}

func TestACutThroughAKnownValueShowsNothingOfIt(t *testing.T) {
	for _, value := range []string{"tok-abcdef-0123456789", `ENV"PLANT8&x`, "a\\b\nc&d🔑e", "äöüß-password"} {
		r := NewRedactor(value)
		for name, write := range notations() {
			written := write(value)
			_, size := utf8.DecodeRuneInString(value)
			for n := len(write(value[:size])); n <= len(written); n++ {
				if !utf8.ValidString(written[:n]) {
					continue
				}
				text := "#####" + written[:n]
				want := "#####"
				if n == len(written) {
					want += Redacted
				}
				if got := r.Cut(text); got != want && (n < len(written) || got != "#####") {
					t.Errorf("%q as %s, cut: %s is shown as %s", value, name, text, got)
				}
				for _, mark := range []string{"…", `"…`, `\"…`} {
					if got := r.Text(text + mark); !strings.HasPrefix(got, "#####"+Redacted) {
						t.Errorf("%q as %s, cut: %s is shown as %s", value, name, text+mark, got)
					}
				}
			}
		}
	}
	if got := NewRedactor("tok-abcdef").Text("ends in tok"); got != "ends in tok" {
		t.Errorf("a whole text is treated as a cut one: %s", got)
	}
}

func TestRedactedText(t *testing.T) {
	r := NewRedactor("tok-abcdef", "tok-abcdef-longer", "on", "a b&c", "cdef-XYZ")
	for _, tt := range []struct{ name, text, want string }{
		{"a known value anywhere", "bearer tok-abcdef!", "bearer [redacted]!"},
		{"the longer of two values", "tok-abcdef-longer", "[redacted]"},
		{"values that overlap", "<tok-abcdef-XYZ>", "<[redacted]>"},
		{"one value after the other", "tok-abcdeftok-abcdef", "[redacted][redacted]"},
		{"a value in a query", "/x?q=a+b%26c", "/x?q=[redacted]"},
		{"a short value is left alone", "on and on", "on and on"},
		{"members whose name says it", `{"password":"x\"y","user":"ada","api_key": "k"}`, `{"password":"[redacted]","user":"ada","api_key": "[redacted]"}`},
		{"a member that was cut off", `{"access_token":"abc`, `{"access_token":"[redacted]"`},
		{"a member that was cut inside an escape", `{"access_token":"abc\`, `{"access_token":"[redacted]"`},
		{"camel case", `{"accessToken":"abc","clientSecret":"def","tokenType":"Bearer"}`, `{"accessToken":"[redacted]","clientSecret":"[redacted]","tokenType":"Bearer"}`},
		{"a name with a prefix", `{"x-api-key":"abc","db_password":"def"}`, `{"x-api-key":"[redacted]","db_password":"[redacted]"}`},
		{"a number", `{"password":12345678,"session":3,"token":null}`, `{"password":[redacted],"session":3,"token":null}`},
		{"a body in quotes", `body = "{\"password\":\"x\\\"y\",\"user\":\"ada\"}"`, `body = "{\"password\":\"[redacted]\",\"user\":\"ada\"}"`},
		{"a body in quotes that was cut", `body = "{\"password\":\"hunt"…`, `body = "{\"password\":\"[redacted]\""…`},
		{"a body in quotes twice", `"\"{\\\"token\\\":\\\"x y\\\",\\\"n\\\":1}\""`, `"\"{\\\"token\\\":\\\"[redacted]\\\",\\\"n\\\":1}\""`},
		{"what Python prints", `{'password': 'x y', 'user': 'ada'}`, `{'password': '[redacted]', 'user': 'ada'}`},
		{"the detail of an assertion", `json.token = "abc", json.user = "ada"`, `json.token = "[redacted]", json.user = "ada"`},
		{"an assertion as written", `json.token == "abc"`, `json.token == "[redacted]"`},
		{"a list", `{"api_key":["abc"],"n":[1]}`, `{"api_key":["[redacted]"],"n":[1]}`},
		{"a form in JSON", `"a=1\u0026password=x\u0026b=2"`, `"a=1\u0026password=[redacted]"`},
		{"an empty member", `{"password":"","user":"ada"}`, `{"password":"","user":"ada"}`},
		{"parameters whose name says it", "/cb?token=abc&page=2", "/cb?token=[redacted]&page=2"},
		{"a form", "user=ada&password=x", "user=ada&password=[redacted]"},
		{"a form in quotes", `body = "password=x&user=ada"`, `body = "password=[redacted]&user=ada"`},
		{"credentials in a URL", "parse http://ada:pw@host/x?y=z@w: no", "parse http://[redacted]@host/x?y=z@w: no"},
		{"an error message", "invalid token: unexpected end; the secret: none", "invalid token: unexpected end; the secret: none"},
		{"plain text", "nothing to hide", "nothing to hide"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.Text(tt.text); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRedactedHeaders(t *testing.T) {
	r := NewRedactor("known-value")
	for _, tt := range []struct{ name, value, want string }{
		{"Authorization", "Bearer abc", "Bearer [redacted]"},
		{"authorization", "abc", "[redacted]"},
		{"Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=[redacted]; Path=/; HttpOnly"},
		{"Set-Cookie", "sid=abc; Path=/known-value", "sid=[redacted]; Path=/[redacted]"},
		{"Cookie", "sid=abc", "[redacted]"},
		{"X-Api-Key", "abc", "[redacted]"},
		{"X-Goog-Api-Key", "abc", "[redacted]"},
		{"Session-Id", "abc", "[redacted]"},
		{"Location", "/next?token=abc", "/next?token=[redacted]"},
		{"Content-Type", "text/html", "text/html"},
		{"X-Anything", "a known-value", "a [redacted]"},
	} {
		if got := r.Header(tt.name, tt.value); got != tt.want {
			t.Errorf("%s: %s is shown as %s, want %s", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestARedactorThatLearnsKeepsWhatItKnew(t *testing.T) {
	first := NewRedactor(`a"1234`)
	second := first.With("b-5678", "").With()
	if got := second.Text(`a\"1234 b-5678`); got != Redacted+" "+Redacted {
		t.Errorf("got %s", got)
	}
	if got := first.Text("b-5678"); got != "b-5678" {
		t.Errorf("the first has learned too: %s", got)
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("tok-secret-1", `{"password":"tok-secret-1"}`)
	f.Add(`ENV"PLANT8&x`, `{"a":"ENV\"PLANT8\u0026x…`)
	f.Add(`\\\\`, `\\\\\\\\\\\\…"password":"\\\"`)
	f.Fuzz(func(t *testing.T, value, text string) {
		r := NewRedactor(value)
		r.Cut(text)
		if len(value) < MinLength || strings.Contains(Redacted, value) {
			return
		}
		// Redacting twice must not bring anything back, and the value must not survive
		// in a text that is not made of what replaces it.
		once := r.Text(text)
		if strings.Contains(strings.ReplaceAll(once, Redacted, "\x00"), value) {
			t.Errorf("%q survives in %q", value, once)
		}
		if !utf8.ValidString(value) {
			return
		}
		for name, write := range notations() {
			if got := r.hideValues("<"+write(value)+">", false); strings.Contains(got, write(value)) {
				t.Errorf("%q survives as %s: %q", value, name, got)
			}
		}
	})
}

func BenchmarkRedactor(b *testing.B) {
	values := make([]string, 20)
	for i := range values {
		values[i] = fmt.Sprintf("secret&%d-0123456789", i)
	}
	r := NewRedactor(values...)
	text := strings.Repeat(`{"id":17,"name":"a name & such","token":"abc","ok":true},`, 72)[:4096]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Text(text)
	}
}
