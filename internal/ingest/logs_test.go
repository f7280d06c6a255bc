package ingest_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// counting is a sink that says when something came.
type counting struct {
	mu   sync.Mutex
	list []observe.Exchange
	more chan struct{}
}

func newCounting() *counting { return &counting{more: make(chan struct{}, 1)} }

func (c *counting) Observe(e *observe.Exchange) {
	c.mu.Lock()
	c.list = append(c.list, *e)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

func (c *counting) wait(t *testing.T, n int) []observe.Exchange {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		list := append([]observe.Exchange(nil), c.list...)
		c.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-c.more:
		case <-deadline:
			t.Fatalf("%d requests came, want %d", len(list), n)
		}
	}
}

// templates knows the operations of one API.
type templates struct{}

func (templates) Operation(api, _, path string) (string, bool) {
	switch {
	case api != "orders":
		return path, false
	case strings.HasPrefix(path, "/orders/"):
		return "/orders/{id}", true
	}
	return path, false
}

// follow runs a configuration with backfill until the test ends.
func follow(t *testing.T, d ingest.LogsDeps, c ingest.Config, apis ...catalog.API) *ingest.Logs {
	t.Helper()
	d.Log = slog.New(slog.DiscardHandler)
	l := ingest.NewLogs(d)
	commit, err := l.Prepare(c, t.TempDir(), apis, netip.MustParsePrefix("10.0.0.0/8"))
	if err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

func logFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	appendTo(t, path, lines...)
	return path
}

