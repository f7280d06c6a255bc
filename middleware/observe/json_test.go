package observe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lapwing.dev/lapwing/middleware/observe"
)

// full is an exchange with everything in it.
func full() observe.Exchange {
	return observe.Exchange{
		Time: time.Date(2026, 11, 23, 14, 5, 6, 123456000, time.UTC), Duration: 12345 * time.Microsecond,
		Phases: observe.Phases{Queued: time.Millisecond, Connect: 250 * time.Microsecond, Wait: 10 * time.Millisecond, Transfer: time.Microsecond},
		Source: observe.SourceGateway, API: "orders", Operation: "GET /orders/{id}", Route: "/orders/{id}", Method: "GET",
		Scheme: "https", Host: "api.example.com", Path: "/orders/17", Query: "expand=items&token=[redacted]", Protocol: "HTTP/2.0",
		Status: 429, RequestBytes: 0, ResponseBytes: 512, Client: netip.MustParseAddr("2001:db8::7"), ClientKey: "2001:db8::/64",
		User: "4711", Tier: "pro", UserAgent: "curl/8.5.0", RequestID: "3b1f8a30", Verdict: observe.Rejected, Policy: "default",
		Shadow: "strict", RetryAfter: 3 * time.Second, TraceID: [16]byte{0x4b, 15: 0x36}, SpanID: [8]byte{7: 0xb7}, ParentSpanID: [8]byte{1},
		Sampled: true, Upstream: "http://127.0.0.1:8000", Attempts: 2, Error: observe.ErrorTimeout,
	}
}

func TestALineHasEveryMember(t *testing.T) {
	e := full()
	want := `{"time":"2026-11-23T14:05:06.123456Z","api":"orders","operation":"GET /orders/{id}","route":"/orders/{id}","method":"GET",` +
		`"scheme":"https","host":"api.example.com","path":"/orders/17","query":"expand=items&token=[redacted]","protocol":"HTTP/2.0",` +
		`"status":429,"duration_ms":12.345,"queued_ms":1,"connect_ms":0.250,"wait_ms":10,"transfer_ms":0.001,"bytes_in":0,"bytes_out":512,` +
		`"client":"2001:db8::7","client_key":"2001:db8::/64","user":"4711","tier":"pro","user_agent":"curl/8.5.0","request_id":"3b1f8a30",` +
		`"verdict":"reject","policy":"default","shadow":"strict","retry_after_ms":3000,` +
		`"trace_id":"4b000000000000000000000000000036","span_id":"00000000000000b7","parent_span_id":"0100000000000000","sampled":true,` +
		`"upstream":"http://127.0.0.1:8000","attempts":2,"error":"timeout","source":"gateway"}`
	line := observe.AppendJSON([]byte("> "), &e)
	if got := string(line); got != "> "+want {
		t.Errorf("got  %s\nwant %s", got[2:], want)
	}
	var back observe.Exchange
	if err := observe.DecodeJSON(line[2:], &back); err != nil {
		t.Fatal(err)
	}
	if back != e {
		t.Errorf("read back\n%+v\nwant\n%+v", back, e)
	}
}

