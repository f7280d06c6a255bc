package assert

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/probe"
)

func jsonAnswer(body string) *Answer {
	return NewAnswer(&probe.Response{Status: 200, Body: []byte(body), Size: int64(len(body))}, nil, 1)
}

func TestCaptures(t *testing.T) {
	a := ordersAnswer()
	for _, c := range []struct {
		text string
		want any
		err  string
	}{
		{text: "json.name", want: "shop"},
		{text: "json.big", want: 9007199254740993},
		{text: "json.orders[0]", want: map[string]any{"id": 1, "status": "open", "total": 9.5}},
		{text: "latency * 2", want: 2 * (312*time.Millisecond + 300*time.Microsecond)},
		{text: `split(headers.etag, "\"")[1]`, want: "1"},
		{text: "cookies.session.value", want: "abc"},
		{text: `json.nope ?? "none"`, want: "none"},
		{text: "json.access_token", err: "json.access_token is missing"},
		{text: "json.owner", err: "json.owner is null"},
		{text: "json.owner.name", err: "json.owner is null"},
		{text: "cookies.gone.value", err: "cookies.gone is missing"},
		{text: "json.orders[7].id", err: "json.orders[7] is missing, the list has 2"},
	} {
		t.Run(c.text, func(t *testing.T) {
			p, err := CompileValue(c.text, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Value(a)
			if message := errorText(err); message != c.err {
				t.Errorf("got error %q, want %q", message, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestOnlyValuesCanBeCaptured(t *testing.T) {
	for _, text := range []string{"cookies", "cookies.session"} {
		_, err := CompileValue(text, Options{})
		if want := "an object as a whole cannot be captured; capture one member of it"; errorText(err) != want {
			t.Errorf("%s: got error %v, want %s", text, err, want)
		}
	}
}

func TestWhatAProgramMentions(t *testing.T) {
	p := compileTest(t, `tls.expires_in > 14d or any(json.orders, .id == vars.id)`)
	got := map[string]bool{}
	for _, name := range []string{"tls", "json", "vars", "vars.id", "vars.token", "body", "status", "orders"} {
		got[name] = p.Mentions(name)
	}
	want := map[string]bool{"tls": true, "json": true, "vars": true, "vars.id": true, "vars.token": false, "body": false, "status": false, "orders": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !p.NeedsBody() {
		t.Error("an assertion about json does not need the body")
	}
	if compileTest(t, `status == 200 and body_size == 1`[:13]).NeedsBody() {
		t.Error("an assertion about the status needs the body")
	}
	if text := " status  ==  200 "; compileTest(t, text).String() != text {
		t.Errorf("String is not the text as written")
	}
}

func TestOneProgramServesManyGoroutines(t *testing.T) {
	p := compileTest(t, `status == 200 and all(json.orders, .total >= 0) and headers.etag != ""`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a := ordersAnswer()
			for range 20 {
				holds, detail := p.Check(a)
				if want := `status = 503, json.orders[1] = {"id": 2, "status": "paid", "total": -1}`; holds || detail != want {
					t.Errorf("got %v %q, want false %q", holds, detail, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestJSONIsReadOnceAndOnlyWhenNeeded(t *testing.T) {
	a := jsonAnswer(`{"a": 1}`)
	compileTest(t, "status == 200 or json.a == 2").Check(a)
	if a.decoded {
		t.Error("the JSON was read for a status")
	}
	compileTest(t, "json.a == 1").Check(a)
	a.response.Body = nil
	if holds, detail := compileTest(t, "json.a == 1").Check(a); !holds {
		t.Errorf("the JSON was read again: %s", detail)
	}
}

func TestNoAnswer(t *testing.T) {
	a := NewAnswer(nil, nil, 1)
	for text, want := range map[string]string{
		"status == 200":             "status = 0",
		"json.ok":                   "body is empty, not JSON",
		"headers.etag == 'x'":       "headers.etag is missing",
		"cookies.session.secure":    "cookies.session is missing",
		"tls.version == 'TLS 1.3'":  "no TLS",
		"vars.token == 'x'":         "vars.token is missing",
		`protocol == "HTTP/1.1"`:    `protocol = ""`,
		`redirects[0] == "http://"`: "redirects[0] is missing, the list has 0",
	} {
		if holds, detail := compileTest(t, text).Check(a); holds || detail != want {
			t.Errorf("%s: got %v %q, want false %q", text, holds, detail, want)
		}
	}
}

func TestHostileBodies(t *testing.T) {
	list := "[" + strings.Repeat("0,", 999_998) + "0]"
	for name, c := range map[string]struct{ text, body, want string }{
		"deep":            {"json == 1", strings.Repeat("[", 201) + strings.Repeat("]", 201), "body is JSON nested more than 200 deep"},
		"many values":     {"json == 1", "[" + strings.Repeat("0,", 1_000_001) + "0]", "body is JSON of more than 1000000 values"},
		"quadratic":       {"all(json, # == 0 and none(json, # == 1))", list, "took longer than 1s to evaluate"},
		"quadratic in":    {"all(json, {# in json and 1 not in json})", list, "took longer than 1s to evaluate"},
		"trailing":        {"json == 1", "1 2", "body is not JSON: more follows after the first value"},
		"cut off":         {"json == 1", `{"a": [1, 2`, "body is not JSON: it ends too early"},
		"white space":     {"json == 1", " \n\t", "body is empty, not JSON"},
		"huge number":     {"json == 1", "1e999", "json = +Inf"},
		"beyond 64 bits":  {"json == 1", "18446744073709551616", "json = 18446744073709552000"},
		"not UTF-8":       {`body == "x"`, "\xff\xfe", `body = "\xff\xfe"`},
		"long text":       {`body == "x"`, strings.Repeat("ü", 100), `body = "` + strings.Repeat("ü", 60) + `"…`},
		"brackets quoted": {`json == "x"`, `"` + strings.Repeat("[", 300) + `\""`, `json = "` + strings.Repeat("[", 120) + `"…`},
		"too many pieces": {`len(split(body, ",")) == 1`, strings.Repeat(",", 100_001), `split(body, ","): split makes more than 100000 pieces`},
		"growing text":    {`replace(body, "a", "` + strings.Repeat("b", 400) + `") == ""`, strings.Repeat("a", 50_000), `replace(body, "a", "` + strings.Repeat("b", 400) + `"): replace makes a text of more than 16777216 bytes`},
		"text for a list": {`any(json.a, # == 1)`, `{"a": 5}`, `any(json.a, # == 1): `},
		"unhashable":      {`len(uniq(json)) == 3`, `[{"a": [1]}, {"a": [1]}, [1], 1, 1.0]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			holds, detail := compileTest(t, c.text).Check(jsonAnswer(c.body))
			if holds != (c.want == "") || !strings.HasPrefix(detail, c.want) {
				t.Errorf("got %v %q, want %q", holds, detail, c.want)
			}
			if len(detail) > 1000 {
				t.Errorf("the detail has %d bytes", len(detail))
			}
		})
	}
}

func TestExpressionsAreBounded(t *testing.T) {
	nested := "1"
	for range 40 {
		nested = "(0 < " + nested + " < 2 ? 1 : 0)"
	}
	for name, c := range map[string]struct{ text, want string }{
		"long":     {"status == 200" + strings.Repeat(" ", maxText), "the expression is longer than 4KiB; split it into several assertions"},
		"brackets": {strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60), "brackets are nested more than 50 deep; split it into several assertions"},
		"chain":    {"true" + strings.Repeat(" or true", 300), "the expression is too complex; split it into several assertions"},
		"not":      {strings.Repeat("!", 1000) + "true", "the expression is too complex; split it into several assertions"},
		"doubling": {nested + " == 1", "the expression is too complex; split it into several assertions"},
		"nodes":    {"status in [" + strings.Repeat("1,", 1500) + "1]", "the expression is too complex; split it into several assertions"},
		"empty":    {" \n ", "the expression is empty; write a condition: status == 200"},
		"bytes":    {"body == \"\xff\"", "the expression is not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(c.text, Options{})
			if errorText(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestEveryNameOfTheReferenceWorks(t *testing.T) {
	all := append(Names(), Functions()...)
	seen := map[string]bool{}
	for _, n := range all {
		if seen[n.Name] {
			t.Errorf("%s is there twice", n.Name)
		}
		seen[n.Name] = true
		if n.Type == "" || n.Doc == "" || !strings.HasSuffix(n.Doc, ".") {
			t.Errorf("%s is not documented", n.Name)
		}
		if !strings.Contains(n.Example, n.Name) {
			t.Errorf("%s: the example %q does not use it", n.Name, n.Example)
		}
		p, err := CompileValue(n.Example, Options{Vars: []string{"user", "id"}})
		if err != nil {
			t.Errorf("%s: %v", n.Name, err)
			continue
		}
		p.Check(ordersAnswer())
	}
	// What the environment has, the reference has.
	for _, prefix := range []struct {
		name string
		t    reflect.Type
	}{{"", reflect.TypeFor[environment]()}, {"tls.", reflect.TypeFor[certificate]()}} {
		for _, name := range membersOf(prefix.t) {
			if name != "tls handshake" && !seen[prefix.name+name] {
				t.Errorf("%s%s is not in the reference", prefix.name, name)
			}
		}
	}
}

func TestSuggestions(t *testing.T) {
	for name, want := range map[string]string{
		"stauts": `did you mean "status"?`, "dsn": `did you mean "dns"?`, "boddy": `did you mean "body"?`,
		"foo": "", "x": "", "transferred": "",
	} {
		if got := fault.DidYouMean(name, []string{"status", "dns", "body", "transfer", "tls"}); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestDurationsAsHumansSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1500: "2µs", 2_340_000: "2.3ms", 312_456_789: "312ms", 1_236_000_000: "1.24s",
		90 * time.Second: "1m30s", 28 * time.Hour: "1d 4h", -48 * time.Hour: "-2d", 400 * 24 * time.Hour: "400d",
	} {
		if got := showDuration(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

func TestAnAssertionThatHoldsSaysItsValues(t *testing.T) {
	answer := NewAnswer(&probe.Response{
		Status: 200, Phases: probe.Phases{TTFB: 12 * time.Millisecond}, Body: []byte(`{"orders":[{"id":1}],"state":"ok"}`),
	}, nil, 1)
	for text, want := range map[string]string{
		"status == 200":                          "status = 200",
		"status in 200..299":                     "status = 200",
		"len(json.orders) > 0":                   "len(json.orders) = 1",
		"latency < 300ms and json.state == 'ok'": `latency = 12ms, json.state = "ok"`,
		"not (status == 500)":                    "status = 200",
	} {
		p, err := Compile(text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if holds, _ := p.Check(answer); !holds {
			t.Errorf("%s does not hold", text)
		}
		if got := p.Values(answer); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