func appendTo(t *testing.T, path string, lines ...string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(strings.Join(append(lines, ""), "\n"))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinesBecomeExchanges(t *testing.T) {
	path := logFile(t,
		`203.0.113.7 - ann [23/Nov/2026:21:22:02 +0000] "GET /api/orders/17?token=secret HTTP/1.1" 200 612 "-" "curl/8.5.0"`,
		`10.0.0.1 - - [23/Nov/2026:21:22:03 +0000] "GET /api/nothing HTTP/1.1" 404 153 "-" "curl" "198.51.100.9, 203.0.113.8"`,
		`203.0.113.9 - - [23/Nov/2026:21:22:04 +0000] "BREW /api/orders/1 HTTP/1.1" 499 0 "-" "-"`,
		`2001:db8::7 - - [23/Nov/2026:21:22:05 +0000] "\x16\x03\x01" 400 157 "-" "-"`,
		`203.0.113.9 - - [23/Nov/2999:21:22:04 +0000] "GET / HTTP/1.1" 200 0 "-" "-"`,
		`203.0.113.9 - - [23/Nov/1969:21:22:04 +0000] "GET / HTTP/1.1" 200 0 "-" "-"`,
		`nonsense`,
	)
	sink := newCounting()
	l := follow(t, ingest.LogsDeps{Sink: sink, Operations: templates{}}, ingest.Config{AccessLogs: []ingest.AccessLog{
		{API: "orders", Path: path, Backfill: true, Strip: "/api", TrustForwarded: true},
	}}, catalog.API{Name: "orders", URL: "http://127.0.0.1:8000"})
	at := func(second int) time.Time { return time.Date(2026, 11, 23, 21, 22, second, 0, time.UTC) }
	want := []observe.Exchange{
		{
			Time: at(2), Source: observe.SourceAccessLog, API: "orders", Operation: "GET /orders/{id}", Route: "/orders/{id}", Method: "GET",
			Path: "/orders/17", Query: "token=[redacted]", Protocol: "HTTP/1.1", Status: 200, ResponseBytes: 612,
			Client: netip.MustParseAddr("203.0.113.7"), ClientKey: "203.0.113.7", User: "ann", UserAgent: "curl/8.5.0", Verdict: observe.Allowed,
		},
		{
			Time: at(3), Source: observe.SourceAccessLog, API: "orders", Route: "/nothing", Method: "GET", Path: "/nothing", Protocol: "HTTP/1.1",
			Status: 404, ResponseBytes: 153, Client: netip.MustParseAddr("203.0.113.8"), ClientKey: "203.0.113.8", UserAgent: "curl", Verdict: observe.Allowed,
		},
		{
			Time: at(4), Source: observe.SourceAccessLog, API: "orders", Operation: "_OTHER /orders/{id}", Route: "/orders/{id}", Method: "BREW",
			Path: "/orders/1", Protocol: "HTTP/1.1", Status: 499, Client: netip.MustParseAddr("203.0.113.9"), ClientKey: "203.0.113.9",
			Verdict: observe.Allowed, Error: observe.ErrorClientGone,
		},
		{
			Time: at(5), Source: observe.SourceAccessLog, API: "orders", Status: 400, ResponseBytes: 157, Client: netip.MustParseAddr("2001:db8::7"),
			ClientKey: "2001:db8::/64", Verdict: observe.Invalid, Policy: "http",
		},
	}
	if diff := cmp.Diff(want, sink.wait(t, 4), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.list[2].Failed() {
		t.Error("a client that went away is a failure of the API")
	}
	for range 500 {
		if told(t, l)[`lapwing_access_log_files_lines_total{mismatch}`] == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	got := told(t, l)
	for name, n := range map[string]float64{"taken": 4, "mismatch": 1, "time": 2} {
		if got["lapwing_access_log_files_lines_total{"+name+"}"] != n {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// told are the figures by name and first label value that is no path.
func told(t *testing.T, l *ingest.Logs) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	for _, c := range l.Collectors() {
		registry.MustRegister(c)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				if l.GetName() != "path" {
					values = append(values, l.GetValue())
				}
			}
			got[family.GetName()+"{"+strings.Join(values, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return got
}

func TestTheAPIOfALine(t *testing.T) {
	path := logFile(t,
		`{"time":"2026-11-23T21:22:02Z","method":"GET","path":"/v1/a","host":"shop.example:443","status":200}`,
		`{"time":"2026-11-23T21:22:02Z","method":"GET","path":"/v1/a","host":"10.0.0.5:8001","status":200}`,
		`{"time":"2026-11-23T21:22:02Z","method":"GET","path":"/billing/x","host":"www.example","status":200}`,
		`{"time":"2026-11-23T21:22:02Z","method":"GET","path":"/billingx","status":200}`,
	)
	sink := newCounting()
	follow(t, ingest.LogsDeps{Sink: sink}, ingest.Config{AccessLogs: []ingest.AccessLog{{Path: path, Backfill: true}}},
		catalog.API{Name: "shop", URL: "https://Shop.example"}, catalog.API{Name: "inner", URL: "http://10.0.0.5:8001/v1/"},
		catalog.API{Name: "billing", URL: "http://10.0.0.6/billing"})
	var got []string
	for _, e := range sink.wait(t, 4) {
		got = append(got, e.API)
	}
	if diff := cmp.Diff([]string{"shop", "inner", "billing", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrorLogsAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, "ERROR old")
	type said struct{ API, Operation, Message string }
	var mu sync.Mutex
	var messages []said
	more := make(chan struct{}, 100)
	changed := make(chan []ingest.Condition, 100)
	l := follow(t, ingest.LogsDeps{
		Sink: newCounting(),
		Messages: func(api, operation, message string, _ time.Time) {
			mu.Lock()
			defer mu.Unlock()
			messages = append(messages, said{api, operation, message})
			more <- struct{}{}
		},
		Changed: func(list []ingest.Condition) { changed <- list },
	}, ingest.Config{ErrorLogs: []ingest.ErrorLog{{API: "orders", Path: path, Match: `(?P<level>ERROR|CRITICAL) (?:(?P<class>\w+Error))?`, Alert: 3, Over: units.Duration(time.Minute)}}},
		catalog.API{Name: "orders", URL: "http://127.0.0.1:8000"})
	for told(t, l)["lapwing_error_log_lines_total{}"] == 0 && !open(t, path) {
		time.Sleep(10 * time.Millisecond)
	}
	if len(l.Conditions()) != 0 {
		t.Error("there is a condition before a line")
	}
	appendTo(t, path, "INFO fine", "ERROR KeyError: 'x' password=hunter2", "CRITICAL down\xff", "ERROR KeyError: 'y'")
	for range 3 {
		<-more
	}
	want := []said{
		{"orders", "", "ERROR KeyError: 'x' password=[redacted]"}, {"orders", "", "CRITICAL down\uFFFD"}, {"orders", "", "ERROR KeyError: 'y'"},
	}
	mu.Lock()
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	mu.Unlock()
	got := told(t, l)
	if got["lapwing_error_log_lines_total{orders,KeyError,ERROR,app.log}"] != 2 || got["lapwing_error_log_lines_total{orders,,CRITICAL,app.log}"] != 1 {
		t.Errorf("%v", got)
	}
	list := l.Conditions()
	if len(list) != 1 || list[0].Lines != 3 || list[0].Name != "app.log" || list[0].API != "orders" || list[0].Since.IsZero() || list[0].Example != "ERROR KeyError: 'y'" {
		t.Errorf("%+v", list)
	}
	for list := range changed {
		if len(list) == 1 {
			break
		}
	}
}

// open reports after a while that a file is surely being followed.
func open(t *testing.T, _ string) bool {
	t.Helper()
	time.Sleep(1500 * time.Millisecond)
	return true
}

func TestLabelsOfErrorLogsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	more := make(chan struct{}, 1000)
	l := follow(t, ingest.LogsDeps{
		Sink:     newCounting(),
		Messages: func(string, string, string, time.Time) { more <- struct{}{} },
	}, ingest.Config{ErrorLogs: []ingest.ErrorLog{{Path: path, Match: `E (?P<id>.*)`, Name: "errors"}}})
	open(t, path)
	for i := range 300 {
		appendTo(t, path, "E "+strings.Repeat("x", 200)+string(rune('a'+i%26)), "E "+time.Duration(i).String())
	}
	for range 600 {
		<-more
	}
	got := told(t, l)
	if len(got) > 105 || got["lapwing_error_log_lines_total{,other,errors}"] == 0 {
		t.Errorf("%d series: %v", len(got), got)
	}
}

func TestNoticesAboutLogs(t *testing.T) {
	var notices health.Registry
	dir := t.TempDir()
	lines := make([]string, 100)
	for i := range lines {
		lines[i] = "what is this? password=hunter2"
	}
	appendTo(t, dir+"/odd.log", lines...)
	l := follow(t, ingest.LogsDeps{Sink: newCounting(), Health: &notices}, ingest.Config{AccessLogs: []ingest.AccessLog{
		{Path: dir + "/later.log"}, {Path: dir + "/odd.log", Backfill: true},
	}})
	var codes string
	for range 1000 {
		var list []string
		for _, n := range notices.List() {
			list = append(list, n.Code+" ")
			if strings.Contains(n.Text, "hunter2") {
				t.Fatal(n.Text)
			}
		}
		if codes = strings.Join(list, ""); codes == "log_file_format log_file_missing " {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if codes != "log_file_format log_file_missing " {
		t.Errorf("notices %s", codes)
	}
	commit, err := l.Prepare(ingest.Config{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	for range 1000 {
		if len(notices.List()) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("left: %+v", notices.List())
}

func TestMistakesInTheSection(t *testing.T) {
	c := ingest.Config{
		AccessLogs: []ingest.AccessLog{
			{},
			{Path: "/var/log/nginx/"},
			{Path: "a[", Format: "nginx-combine"},
			{Path: "x", Strip: "api", API: "order"},
			{Path: "x"},
			{Path: "j", Format: "json", Fields: map[string]string{"pth": "x"}},
			{Path: "p", Format: "{client} {status}{path}"},
		},
		ErrorLogs: []ingest.ErrorLog{
			{},
			{Path: "e", Match: "(?!x)"},
			{Path: "e", Match: "(?P<name>x)", Name: "f"},
			{Path: "e", Match: "x", Over: units.Duration(time.Minute), Name: "g"},
			{Path: "e", Match: "x", Alert: 1, Over: units.Duration(time.Second), Name: "g"},
		},
	}
	_, err := ingest.NewLogs(ingest.LogsDeps{Log: slog.New(slog.DiscardHandler)}).Prepare(c, "/", []catalog.API{{Name: "orders"}})
	var ps fault.Problems
	if !errors.As(err, &ps) {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`access_logs[0].path: nothing says which file to read; write the file's name, such as /var/log/nginx/access.log`,
		`access_logs[1].path: "/var/log/nginx/" is a folder; write the file's name, or a pattern such as /var/log/nginx/*.log`,
		`access_logs[2].path: "a[" is no pattern: a bracket is not closed; write [[] for a bracket`,
		`access_logs[2].format: unknown format "nginx-combine"; did you mean "nginx-combined"?`,
		`access_logs[3].strip: "api" is not the front of a path; write it like /api`,
		`access_logs[4].path: access_logs[3] reads the same file; its requests would count twice`,
		`access_logs[5].fields: unknown field "pth"; did you mean "path"?`,
		`access_logs[6].format: nothing stands between {status} and {path}, so nobody can tell where the one ends; write a blank or a sign between them`,
		`error_logs[0].path: nothing says which file to read; write the file's name, such as /var/log/nginx/access.log`,
		`error_logs[0].match: nothing says which lines count; write what a line of an error has in it, such as '(?P<level>ERROR|CRITICAL)'`,
		"error_logs[1].match: error parsing regexp: invalid or unsupported Perl syntax: `(?!`; the syntax is that of RE2, without lookaround and backreferences",
		`error_logs[2].match: the label "name" is ours; give the group another name`,
		"error_logs[3].over: it is about `alert`, which is not there; write alert: 10 beside it, or leave it out",
		`error_logs[4].over: 1s is out of range; want 10s to 1d`,
		`error_logs[4].name: error_logs[3] reads the same file and has the same name; give each a name, such as errors and warnings`,
		`access_logs[3].api: there is no API "order"; did you mean "orders"?`,
	}, "\n")
	if diff := cmp.Diff(want, ps.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
