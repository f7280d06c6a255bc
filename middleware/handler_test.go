package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

func TestARequestBecomesOneExchange(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
	})
	h, sink := around(t, middleware.Options{API: "orders", TrustedProxies: []string{"10.0.0.0/8"}}, mux)
	r := httptest.NewRequest("POST", "https://api.example.com/orders/17?token=secret&page=2", strings.NewReader("hello"))
	r.RemoteAddr = "10.0.0.1:4711"
	r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7")
	r.Header.Set("User-Agent", "curl/8.5.0")
	r.Header.Set("X-Request-Id", "abc-1")
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if got := serve(h, r).StatusCode; got != http.StatusCreated {
		t.Fatal(got)
	}
	e := sink.one(t)
	if e.Duration <= 0 || e.Phases.Wait <= 0 || time.Since(e.Time) > time.Minute || e.SpanID == [8]byte{} {
		t.Errorf("times and span: %+v", e)
	}
	e.Time, e.Duration, e.Phases, e.SpanID = time.Time{}, 0, observe.Phases{}, [8]byte{}
	parent, _ := tracecontext.ParseTraceparent(r.Header.Get("Traceparent"))
	want := observe.Exchange{
		Source: observe.SourceMiddleware, API: "orders", Operation: "POST /orders/{id}", Route: "/orders/{id}", Method: "POST", Scheme: "https",
		Host: "api.example.com", Path: "/orders/17", Query: "token=[redacted]&page=2", Protocol: "HTTP/1.1", Status: 201, RequestBytes: 5, ResponseBytes: 4,
		Client: netip.MustParseAddr("203.0.113.7"), ClientKey: "203.0.113.7", UserAgent: "curl/8.5.0", RequestID: "abc-1", Verdict: observe.Allowed,
		TraceID: parent.TraceID, ParentSpanID: parent.SpanID, Sampled: true,
	}
	if e != want {
		t.Errorf("got\n%+v\nwant\n%+v", e, want)
	}
}

func TestRoutesOfAMux(t *testing.T) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /orders/{id}", "/any", "GET /{$}", "api.example.com/host/{x...}", "GET /files/"} {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	for target, want := range map[string][2]string{
		"GET /orders/17": {"GET /orders/{id}", "/orders/{id}"}, "HEAD /orders/17": {"HEAD /orders/{id}", "/orders/{id}"},
		"PUT /any": {"PUT /any", "/any"}, "BREW /any": {"", "/any"}, "GET /": {"GET /", "/"},
		"GET http://api.example.com/host/a/b": {"GET /host/{x...}", "/host/{x...}"}, "GET /files/a/b": {"GET /files/", "/files/"},
		"GET /nothing": {"", ""}, "DELETE /orders/17": {"", ""},
	} {
		h, sink := around(t, middleware.Options{}, mux)
		method, url, _ := strings.Cut(target, " ")
		serve(h, httptest.NewRequest(method, url, nil))
		if e := sink.one(t); e.Operation != want[0] || e.Route != want[1] {
			t.Errorf("%s: operation %q, route %q, want %q", target, e.Operation, e.Route, want)
		}
	}
}

