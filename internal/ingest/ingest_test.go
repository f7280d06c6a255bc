package ingest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/observe"
)

// heard keeps what arrives at the sink.
type heard struct {
	mu   sync.Mutex
	list []observe.Exchange
}

func (h *heard) Observe(e *observe.Exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, *e)
}

// line is an exchange that could have been now, changed by edit.
func line(edit ...func(*observe.Exchange)) string {
	e := observe.Exchange{Time: time.Now(), Source: observe.SourceGateway, API: "orders", Method: "GET", Path: "/orders/17", Status: 200, Verdict: observe.Allowed}
	for _, change := range edit {
		change(&e)
	}
	return string(observe.AppendJSON(nil, &e)) + "\n"
}

func packed(text string) io.Reader {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return &b
}

// post sends a batch.
func post(c *ingest.Receiver, body io.Reader, headers ...string) (int, ingest.Report, error) {
	r := httptest.NewRequest("POST", "/api/v1/exchanges", body)
	r.Header.Set("Content-Type", "application/x-ndjson")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	err := c.Receive(w, r)
	var report ingest.Report
	if err == nil {
		err = json.Unmarshal(w.Body.Bytes(), &report)
	}
	return w.Code, report, err
}

func TestABatchArrivesAsAMiddlewaresWord(t *testing.T) {
	var sink heard
	c := ingest.New(ingest.Deps{Sink: &sink})
	body := line() + "\n" + line(func(e *observe.Exchange) { e.Query = "token=secret&page=2"; e.Status = 500 })
	for name, send := range map[string]func() (int, ingest.Report, error){
		"plain": func() (int, ingest.Report, error) { return post(c, strings.NewReader(body)) },
		"gzip":  func() (int, ingest.Report, error) { return post(c, packed(body), "Content-Encoding", "gzip") },
	} {
		t.Run(name, func(t *testing.T) {
			sink.list = nil
			code, report, err := send()
			if err != nil || code != http.StatusAccepted {
				t.Fatal(code, err)
			}
			if diff := cmp.Diff(ingest.Report{Accepted: 2}, report); diff != "" {
				t.Error(diff)
			}
			if len(sink.list) != 2 || sink.list[0].Source != observe.SourceMiddleware || sink.list[1].Query != "token=[redacted]&page=2" || sink.list[1].Status != 500 {
				t.Errorf("%+v", sink.list)
			}
		})
	}
}