func TestAnEmptyExchangeIsALineToo(t *testing.T) {
	var e, back observe.Exchange
	line := observe.AppendJSON(nil, &e)
	want := `{"time":"0001-01-01T00:00:00.000000Z","method":"","path":"","status":0,"duration_ms":0,"bytes_in":0,"bytes_out":0,"verdict":"","source":""}`
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	if err := observe.DecodeJSON(line, &back); err != nil || back != e {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestHostileBytesStayInsideTheirText(t *testing.T) {
	for name, tt := range map[string]struct{ sent, want string }{
		"a new line":           {"a\nb\r\tc", `a\nb\r\tc`},
		"quotes":               {`a"b\c`, `a\"b\\c`},
		"control bytes":        {"\x00\x1b[31mred\x7f", `\u0000\u001b[31mred\u007f`},
		"C1 escape":            {"\u009b31m", `\u009b31m`},
		"a byte of C1":         {"\x9b31m", "\ufffd31m"},
		"invalid UTF-8":        {"\xff\xfe\xed\xa0\x80", "\ufffd\ufffd\ufffd\ufffd\ufffd"},
		"half of a character":  {"ab\xe2\x82", "ab\ufffd\ufffd"},
		"line separators":      {"a\u2028b\u2029c", `a\u2028b\u2029c`},
		"direction overrides":  {"evil\u202egpj.exe\u2066", `evil\u202egpj.exe\u2066`},
		"a byte order mark":    {"\ufeffx", `\ufeffx`},
		"text of the world":    {"größe/日本/🐦", "größe/日本/🐦"},
		"a quote at every end": {"1234567\"1234567\"", `1234567\"1234567\"`},
	} {
		t.Run(name, func(t *testing.T) {
			e := observe.Exchange{Path: tt.sent}
			line := string(observe.AppendJSON(nil, &e))
			_, rest, _ := strings.Cut(line, `"path":"`)
			got, _, _ := strings.Cut(rest, `","status"`)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		})
	}
}

func TestTheZoneOfAnAddressIsNotWritten(t *testing.T) {
	e := observe.Exchange{Client: netip.MustParseAddr(`fe80::1%e"th0`)}
	if line := string(observe.AppendJSON(nil, &e)); !strings.Contains(line, `"client":"fe80::1",`) {
		t.Error(line)
	}
}

func TestTimesAreUTCWithMicroseconds(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, at := range []time.Time{
		time.Date(2026, 1, 1, 0, 30, 0, 999, berlin), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	} {
		e := observe.Exchange{Time: at}
		want := `{"time":"` + at.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.000000Z07:00") + `"`
		if line := string(observe.AppendJSON(nil, &e)); !strings.HasPrefix(line, want) {
			t.Errorf("got %.40s, want %s", line, want)
		}
	}
	e := observe.Exchange{Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), Duration: -time.Second}
	if line := string(observe.AppendJSON(nil, &e)); !strings.HasPrefix(line, `{"time":"0001-01-01T00:00:00.000000Z"`) || !strings.Contains(line, `"duration_ms":0,`) {
		t.Error(line)
	}
}

func TestWhatCannotBeTrueIsRefusedByName(t *testing.T) {
	for line, want := range map[string]string{
		``:                                   "not an exchange",
		`[]`:                                 "not an exchange",
		`{"status":200`:                      "not an exchange",
		`{"status":"200"}`:                   "not an exchange",
		`{"status":-1}`:                      "status",
		`{"status":1000}`:                    "status",
		`{"bytes_in":-1}`:                    "bytes_in",
		`{"bytes_out":1e99}`:                 "not an exchange",
		`{"duration_ms":-1}`:                 "duration_ms",
		`{"duration_ms":1e300}`:              "duration_ms",
		`{"wait_ms":1e999}`:                  "not an exchange",
		`{"attempts":99999}`:                 "attempts",
		`{"client":"localhost"}`:             "client",
		`{"client":"fe80::1%eth0"}`:          "client",
		`{"time":"yesterday"}`:               "time",
		`{"trace_id":"abc"}`:                 "trace_id",
		`{"span_id":"zzzzzzzzzzzzzzzz"}`:     "span_id",
		`{"verdict":"maybe"}`:                "verdict",
		`{"source":"somewhere"}`:             "source",
		`{"error":"E_BAD"}`:                  "error",
		`{"retry_after_ms":-5,"status":429}`: "retry_after_ms",
	} {
		before := full()
		e := before
		err := observe.DecodeJSON([]byte(line), &e)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
		if e != before {
			t.Errorf("%s: the exchange was changed", line)
		}
	}
}

func TestMembersOfALaterVersionAreSkipped(t *testing.T) {
	var e observe.Exchange
	if err := observe.DecodeJSON([]byte(`{"status":204,"planet":{"name":"earth"}}`), &e); err != nil || e.Status != 204 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestTextsAreCutAtTheirBounds(t *testing.T) {
	long := strings.Repeat("é", 2000)
	e := observe.Exchange{Method: long, Path: long, Query: long, UserAgent: long, Host: long, User: long, Operation: long}
	e.Trim()
	for name, tt := range map[string]struct {
		text string
		most int
	}{
		"method": {e.Method, observe.MaxMethod}, "path": {e.Path, observe.MaxPath}, "query": {e.Query, observe.MaxQuery},
		"user agent": {e.UserAgent, observe.MaxUserAgent}, "host": {e.Host, observe.MaxText}, "user": {e.User, observe.MaxText}, "operation": {e.Operation, observe.MaxText},
	} {
		if len(tt.text) > tt.most || len(tt.text) < tt.most-1 || !utf8.ValidString(tt.text) {
			t.Errorf("%s has %d bytes, want at most %d, valid", name, len(tt.text), tt.most)
		}
	}
}

func TestADetachedExchangeIsTheSame(t *testing.T) {
	for _, want := range []observe.Exchange{full(), {}} {
		e := want
		e.Detach()
		if e != want {
			t.Errorf("got\n%+v\nwant\n%+v", e, want)
		}
		if n := testing.AllocsPerRun(10, e.Detach); n > 1 {
			t.Errorf("%v allocations", n)
		}
	}
}

func TestALineAllocatesNothing(t *testing.T) {
	e := full()
	buffer := make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { observe.AppendJSON(buffer, &e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	e.Path, e.UserAgent = strings.Repeat("\x00\xff\"é\u2028", 50), strings.Repeat("\x1b", 200)
	if n := testing.AllocsPerRun(100, func() { observe.AppendJSON(buffer, &e) }); n != 0 {
		t.Errorf("hostile: %v allocations", n)
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("GET", "/orders/17?", "a\nb", "curl\x1b", "\xff\u2028", int64(200), int64(12345))
	f.Add("", "12345678\"", "1234567é", "\ufeff", "%e\"", int64(-1), int64(-1))
	f.Fuzz(func(t *testing.T, method, path, query, agent, user string, status, micros int64) {
		e := observe.Exchange{
			Method: method, Path: path, Query: query, UserAgent: agent, User: user, Status: int(status % 1000),
			Time: time.UnixMicro(micros), Duration: time.Duration(micros), RequestBytes: micros, Verdict: observe.Verdict(method), Error: observe.ErrorClass(user),
		}
		line := observe.AppendJSON(nil, &e)
		if !json.Valid(line) || !utf8.Valid(line) || bytes.ContainsAny(line, "\n\r\x00\x1b\x7f\u2028\u202e") {
			t.Fatalf("line %q", line)
		}
		// Without what cannot be true, the line comes back as it is.
		e.Trim()
		e.Status, e.RequestBytes, e.Verdict, e.Error = max(e.Status, 0), max(e.RequestBytes, 0), observe.Allowed, observe.NoError
		line = observe.AppendJSON(nil, &e)
		var first, second observe.Exchange
		if err := observe.DecodeJSON(line, &first); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		line = observe.AppendJSON(nil, &first) // trimmed again: U+FFFD has more bytes than what it stands for
		if err := observe.DecodeJSON(line, &second); err != nil || first != second {
			t.Fatalf("%q: %v\n%+v\n%+v", line, err, first, second)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	e := full()
	f.Add(observe.AppendJSON(nil, &e))
	f.Add([]byte(`{"client":"::1","duration_ms":1e3,"time":"2026-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var e, again observe.Exchange
		if observe.DecodeJSON(line, &e) != nil {
			return
		}
		if err := observe.DecodeJSON(observe.AppendJSON(nil, &e), &again); err != nil {
			t.Fatalf("%q was read as %+v, which cannot be read: %v", line, e, err)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	e := full()
	buffer := make([]byte, 0, 2048)
	b.ReportAllocs()
	b.SetBytes(int64(len(observe.AppendJSON(nil, &e))))
	for b.Loop() {
		observe.AppendJSON(buffer, &e)
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	e := full()
	line := observe.AppendJSON(nil, &e)
	b.ReportAllocs()
	for b.Loop() {
		if err := observe.DecodeJSON(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleAppendJSON() {
	e := observe.Exchange{
		Time: time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC), Duration: 1500 * time.Microsecond, Source: observe.SourceMiddleware,
		Method: "GET", Path: "/orders/17", Status: 200, ResponseBytes: 512, Verdict: observe.Allowed,
	}
	fmt.Println(string(observe.AppendJSON(nil, &e)))
	// Output: {"time":"2026-11-23T14:05:06.000000Z","method":"GET","path":"/orders/17","status":200,"duration_ms":1.500,"bytes_in":0,"bytes_out":512,"verdict":"allow","source":"middleware"}
}