func TestEveryEndOfAHandlerIsObserved(t *testing.T) {
	gone := func() *http.Request {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return get("/").WithContext(ctx)
	}
	late := func() *http.Request {
		ctx, cancel := context.WithTimeout(context.Background(), -1)
		t.Cleanup(cancel)
		return get("/").WithContext(ctx)
	}
	for name, tt := range map[string]struct {
		request  *http.Request
		handler  http.HandlerFunc
		status   int
		class    observe.ErrorClass
		panicked any
	}{
		"writes nothing":        {get("/"), func(http.ResponseWriter, *http.Request) {}, 200, "", nil},
		"writes without status": {get("/"), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }, 200, "", nil},
		"answers 500":           {get("/"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 500, "", nil},
		"answers twice":         {get("/"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(200) }, 404, "", nil},
		"tells early hints": {get("/"), func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(204)
		}, 204, "", nil},
		"panics":                      {get("/"), func(http.ResponseWriter, *http.Request) { panic("oh") }, 0, observe.ErrorInternal, "oh"},
		"panics in the answer":        {get("/"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("oh") }, 200, observe.ErrorInternal, "oh"},
		"aborts":                      {get("/"), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, observe.ErrorInternal, http.ErrAbortHandler},
		"aborts for a client":         {gone(), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, observe.ErrorClientGone, http.ErrAbortHandler},
		"the client went away":        {gone(), func(http.ResponseWriter, *http.Request) {}, 0, observe.ErrorClientGone, nil},
		"the client went away later":  {gone(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }, 200, observe.ErrorClientGone, nil},
		"a timeout around it":         {late(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 503, observe.ErrorTimeout, nil},
		"a panic for a client's sake": {gone(), func(http.ResponseWriter, *http.Request) { panic("oh") }, 0, observe.ErrorInternal, "oh"},
	} {
		t.Run(name, func(t *testing.T) {
			h, sink := around(t, middleware.Options{}, tt.handler)
			func() {
				defer func() {
					if got := recover(); got != tt.panicked {
						t.Errorf("panic %v, want %v", got, tt.panicked)
					}
				}()
				serve(h, tt.request)
			}()
			if e := sink.one(t); e.Status != tt.status || e.Error != tt.class {
				t.Errorf("status %d, error %q, want %d, %q", e.Status, e.Error, tt.status, tt.class)
			}
		})
	}
}

func TestBodiesAreCountedWhoeverReadsThem(t *testing.T) {
	for name, tt := range map[string]struct {
		body  io.Reader
		class observe.ErrorClass
		read  int64
	}{
		"whole":           {strings.NewReader("hello"), "", 5},
		"none":            {nil, "", 0},
		"cut off":         {io.MultiReader(strings.NewReader("he"), broken{io.ErrUnexpectedEOF}), observe.ErrorClientGone, 2},
		"reset":           {io.MultiReader(strings.NewReader("he"), broken{&net.OpError{Op: "read", Err: errors.New("reset")}}), observe.ErrorClientGone, 2},
		"malformed":       {io.MultiReader(strings.NewReader("he"), broken{errors.New("malformed chunked encoding")}), observe.ErrorRequestBody, 2},
		"over some limit": {broken{&http.MaxBytesError{Limit: 1}}, observe.ErrorRequestBody, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h, sink := around(t, middleware.Options{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }))
			serve(h, httptest.NewRequest("POST", "/", tt.body))
			if e := sink.one(t); e.RequestBytes != tt.read || e.Error != tt.class {
				t.Errorf("%d bytes, error %q, want %d, %q", e.RequestBytes, e.Error, tt.read, tt.class)
			}
		})
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestABodyThatIsReadAfterwardsIsStillItsOwn(t *testing.T) {
	var kept io.ReadCloser
	h, _ := around(t, middleware.Options{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if kept == nil {
			kept = r.Body
		}
	}))
	serve(h, httptest.NewRequest("POST", "/", strings.NewReader("first")))
	for range 100 {
		serve(h, httptest.NewRequest("POST", "/", strings.NewReader("other")))
	}
	if got, _ := io.ReadAll(kept); string(got) != "first" {
		t.Errorf("read %q of somebody else's body", got)
	}
}

