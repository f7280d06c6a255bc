package promapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/promapi"
	"lapwing.dev/lapwing/internal/units"
)

// Each of these is a few bytes, and would take the server's time or memory.
func TestHostileQueriesAreErrors(t *testing.T) {
	s := open(t, metrics.Section{})
	s.put(t, time.Now(), map[string]float64{`up{a="x"}`: 1})
	doubling := "up"
	for range 30 {
		doubling = `label_replace(` + doubling + `, "a", "$1$1", "a", "(.*)")`
	}
	joining := "up"
	for range 30 {
		joining = `label_join(` + joining + `, "a", "", "a", "a", "a")`
	}
	tests := []struct{ name, query, want string }{
		{"brackets", strings.Repeat("(", 30_000) + "1" + strings.Repeat(")", 30_000), "nested deeper than 256"},
		{"signs", strings.Repeat("-", 9_000) + "up", "nested deeper than 256"},
		{"operators", "up" + strings.Repeat("+up", 3000), "nested deeper than 256"},
		{"words", strings.Repeat("1+", 20_000) + "1", "more than 10000 words"},
		{"bytes", `up{a="` + strings.Repeat("x", 70_000) + `"}`, "at most 65536 are taken"},
		{"a century by milliseconds", "count_over_time(up[100y:1ms])", "at most 2000000 are taken"},
		{"nested subqueries", "max_over_time(max_over_time(up[20d:1s])[20d:1s])", "at most 2000000 are taken"},
		{"windows over windows", "max_over_time(max_over_time(up[10d:1s])[9d:1s])", "samples of each series"},
		{"a step of nothing", "max_over_time(up[5:0.0001])", "the smallest is 1ms"},
		{"labels that double", doubling, "multiplies labels more than 4096 times"},
		{"labels joined with themselves", joining, "multiplies labels more than 4096 times"},
		{"a replacement in brackets", strings.ReplaceAll(doubling, `"$1$1"`, `("$1$1")`), "multiplies labels more than 4096 times"},
		{"pattern", `up{a=~"` + strings.Repeat("(a{500}){2}", 30) + `"}`, "regular expression repeats so much"},
		{"pattern within a function", `label_replace(up, "a", "$1", "a", "` + strings.Repeat("x{1000}", 50) + `")`, "regular expression repeats so much"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/api/v1/query", "/api/v1/format_query", "/api/v1/parse_query", "/api/v1/query_exemplars"} {
				got := s.post(t, path, url.Values{"query": {tt.query}})
				if got.code != http.StatusBadRequest || got.ErrorType != "bad_data" || !strings.Contains(got.Error, tt.want) {
					t.Errorf("%s: %d %.300s", path, got.code, got.raw)
				}
			}
		})
	}
}

func TestHostileFormsAreErrors(t *testing.T) {
	s := open(t, metrics.Section{})
	s.put(t, time.Now(), map[string]float64{`up{a="x"}`: 1})
	many := url.Values{}
	for i := range 101 {
		many.Add("match[]", fmt.Sprintf("m%d", i))
	}
	tests := []struct {
		name, path string
		form       url.Values
		code       int
		want       string
	}{
		{"a step below a millisecond", "/api/v1/query_range", url.Values{"query": {"up"}, "start": {"1"}, "end": {"1.000001"}, "step": {"0.0000001"}}, 400, "smallest step is 1ms"},
		{"a subquery over the range", "/api/v1/query_range", url.Values{"query": {"max_over_time(up[1h:1s])"}, "start": {"0"}, "end": {"1700000000"}, "step": {"1d"}}, 400, "at most 2000000 are taken"},
		{"too many points", "/api/v1/query_range", url.Values{"query": {"up"}, "start": {"0"}, "end": {"1700000000"}, "step": {"1"}}, 400, "maximum resolution of 11,000 points"},
		{"the end of time", "/api/v1/query_range", url.Values{"query": {"up"}, "start": {"9223372036854775"}, "end": {"9223372036854775.8"}, "step": {"1"}}, 400, "valid timestamp"},
		{"no number", "/api/v1/query", url.Values{"query": {"up"}, "time": {"NaN"}}, 400, "valid timestamp"},
		{"endless", "/api/v1/series", url.Values{"match[]": {"up"}, "start": {"-Inf"}}, 400, "valid timestamp"},
		{"many selectors", "/api/v1/series", many, 400, "at most 100 are taken"},
		{"everything", "/api/v1/series", url.Values{"match[]": {`{a=~".*"}`}}, 400, "non-empty matcher"},
		{"no query", "/api/v1/query", url.Values{}, 400, "invalid parameter"},
		{"a large form", "/api/v1/query", url.Values{"query": {strings.Repeat("x", 2<<20)}}, 413, "more than 1048576 bytes"},
		{"a label that is none", "/api/v1/labels", url.Values{"limit": {"-1"}}, 400, "limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := s.post(t, tt.path, tt.form)
			if got.code != tt.code || !strings.Contains(got.Error, tt.want) {
				t.Errorf("%d %.300s, want %d with %q", got.code, got.raw, tt.code, tt.want)
			}
		})
	}
}

