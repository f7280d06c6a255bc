package tracecontext_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lapwing.dev/lapwing/middleware/tracecontext"
)

const (
	trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	span  = "00f067aa0ba902b7"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// told is a context as one line: trace span parent flags state.
func told(c tracecontext.Context, ok bool) string {
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%x %x %x sampled=%t random=%t %s", c.TraceID, c.SpanID, c.ParentID, c.Sampled, c.Random, c.State)
}

func TestExtract(t *testing.T) {
	w3c := "00-" + trace + "-" + span + "-01"
	sampled := trace + " " + span + " 0000000000000000 sampled=true random=false "
	unsampled := strings.Replace(sampled, "sampled=true", "sampled=false", 1)
	for _, tt := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"nothing", header(), "none"},
		{"W3C", header("traceparent", w3c), sampled},
		{"W3C not sampled", header("traceparent", "00-"+trace+"-"+span+"-00"), unsampled},
		{"W3C random", header("traceparent", "00-"+trace+"-"+span+"-03"), strings.Replace(sampled, "random=false", "random=true", 1)},
		{"unknown flags", header("traceparent", "00-"+trace+"-"+span+"-fc"), unsampled},
		{"a later version", header("traceparent", "cc-"+trace+"-"+span+"-01"), sampled},
		{"a later version with more", header("traceparent", "cc-"+trace+"-"+span+"-01-what-comes"), sampled},
		{"a later version without the dash", header("traceparent", "cc-"+trace+"-"+span+"-01.what"), "none"},
		{"version 00 with more", header("traceparent", w3c+"-more"), "none"},
		{"version ff", header("traceparent", "ff-"+trace+"-"+span+"-01"), "none"},
		{"capitals", header("traceparent", strings.ToUpper(w3c)), "none"},
		{"zero trace", header("traceparent", "00-"+strings.Repeat("0", 32)+"-"+span+"-01"), "none"},
		{"zero span", header("traceparent", "00-"+trace+"-0000000000000000-01"), "none"},
		{"short", header("traceparent", w3c[:54]), "none"},
		{"twice", header("traceparent", w3c, "traceparent", w3c), "none"},
		{"state", header("traceparent", w3c, "tracestate", "rojo=1,congo=t61rcWkgMzE"), sampled + "rojo=1,congo=t61rcWkgMzE"},
		{"state in two lines", header("traceparent", w3c, "tracestate", "a=1", "tracestate", "b=2"), sampled + "a=1,b=2"},
		{"state of a tenant", header("traceparent", w3c, "tracestate", "t1@vendor=x y"), sampled + "t1@vendor=x y"},
		{"malformed state", header("traceparent", w3c, "tracestate", "a=1,b"), sampled},
		{"state with control bytes", header("traceparent", w3c, "tracestate", "a=\x01"), sampled},
		{"state with capitals", header("traceparent", w3c, "tracestate", "A=1"), sampled},
		{"huge state", header("traceparent", w3c, "tracestate", "a="+strings.Repeat("x", 600)), sampled},
		{"state of 33", header("traceparent", w3c, "tracestate", strings.Repeat("a=1,", 33)), sampled},
		{"state of commas", header("traceparent", w3c, "tracestate", ",,,"), sampled},
		{"state without a trace", header("tracestate", "a=1"), "none"},
		{"b3", header("b3", trace+"-"+span+"-1"), sampled},
		{"b3 debug", header("b3", trace+"-"+span+"-d"), sampled},
		{"b3 deferred", header("b3", trace+"-"+span), unsampled},
		{"b3 with a parent", header("b3", trace+"-"+span+"-1-05e3ac9a4f6e3b90"), strings.Replace(sampled, "0000000000000000 ", "05e3ac9a4f6e3b90 ", 1)},
		{"b3 of 64 bits", header("b3", "a3ce929d0e0e4736-"+span+"-0"), strings.Replace(unsampled, trace, "0000000000000000a3ce929d0e0e4736", 1)},
		{"b3 decision alone", header("b3", "0"), "none"},
		{"b3 malformed", header("b3", trace+"-"+span+"-1-"), "none"},
		{"b3 with a strange decision", header("b3", trace+"-"+span+"-7"), "none"},
		{"b3 too long", header("b3", trace+"-"+span+"-1-05e3ac9a4f6e3b90-1"), "none"},
		{"b3 in many headers", header("X-B3-TraceId", trace, "X-B3-SpanId", span, "X-B3-Sampled", "1"), sampled},
		{"b3 in many headers, debug", header("X-B3-TraceId", trace, "X-B3-SpanId", span, "X-B3-Flags", "1"), sampled},
		{"b3 in many headers, capitals", header("X-B3-TraceId", strings.ToUpper(trace), "X-B3-SpanId", span), unsampled},
		{"b3 without a span", header("X-B3-TraceId", trace), "none"},
		{"W3C before b3", header("traceparent", w3c, "b3", "a3ce929d0e0e4736-"+span+"-0"), sampled},
		{"b3 where W3C is broken", header("traceparent", "00-oops", "b3", trace+"-"+span+"-1"), sampled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := told(tracecontext.Extract(tt.header)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAChildStaysInTheTrace(t *testing.T) {
	parent, _ := tracecontext.ParseTraceparent("00-" + trace + "-" + span + "-01")
	parent.State = "a=1"
	child := parent.Child()
	if child.TraceID != parent.TraceID || child.ParentID != parent.SpanID || child.SpanID == parent.SpanID || !child.Sampled || child.State != "a=1" || !child.Valid() {
		t.Errorf("child %+v of %+v", child, parent)
	}
	if a, b := tracecontext.New(true), tracecontext.New(false); a.TraceID == b.TraceID || !a.Valid() || !a.Sampled || b.Sampled || a.ParentID != [8]byte{} {
		t.Errorf("new traces %+v, %+v", a, b)
	}
}

func TestWhatIsInjectedCanBeExtracted(t *testing.T) {
	for _, format := range []tracecontext.Format{tracecontext.W3C, tracecontext.B3Single, tracecontext.B3Multi, tracecontext.W3C | tracecontext.B3Multi} {
		for _, sampled := range []bool{true, false} {
			want := tracecontext.New(sampled).Child()
			want.State = "a=1"
			h := http.Header{}
			tracecontext.Inject(h, &want, format)
			if format&tracecontext.W3C != 0 {
				want.ParentID = [8]byte{} // W3C does not tell it
			} else {
				want.Random, want.State = false, "" // nor B3 these
			}
			if got, ok := tracecontext.Extract(h); !ok || got != want {
				t.Errorf("format %d: got %+v, %t, want %+v", format, got, ok, want)
			}
		}
	}
	h := http.Header{}
	tracecontext.Inject(h, &tracecontext.Context{}, tracecontext.W3C|tracecontext.B3Single)
	if len(h) != 0 {
		t.Errorf("no trace was written as %v", h)
	}
}

func TestRequestIDs(t *testing.T) {
	for _, id := range []string{"a", "7f3c9e", "Root=1-67891233-abcdef012345678912345678", "3b1f8a30-3c1e-4c0e-9e59-6d6f1d7f8a11", strings.Repeat("x", 128), tracecontext.NewRequestID()} {
		if !tracecontext.ValidRequestID(id) {
			t.Errorf("%q refused", id)
		}
	}
	for _, id := range []string{"", " ", "a b", "a\nb", `a"`, "é", "<x>", "a;b", "$(x)", strings.Repeat("x", 129)} {
		if tracecontext.ValidRequestID(id) {
			t.Errorf("%q accepted", id)
		}
	}
	if a, b := tracecontext.NewRequestID(), tracecontext.NewRequestID(); a == b || len(a) != 32 {
		t.Errorf("ids %q, %q", a, b)
	}
}

func TestNothingIsAllocatedButTheHeader(t *testing.T) {
	for _, h := range []http.Header{
		header("traceparent", "00-"+trace+"-"+span+"-01", "tracestate", "a=1,b=2"),
		header("b3", trace+"-"+span+"-1"),
		header("X-B3-TraceId", trace, "X-B3-SpanId", span, "X-B3-Sampled", "1"),
		header("traceparent", strings.Repeat("x", 9999)),
	} {
		if n := testing.AllocsPerRun(100, func() {
			c, _ := tracecontext.Extract(h)
			c = c.Child()
			var text [64]byte
			c.AppendTraceparent(text[:0])
		}); n != 0 {
			t.Errorf("%v: %v allocations", h, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { tracecontext.New(true) }); n != 0 {
		t.Errorf("New: %v allocations", n)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("00-"+trace+"-"+span+"-01", "a=1,t@v=2", trace+"-"+span+"-1-"+span, trace, span)
	f.Add("", "", "0", "A3CE929D0E0E4736", "")
	f.Add("cc-"+trace+"-"+span+"-01-x", ",", "", "", "")
	f.Fuzz(func(t *testing.T, parent, state, b3, b3trace, b3span string) {
		c, ok := tracecontext.Extract(header("traceparent", parent, "tracestate", state, "b3", b3, "X-B3-TraceId", b3trace, "X-B3-SpanId", b3span))
		if !ok {
			if c != (tracecontext.Context{}) {
				t.Fatalf("not found, but %+v", c)
			}
			return
		}
		if !c.Valid() || len(c.State) > tracecontext.MaxState || strings.ContainsAny(c.State, "\r\n\x00") {
			t.Fatalf("context %+v", c)
		}
		h := http.Header{}
		tracecontext.Inject(h, &c, tracecontext.W3C)
		again, ok := tracecontext.Extract(h)
		again.ParentID = c.ParentID
		if !ok || again != c {
			t.Fatalf("%+v came back as %+v, %t", c, again, ok)
		}
	})
}

func BenchmarkContinue(b *testing.B) {
	h := header("traceparent", "00-"+trace+"-"+span+"-01", "tracestate", "a=1,b=2")
	out := http.Header{}
	b.Run("extract and child", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, _ := tracecontext.Extract(h)
			_ = c.Child()
		}
	})
	c := tracecontext.New(true)
	b.Run("inject W3C", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tracecontext.Inject(out, &c, tracecontext.W3C)
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = tracecontext.New(true)
		}
	})
}

func Example() {
	incoming := http.Header{}
	incoming.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

	c, ok := tracecontext.Extract(incoming)
	if !ok {
		c = tracecontext.New(false)
	}
	hop := c.Child()
	outgoing := http.Header{}
	tracecontext.Inject(outgoing, &hop, tracecontext.W3C)
	fmt.Println(outgoing.Get("traceparent")[:36], hex.EncodeToString(hop.ParentID[:]), hop.Sampled)
	// Output: 00-4bf92f3577b34da6a3ce929d0e0e4736- 00f067aa0ba902b7 true
}