func TestTheExcessIsRejectedWithAProblem(t *testing.T) {
	policies := []limit.Policy{{Name: "default", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerMinute(2)}}
	h, sink := around(t, middleware.Options{Policies: policies}, ok([]byte("{}")))
	var last *http.Response
	for range 3 {
		last = serve(h, get("/", "X-Request-Id", "abc"))
	}
	body, _ := io.ReadAll(last.Body)
	if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Content-Type") != "application/problem+json" || last.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", last.StatusCode, last.Header)
	}
	for _, want := range []string{`"status":429`, "quota-exceeded", `"violated-policies":["default"]`, `"request_id":"abc"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
	list := sink.all()
	if e := list[2]; e.Verdict != observe.Rejected || e.Policy != "default" || e.Status != 429 || e.RetryAfter <= 0 || e.Failed() {
		t.Errorf("%+v", e)
	}
	if e := list[1]; e.Verdict != observe.Allowed || e.Status != 200 {
		t.Errorf("%+v", e)
	}
	if other := serve(h, get("/", "X-Forwarded-For", "1.2.3.4")).StatusCode; other != http.StatusTooManyRequests {
		t.Errorf("a forged address was let in: %d", other)
	}
}

func TestRefusalsCanHaveTheApplicationsForm(t *testing.T) {
	policies := []limit.Policy{{Name: "default", Rate: limit.PerMinute(1)}}
	h, sink := around(t, middleware.Options{Policies: policies, RateLimitFields: true, Refuse: func(w http.ResponseWriter, r *http.Request, refusal *middleware.Refusal) {
		w.WriteHeader(refusal.Status)
		_, _ = io.WriteString(w, "slow down, "+strings.Join(refusal.Policies, ", "))
	}}, ok(nil))
	if first := serve(h, get("/")); first.Header.Get("RateLimit") == "" || first.Header.Get("RateLimit-Policy") == "" {
		t.Errorf("fields of an answer: %v", first.Header)
	}
	response := serve(h, get("/"))
	body, _ := io.ReadAll(response.Body)
	if string(body) != "slow down, default" || response.StatusCode != 429 || response.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", response.StatusCode, body, response.Header)
	}
	if e := sink.all()[1]; e.ResponseBytes != int64(len(body)) {
		t.Errorf("%+v", e)
	}
}

func TestLimitsByOperationKnowTheRouteOfAMux(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /a/{id}", ok(nil))
	mux.Handle("GET /b/{id}", ok(nil))
	policies := []limit.Policy{{Name: "each", Key: []limit.KeyPart{limit.OperationKey()}, Rate: limit.PerMinute(1)}}
	h, sink := around(t, middleware.Options{Policies: policies}, mux)
	for _, step := range []struct {
		path string
		want int
	}{{"/a/1", 200}, {"/b/1", 200}, {"/a/2", 429}, {"/b/2", 429}} {
		if got := serve(h, get(step.path)).StatusCode; got != step.want {
			t.Errorf("%s: %d, want %d", step.path, got, step.want)
		}
	}
	for _, e := range sink.all() { // those that were refused, too
		if want := "GET " + e.Path[:3] + "{id}"; e.Operation != want {
			t.Errorf("operation %q, want %q", e.Operation, want)
		}
	}
}

func TestTiersAndIdentities(t *testing.T) {
	h, sink := around(t, middleware.Options{
		Identify: func(r *http.Request) middleware.Identity {
			if plan := r.Header.Get("Authorization"); plan != "" {
				return middleware.Identity{User: "4711", Claims: http.Header{"Plan": {plan}}}
			}
			return middleware.Identity{}
		},
		Policies: []limit.Policy{{Name: "default", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerMinute(1)}},
		Tiers: []limit.Tier{{
			Name:  "pro",
			When:  func(q *limit.Request) bool { return q.Token != nil && q.Token.Get("Plan") == "pro" },
			Rates: map[string]limit.Rate{"default": limit.PerMinute(3)},
		}},
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, middleware.FromContext(r.Context()).Tier())
	}))
	for i, want := range []int{200, 200, 200, 429} {
		if got := serve(h, get("/", "Authorization", "pro")).StatusCode; got != want {
			t.Errorf("pro request %d: %d, want %d", i, got, want)
		}
	}
	for i, want := range []int{200, 429} {
		if got := serve(h, get("/")).StatusCode; got != want {
			t.Errorf("request %d: %d, want %d", i, got, want)
		}
	}
	list := sink.all()
	if e := list[0]; e.Tier != "pro" || e.User != "4711" || e.ClientKey != "sub:4711" || e.ResponseBytes != 3 {
		t.Errorf("%+v", e)
	}
	if e := list[4]; e.Tier != "" || e.User != "" || e.ClientKey != "203.0.113.7" {
		t.Errorf("%+v", e)
	}
}

func TestThrottledRequestsWaitAndAreServed(t *testing.T) {
	policies := []limit.Policy{{Name: "slow", Rate: limit.PerSecond(50), Burst: 1, Mode: limit.Throttle, Queue: limit.Queue{Depth: 10, Wait: time.Second}}}
	h, sink := around(t, middleware.Options{Policies: policies}, ok(nil))
	for range 3 {
		if got := serve(h, get("/")).StatusCode; got != 200 {
			t.Fatal(got)
		}
	}
	if e := sink.all()[2]; e.Verdict != observe.Delayed || e.Policy != "slow" || e.Phases.Queued <= 0 || e.Duration < e.Phases.Queued {
		t.Errorf("%+v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	serve(h, get("/").WithContext(ctx))
	if e := sink.all()[3]; e.Error != observe.ErrorClientGone || e.Status != 0 {
		t.Errorf("one that left the queue: %+v", e)
	}
}

// blocked blocks one address, and one key.
type blocked struct{ shadow bool }

func (b blocked) Blocked(addr netip.Addr, key string) (block.Entry, bool) {
	if addr == netip.MustParseAddr("203.0.113.7") || key == "key:mobile-app" {
		return block.Entry{Rule: "path-scan", Reason: "for colleagues only", Shadow: b.shadow}, true
	}
	return block.Entry{}, false
}

func TestWhoIsBlockedIsNotServed(t *testing.T) {
	served := 0
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })
	identify := func(r *http.Request) middleware.Identity { return middleware.Identity{APIKey: r.Header.Get("X-Key")} }
	h, sink := around(t, middleware.Options{Blocks: blocked{}, Identify: identify}, handler)
	response := serve(h, get("/"))
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusForbidden || strings.Contains(string(body), "colleagues") || served != 0 {
		t.Errorf("%d %s, served %d", response.StatusCode, body, served)
	}
	if e := sink.one(t); e.Verdict != observe.Blocked || e.Policy != "path-scan" || e.Status != 403 {
		t.Errorf("%+v", e)
	}
	other := get("/", "X-Key", "mobile-app")
	other.RemoteAddr = "198.51.100.1:80"
	if got := serve(h, other).StatusCode; got != http.StatusForbidden {
		t.Errorf("blocked key: %d", got)
	}

	h, sink = around(t, middleware.Options{Blocks: blocked{shadow: true}}, handler)
	if got := serve(h, get("/")).StatusCode; got != 200 || served != 1 {
		t.Errorf("in shadow mode: %d, served %d", got, served)
	}
	if e := sink.one(t); e.Verdict != observe.Allowed || e.Shadow != "path-scan" {
		t.Errorf("%+v", e)
	}
}

func TestTheApplicationKnowsAndTells(t *testing.T) {
	h, sink := around(t, middleware.Options{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context()) // contexts of contexts know it, too
		defer cancel()
		o := middleware.FromContext(ctx)
		trace := o.Trace()
		if !trace.Valid() || o.Client().String() != "203.0.113.7" || o.RequestID() != "abc" || o.Tier() != "" {
			t.Errorf("observation %+v", o)
		}
		o.SetUser("4711")
		o.SetOperation("GET /orders/{id}")
	}))
	serve(h, get("/orders/17", "X-Request-Id", "abc"))
	if e := sink.one(t); e.User != "4711" || e.Operation != "GET /orders/{id}" || e.Route != "/orders/{id}" {
		t.Errorf("%+v", e)
	}
	nobody := middleware.FromContext(t.Context())
	nobody.SetUser("x")
	nobody.SetOperation("x")
	if trace := nobody.Trace(); trace.Valid() || nobody.Client().IsValid() || nobody.RequestID()+nobody.Tier() != "" {
		t.Errorf("without a middleware: %+v", nobody)
	}
}

func TestRequestsCanBeSkipped(t *testing.T) {
	h, sink := around(t, middleware.Options{Skip: func(r *http.Request) bool { return r.URL.Path == "/health" }}, ok(nil))
	serve(h, get("/health"))
	serve(h, get("/"))
	if e := sink.one(t); e.Path != "/" {
		t.Errorf("%+v", e)
	}
}

func TestATraceOfSomebodyElse(t *testing.T) {
	theirs := tracecontext.New(true)
	h, sink := around(t, middleware.Options{Trace: func(*http.Request) (tracecontext.Context, bool) { return theirs, true }}, ok(nil))
	serve(h, get("/"))
	if e := sink.one(t); e.TraceID != theirs.TraceID || e.SpanID != theirs.SpanID || !e.Sampled {
		t.Errorf("%+v", e)
	}
	h, sink = around(t, middleware.Options{Trace: func(*http.Request) (tracecontext.Context, bool) { return theirs, false }}, ok(nil))
	serve(h, get("/"))
	if e := sink.one(t); e.TraceID != [16]byte{} {
		t.Errorf("%+v", e)
	}
}

func TestHostileRequestsStayInTheirBounds(t *testing.T) {
	h, sink := around(t, middleware.Options{Operation: func(r *http.Request) string { return r.URL.Path }}, ok(nil))
	r := get("/"+strings.Repeat("a", 5000)+"?"+strings.Repeat("q=1&", 5000), "User-Agent", strings.Repeat("u", 5000), "X-Request-Id", "a\"b")
	r.Method, r.Host = strings.Repeat("M", 500), strings.Repeat("h", 5000)
	serve(h, r)
	e := sink.one(t)
	if len(e.Path) > observe.MaxPath || len(e.Query) > observe.MaxQuery || len(e.UserAgent) > observe.MaxUserAgent || len(e.Method) > observe.MaxMethod ||
		len(e.Host) > observe.MaxText || len(e.Route) > observe.MaxText || e.RequestID != "" || e.Operation != "" {
		t.Errorf("%+v", e)
	}
}

func TestManyRequestsAtOnceAreNotMixedUp(t *testing.T) {
	h, sink := around(t, middleware.Options{Policies: []limit.Policy{{Name: "p", Rate: limit.PerSecond(1_000_000)}}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		middleware.FromContext(r.Context()).SetUser(r.URL.Path)
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			path := "/" + strings.Repeat("x", i)
			for range 200 {
				body, _ := io.ReadAll(serve(h, get(path)).Body)
				if string(body) != path {
					t.Errorf("answer %q to %q", body, path)
				}
			}
		})
	}
	group.Wait()
	for _, e := range sink.all() {
		if e.User != e.Path || e.ResponseBytes != int64(len(e.Path)) {
			t.Fatalf("%+v", e)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for want, o := range map[string]middleware.Options{
		"Buffer":         {Buffer: 1},
		"Interval":       {Interval: time.Nanosecond},
		"ServerBlocks":   {ServerBlocks: true},
		"Server":         {API: "a", Server: "lapwing.internal"},
		"credentials":    {API: "a", Server: "https://user:secret@lapwing.internal"},
		"API":            {Server: "https://lapwing.internal"},
		"Token":          {Token: "a b"},
		"TrustedProxies": {TrustedProxies: []string{"proxy.internal"}},
		"rate":           {Policies: []limit.Policy{{Name: "x", Rate: limit.Rate{Count: -1, Period: time.Second}}}},
	} {
		_, err := middleware.New(o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestARequestPassesAMiddlewareOnce(t *testing.T) {
	sink := &heard{}
	m, err := middleware.New(middleware.Options{Sinks: []observe.Sink{sink}, Policies: []limit.Policy{{Name: "p", Rate: limit.PerMinute(1)}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := serve(m.Handler(m.Handler(ok(nil))), get("/")).StatusCode; got != 200 {
		t.Errorf("status %d: it was counted twice", got)
	}
	sink.one(t)
}

// A record of a short path must not keep the megabyte that came behind it.
func TestWaitingExchangesDoNotKeepRequestLines(t *testing.T) {
	const requests, size = 200, 512 << 10
	m, err := middleware.New(middleware.Options{API: "orders", Server: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	h := m.Handler(ok(nil))
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	for range requests {
		text := "GET /a?x=1&" + strings.Repeat("y", size) + " HTTP/1.1\r\nHost: x\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		h.ServeHTTP(&nowhere{header: http.Header{}}, r)
	}
	if grown := int64(heap()) - int64(before); m.Stats().Waiting != requests || grown > requests*size/10 {
		t.Errorf("%d exchanges keep %d KiB", m.Stats().Waiting, grown>>10)
	}
	runtime.KeepAlive(m)
}