func TestLinesThatCannotBeTrueAreLeftOut(t *testing.T) {
	var sink heard
	c := ingest.New(ingest.Deps{Sink: &sink})
	lines := []string{
		line(),
		"{\n",
		line(func(e *observe.Exchange) { e.API = "" }),
		line(func(e *observe.Exchange) { e.Time = time.Now().Add(time.Hour) }),
		line(func(e *observe.Exchange) { e.Time = time.Now().Add(-48 * time.Hour) }),
		line(func(e *observe.Exchange) { e.Time = time.Time{} }),
		line(func(e *observe.Exchange) { e.Method = "" }),
		`{"api":"` + strings.Repeat("x", 70_000) + "\"}\n",
		line(),
	}
	_, report, err := post(c, strings.NewReader(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	if report.Accepted != 2 || report.Rejected != 7 || len(sink.list) != 2 || len(report.Errors) != 5 {
		t.Errorf("report %+v, %d heard", report, len(sink.list))
	}
	for i, want := range []string{"not an exchange", "api", "future", "a day ago", "time: is missing"} {
		if got := report.Errors[i]; got.Line != i+2 || !strings.Contains(got.Error, want) {
			t.Errorf("line %d: %q, want %q", got.Line, got.Error, want)
		}
	}
}

// routes knows one.
type routes struct{}

func (routes) Operation(api, method, path string) (string, bool) {
	if api == "orders" && method == "GET" && strings.HasPrefix(path, "/orders/") {
		return "/orders/{id}", true
	}
	return "", false
}

func TestTheServerKnowsRoutesThatTheSenderDoesNot(t *testing.T) {
	var sink heard
	c := ingest.New(ingest.Deps{Sink: &sink, Operations: routes{}})
	_, _, err := post(c, strings.NewReader(line()+line(func(e *observe.Exchange) { e.Route, e.Operation = "/o/{x}", "GET /o/{x}" })+line(func(e *observe.Exchange) { e.Path = "/" })))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range sink.list {
		got = append(got, e.Operation)
	}
	if diff := cmp.Diff([]string{"GET /orders/{id}", "GET /o/{x}", ""}, got); diff != "" {
		t.Error(diff)
	}
}

func TestABatchThatComesTwiceCountsOnce(t *testing.T) {
	var sink heard
	c := ingest.New(ingest.Deps{Sink: &sink})
	for range 2 {
		if _, report, err := post(c, strings.NewReader(line()), ingest.HeaderBatch, "a1", ingest.HeaderDropped, "7"); err != nil || report.Accepted != 1 {
			t.Fatal(report, err)
		}
	}
	if len(sink.list) != 1 {
		t.Errorf("heard %d times", len(sink.list))
	}
	for i := range 3000 { // more than are remembered: it must not grow
		if _, _, err := post(c, strings.NewReader(line()), ingest.HeaderBatch, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := post(c, strings.NewReader(line()), ingest.HeaderBatch, "a1"); err != nil || len(sink.list) != 3002 {
		t.Errorf("heard %d, %v", len(sink.list), err)
	}
	if got := counts(t, c); got["accepted"] != 3002 || got["dropped"] != 7 || got["repeated"] != 1 {
		t.Errorf("counters %v", got)
	}
}

func TestBodiesThatAreRefusedAsAWhole(t *testing.T) {
	bomb := packed(strings.Repeat(line(), 1) + strings.Repeat(" ", 16<<20))
	for name, tt := range map[string]struct {
		body    io.Reader
		headers []string
		want    fault.Kind // "" is too large
	}{
		"no JSON":             {strings.NewReader("x"), []string{"Content-Type", "text/plain"}, fault.KindInvalid},
		"an unknown encoding": {strings.NewReader("x"), []string{"Content-Encoding", "br"}, fault.KindInvalid},
		"no gzip":             {strings.NewReader("x"), []string{"Content-Encoding", "gzip"}, fault.KindInvalid},
		"half of a gzip":      {io.LimitReader(packed(strings.Repeat(line(), 50)), 60), []string{"Content-Encoding", "gzip"}, fault.KindInvalid},
		"a gzip bomb":         {bomb, []string{"Content-Encoding", "gzip"}, ""},
		"too many lines":      {strings.NewReader(strings.Repeat("{}\n", 10_001)), nil, fault.KindInvalid},
		"a long id":           {strings.NewReader(line()), []string{ingest.HeaderBatch, strings.Repeat("x", 65)}, fault.KindInvalid},
		"a body over web's limit": {
			io.MultiReader(strings.NewReader(line()), failing{&http.MaxBytesError{Limit: 1 << 20}}), nil, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sink heard
			_, _, err := post(ingest.New(ingest.Deps{Sink: &sink}), tt.body, tt.headers...)
			_, tooLarge := errors.AsType[*http.MaxBytesError](err)
			if err == nil || fault.KindOf(err) != tt.want || tooLarge != (tt.want == "") {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if len(sink.list) != 0 {
				t.Errorf("%d lines of a refused batch were taken", len(sink.list))
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestOnlySomeBatchesAreReadAtOnce(t *testing.T) {
	var sink heard
	c := ingest.New(ingest.Deps{Sink: &sink})
	var group sync.WaitGroup
	var slow []*io.PipeWriter
	reading := make(chan struct{}, 4)
	for range 4 {
		body, w := io.Pipe()
		slow = append(slow, w)
		group.Go(func() {
			if _, _, err := post(c, announced{body, reading}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 4 {
		<-reading
	}
	_, _, err := post(c, strings.NewReader(line()))
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.KindUnavailable || f.RetryAfter == 0 {
		t.Errorf("error %v", err)
	}
	for _, w := range slow {
		_ = w.Close()
	}
	group.Wait()
	if _, _, err := post(c, strings.NewReader(line())); err != nil {
		t.Error(err)
	}
}

// announced says when it is read.
type announced struct {
	io.Reader
	reading chan struct{}
}

func (a announced) Read(p []byte) (int, error) {
	select {
	case a.reading <- struct{}{}:
	default:
	}
	return a.Reader.Read(p)
}

func TestMiddlewaresFetchTheBlocksInForce(t *testing.T) {
	entries := []block.Entry{
		{ID: "b1", Target: mustTarget(t, "203.0.113.7"), Reason: "for colleagues only", Author: "ann", Expires: time.Now().Add(time.Hour)},
		{ID: "b2", Target: mustTarget(t, "key:mobile-app"), Shadow: true, Rule: "scan"},
		{ID: "old", Target: mustTarget(t, "198.51.100.1"), Expires: time.Now().Add(-time.Hour)},
	}
	c := ingest.New(ingest.Deps{Blocks: func() ([]block.Entry, []block.Target) { return entries, []block.Target{mustTarget(t, "10.0.0.0/8")} }})
	w := httptest.NewRecorder()
	if err := c.Blocks(w, httptest.NewRequest("GET", "/", nil)); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, want := range []string{`"id":"b1","target":"203.0.113.7"`, `"target":"key:mobile-app","rule":"scan","shadow":true`, `"allow":["10.0.0.0/8"]`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
	for _, unwanted := range []string{"colleagues", "ann", "old"} {
		if strings.Contains(body, unwanted) {
			t.Errorf("%s is in %s", unwanted, body)
		}
	}
	again := httptest.NewRequest("GET", "/", nil)
	again.Header.Set("If-None-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	if err := c.Blocks(w, again); err != nil || w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d, %v: %s", w.Code, err, w.Body)
	}
	if err := ingest.New(ingest.Deps{}).Blocks(httptest.NewRecorder(), again); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("without blocks: %v", err)
	}
}

func mustTarget(t *testing.T, text string) block.Target {
	t.Helper()
	if prefix, err := netip.ParsePrefix(text); err == nil && prefix.Bits() == 0 {
		t.Fatal("everybody")
	}
	target, err := block.ParseTarget(text)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// counts are the receiver's counters by their label.
func counts(t *testing.T, c *ingest.Receiver) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	for _, collector := range c.Collectors() {
		registry.MustRegister(collector)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			got[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
		}
	}
	return got
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(line()), false)
	body, _ := io.ReadAll(packed(line()))
	f.Add(body, true)
	f.Add([]byte("{}\n\n[]\nnull\n"), false)
	f.Fuzz(func(t *testing.T, body []byte, zipped bool) {
		var sink heard
		var headers []string
		if zipped {
			headers = []string{"Content-Encoding", "gzip"}
		}
		_, report, err := post(ingest.New(ingest.Deps{Sink: &sink}), bytes.NewReader(body), headers...)
		if err == nil && report.Accepted != len(sink.list) || err != nil && len(sink.list) != 0 {
			t.Errorf("report %+v, error %v, heard %d", report, err, len(sink.list))
		}
		for _, e := range sink.list {
			if e.Source != observe.SourceMiddleware || e.API == "" {
				t.Errorf("heard %+v", e)
			}
		}
	})
}