func TestWhatWeDoNotMeanIsNotThere(t *testing.T) {
	s := open(t, metrics.Section{})
	for _, path := range []string{
		"/api/v1/admin/tsdb/delete_series", "/api/v1/admin/tsdb/snapshot", "/api/v1/admin/tsdb/clean_tombstones", "/api/v1/scrape_pools/config",
		"/api/v1/targets/relabel_steps", "/api/v1/notifications/live", "/api/v1/status/self_metrics", "/api/v1/", "/", "/-/quit", "/-/reload", "/debug/pprof/heap", "/graph",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			if got := s.do(t, method, path, "", nil); got.code != http.StatusNotFound || got.ErrorType != "not_found" {
				t.Errorf("%s %s: %d %.200s", method, path, got.code, got.raw)
			}
		}
	}
}

func TestOtherSitesDoNotReadAnswers(t *testing.T) {
	s := open(t, metrics.Section{})
	got := s.do(t, http.MethodGet, "/api/v1/query?query=1", "", http.Header{"Origin": {"https://evil.example"}})
	if allowed := got.header.Get("Access-Control-Allow-Origin"); got.code != 200 || allowed != "" {
		t.Errorf("%d, allowed for %q", got.code, allowed)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	s := open(t, metrics.Section{}, func(d *promapi.Deps) {
		d.RemoteWrite = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a mistake") })
	})
	if got := s.do(t, http.MethodPost, "/api/v1/write", "", nil); got.code != 500 || got.ErrorType != "internal" {
		t.Errorf("%d %s", got.code, got.raw)
	}
	if got := s.get(t, "/api/v1/query", url.Values{"query": {"1"}}); got.code != 200 {
		t.Errorf("afterwards: %d %s", got.code, got.raw)
	}
}

func TestQueriesAreBoundedInSamplesAndTime(t *testing.T) {
	s := open(t, metrics.Section{Query: metrics.QueryBounds{MaxSamples: 1000, Timeout: units.Duration(300 * time.Millisecond)}})
	now := time.Now()
	for i := range 200 {
		s.put(t, now.Add(time.Duration(i-200)*time.Second), map[string]float64{`m{n="1"}`: 1, `m{n="2"}`: 1, `m{n="3"}`: 1, `m{n="4"}`: 1, `m{n="5"}`: 1, `m{n="6"}`: 1})
	}
	got := s.get(t, "/api/v1/query", url.Values{"query": {"m[10m]"}})
	if got.code != 422 || !strings.Contains(got.Error, "too many samples") {
		t.Errorf("samples: %d %.300s", got.code, got.raw)
	}
	begun := time.Now()
	got = s.get(t, "/api/v1/query", url.Values{"query": {"sum(sum_over_time((1 * vector(1))[14d:1s]))"}, "timeout": {"1ms"}})
	if got.code != 503 && got.code != 422 {
		t.Errorf("time: %d %.300s", got.code, got.raw)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestTooManyAtOnceWaitOrAreTold(t *testing.T) {
	s := open(t, metrics.Section{Query: metrics.QueryBounds{Concurrent: 3}})
	var all sync.WaitGroup
	codes := make(chan int, 50)
	for range 50 {
		all.Go(func() {
			codes <- s.get(t, "/api/v1/query", url.Values{"query": {"sum_over_time(vector(1)[1d:1s])"}}).code
		})
	}
	all.Wait()
	close(codes)
	for code := range codes {
		if code != 200 && code != 503 {
			t.Errorf("answered with %d", code)
		}
	}
}

func TestRemoteReadIsBounded(t *testing.T) {
	s := open(t, metrics.Section{})
	s.put(t, time.Now(), map[string]float64{`up{a="x"}`: 1})
	now := time.Now().UnixMilli()
	good, err := (&prompb.ReadRequest{Queries: []*prompb.Query{{StartTimestampMs: now - 60_000, EndTimestampMs: now, Matchers: []*prompb.LabelMatcher{{Name: "__name__", Value: "up"}}}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	protobuf := http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"snappy"}}
	tests := []struct {
		name, body string
		code       int
	}{
		{"a good one", string(snappy.Encode(nil, good)), 200},
		{"junk", "junk", 400},
		{"a bomb", "\xff\xff\xff\xff\x0f" + "aaaa", 400},
		{"large", strings.Repeat("x", 5<<20), 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := s.do(t, http.MethodPost, "/api/v1/read", tt.body, protobuf)
			if got.code != tt.code {
				t.Errorf("%d %.200s, want %d", got.code, got.raw, tt.code)
			}
			if tt.code == 200 {
				raw, err := snappy.Decode(nil, []byte(got.raw))
				var answer prompb.ReadResponse
				if err != nil || answer.Unmarshal(raw) != nil || len(answer.Results) != 1 || len(answer.Results[0].Timeseries) != 1 {
					t.Errorf("%v %+v", err, &answer)
				}
			}
		})
	}
}

// Whatever the parameters are, there is an answer in Prometheus' form, and soon.
func FuzzQueryParameters(f *testing.F) {
	for _, seed := range [][6]string{
		{"/api/v1/query", "up", "1700000000", "", "", ""},
		{"/api/v1/query_range", "rate(up[5m])", "1700000000", "1700003600", "15s", "1"},
		{"/api/v1/query_range", "max_over_time(up[1h:1m] offset -1w @ end())", "1e9", "1000000900", "0.001", ""},
		{"/api/v1/query_exemplars", `{__name__=~"u.*",a!~"[x-z]{2,}"}`, "", "", "", ""},
		{"/api/v1/series", "up", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "", "9223372036854775807"},
		{"/api/v1/labels", `{"with.dots"="x"}`, "-292273086-05-16T16:47:06Z", "", "", "0"},
		{"/api/v1/label/U__with_2e_dots/values", "up", "", "", "", "1"},
		{"/api/v1/format_query", `sum by (a) (up) / ignoring (b) group_left () down`, "", "", "", ""},
		{"/api/v1/parse_query", "histogram_quantile(0.9, sum by (le) (rate(x_bucket[1m])))", "", "", "", ""},
		{"/federate", "up", "", "", "", ""},
		{"/api/v1/rules", "up", "", "", "", ""},
		{"/api/v1/metadata", "", "", "", "", "5"},
		{"/api/v1/status/tsdb", "", "", "", "", "10"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
	}
	s := open(f, metrics.Section{Query: metrics.QueryBounds{MaxSamples: 100_000, Timeout: units.Duration(2 * time.Second)}})
	s.put(f, time.Now(), map[string]float64{`up{a="x"}`: 1, `x_bucket{le="1"}`: 2})
	f.Fuzz(func(t *testing.T, path, query, start, end, step, limit string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#% \x7f") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r > '~' }) {
			return
		}
		form := url.Values{"query": {query}, "match[]": {query}, "time": {start}, "start": {start}, "end": {end}, "step": {step}, "limit": {limit}, "metric": {query}}
		got := s.direct(t, http.MethodPost, path, form)
		if got.code == http.StatusMethodNotAllowed || got.code == http.StatusNotFound {
			got = s.direct(t, http.MethodGet, path, form)
		}
		if got.code == 500 {
			t.Errorf("%s %.300s", path, got.raw)
		}
		if got.code/100 == 3 || got.code == 405 { // of paths that are not clean
			return
		}
		if strings.HasPrefix(path, "/api/v1/") && got.Status == "" && got.code != 204 && path != "/api/v1/read" {
			t.Errorf("%s: %d has not Prometheus' form: %.300s", path, got.code, got.raw)
		}
	})
}
