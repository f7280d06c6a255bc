package assert

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/probe"
)

func seeds(f *testing.F) []string {
	var all []string
	for _, file := range []string{"orders.expr", "plain.expr", "mistakes.expr"} {
		all = append(all, expressions(f, file)...)
	}
	return all
}

// FuzzCompile looks for a text that the compiler cannot bear, or whose mistake
// it places outside of the text.
func FuzzCompile(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := Options{Vars: []string{"token", "id"}}
		p, err := Compile(text, o)
		if err == nil {
			p.Check(NewAnswer(nil, nil, 1))
			return
		}
		var mistake *Error
		if !errors.As(err, &mistake) {
			t.Fatalf("%q: %T is not an *Error", text, err)
		}
		if mistake.Offset < 0 || mistake.Offset > len(text) {
			t.Errorf("%q: offset %d is outside of the text", text, mistake.Offset)
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[:mistake.Offset]) {
			t.Errorf("%q: offset %d is within a character", text, mistake.Offset)
		}
		if mistake.Message == "" || strings.ContainsRune(mistake.Message, marker) && !strings.ContainsRune(text, marker) {
			t.Errorf("%q: message %q", text, mistake.Message)
		}
		if strings.Contains(mistake.Message, "cannot be understood") {
			t.Errorf("%q: the compiler panicked: %s", text, mistake.Message)
		}
	})
}

// FuzzCheck looks for an assertion and a body that together panic or hang.
func FuzzCheck(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text, ordersBody)
	}
	f.Add("json[0] == 1", "[[[[1]]]]")
	f.Add("all(json, # in json)", "[1,2,3]")
	f.Fuzz(func(t *testing.T, text, body string) {
		p, err := CompileValue(text, Options{Vars: []string{"token"}})
		if err != nil {
			return
		}
		a := NewAnswer(&probe.Response{Status: 200, Body: []byte(body), Size: int64(len(body))}, map[string]any{"token": body}, 1)
		holds, detail := p.Check(a)
		if holds == (detail != "") {
			t.Errorf("%q: holds is %v, and the detail is %q", text, holds, detail)
		}
		if again, _ := p.Check(a); again != holds && !strings.Contains(text, "now") {
			t.Errorf("%q: it held %v, and then %v", text, holds, again)
		}
		if v, err := p.Value(a); v == nil && err == nil {
			t.Errorf("%q: neither a value nor an error", text)
		}
	})
}
