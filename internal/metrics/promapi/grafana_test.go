package promapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/cost"
	"lapwing.dev/lapwing/internal/metrics/promapi"
)

var update = flag.Bool("update", false, "write the golden file")

// What Grafana's Prometheus data source sends, request by request, and what it
// gets. The file is read in review; `go test -update` writes it.
func TestGrafanaGetsWhatPrometheusSays(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, func() float64 { return 1 }))
	s := open(t, metrics.Section{}, func(d *promapi.Deps) {
		d.Gatherer, d.Rules, d.ExternalURL = registry, group(t), func() string { return "http://lapwing.example/" }
	})
	from := time.Unix(1_700_000_000, 0)
	for i := range 5 {
		s.put(t, from.Add(time.Duration(i)*15*time.Second), map[string]float64{
			`requests_total{api="orders",code="200"}`: float64(100 * i), `requests_total{api="orders",code="500"}`: float64(i), `up{job="api"}`: 1,
		})
	}
	s.exemplar(t, `requests_total{api="orders",code="500"}`, from.Add(30*time.Second), "4bf92f3577b34da6a3ce929d0e0e4736")
	tests := []struct {
		name, method, path string
		form               url.Values
	}{
		{"save and test", "POST", "/api/v1/query", url.Values{"query": {"1+1"}, "time": {"1700000060.123"}}},
		{"which Prometheus is it", "GET", "/api/v1/status/buildinfo", nil},
		{"names of metrics", "GET", "/api/v1/label/__name__/values", url.Values{"start": {"1700000000"}, "end": {"1700000060"}}},
		{"names of metrics of a label", "GET", "/api/v1/label/__name__/values", url.Values{"match[]": {`{api="orders"}`}, "start": {"1700000000"}, "end": {"1700000060"}, "limit": {"40000"}}},
		{"labels", "POST", "/api/v1/labels", url.Values{"start": {"1700000000"}, "end": {"1700000060"}}},
		{"labels of a metric", "GET", "/api/v1/labels", url.Values{"match[]": {"up"}, "start": {"1700000000"}, "end": {"1700000060"}}},
		{"series of a metric", "POST", "/api/v1/series", url.Values{"match[]": {"requests_total"}, "start": {"1700000000"}, "end": {"1700000060"}}},
		{"what a metric means", "GET", "/api/v1/metadata", url.Values{"metric": {"requests_total"}}},
		{"what an unknown metric means", "GET", "/api/v1/metadata", url.Values{"metric": {"nothing"}}},
		{"instant", "POST", "/api/v1/query", url.Values{"query": {`sum by (code) (requests_total{api="orders"})`}, "time": {"1700000060"}}},
		{"range", "POST", "/api/v1/query_range", url.Values{"query": {`sum by (code) (increase(requests_total[30s]))`}, "start": {"1700000030"}, "end": {"1700000060"}, "step": {"15"}}},
		{"range by GET", "GET", "/api/v1/query_range", url.Values{"query": {"up"}, "start": {"1700000030"}, "end": {"1700000060"}, "step": {"15s"}}},
		{"a warning", "POST", "/api/v1/query", url.Values{"query": {"rate(up[1m])"}, "time": {"1700000060"}}},
		{"a mistake", "POST", "/api/v1/query", url.Values{"query": {"sum("}, "time": {"1700000060"}}},
		{"exemplars", "POST", "/api/v1/query_exemplars", url.Values{"query": {"rate(requests_total[1m])"}, "start": {"1700000000"}, "end": {"1700000060"}}},
		{"rules", "GET", "/api/v1/rules", nil},
		{"alerts", "GET", "/api/v1/alerts", nil},
		{"format", "POST", "/api/v1/format_query", url.Values{"query": {"sum(rate(up[5m]))by(job)"}}},
		{"parse", "POST", "/api/v1/parse_query", url.Values{"query": {"up"}}},
		{"targets", "GET", "/api/v1/targets", nil},
		{"scrape pools", "GET", "/api/v1/scrape_pools", nil},
		{"alertmanagers", "GET", "/api/v1/alertmanagers", nil},
		{"configuration", "GET", "/api/v1/status/config", nil},
		{"flags", "GET", "/api/v1/status/flags", nil},
		{"write-ahead log", "GET", "/api/v1/status/walreplay", nil},
	}
	var b strings.Builder
	for _, tt := range tests {
		ask := s.get
		if tt.method == http.MethodPost {
			ask = s.post
		}
		got := ask(t, tt.path, tt.form)
		fmt.Fprintf(&b, "# %s\n%s %s %s\n%d %s\n\n", tt.name, tt.method, tt.path, tt.form.Encode(), got.code, indented(t, got.raw))
	}
	golden := filepath.Join("testdata", "grafana.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

// indented makes an answer readable, and leaves out what differs from machine to
// machine.
func indented(t *testing.T, raw string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(raw), "", "  "); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, `"goVersion"`) {
			line = "    \"goVersion\": \"…\"\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

// exemplar writes one.
func (s *stand) exemplar(t *testing.T, series string, at time.Time, trace string) {
	t.Helper()
	appender := s.db.TSDB().Appender(context.Background())
	l := parseSeries(t, series)
	ref, err := appender.Append(0, l, at.Add(31*time.Second).UnixMilli(), 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appender.AppendExemplar(ref, l, exemplar.Exemplar{Labels: labels.FromStrings("trace_id", trace), Value: 0.25, Ts: at.UnixMilli(), HasTs: true}); err != nil {
		t.Fatal(err)
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

type groups []*promrules.Group

func (g groups) Groups() []*promrules.Group { return g }

// group is one that has not been evaluated.
func group(t *testing.T) groups {
	t.Helper()
	p := cost.NewParser()
	expr, err := p.ParseExpr("up == 0")
	if err != nil {
		t.Fatal(err)
	}
	return groups{promrules.NewGroup(promrules.GroupOptions{
		Name: "api", File: "rules/api.yaml", Interval: 15 * time.Second, Opts: &promrules.ManagerOptions{Parser: p},
		Rules: []promrules.Rule{
			promrules.NewRecordingRule("api:down", expr, labels.FromStrings("team", "shop")),
			promrules.NewAlertingRule("Down", expr, time.Minute, 0, labels.FromStrings("severity", "critical"), labels.FromStrings("summary", "{{ $labels.job }} is down"), labels.EmptyLabels(), "", true, nil),
		},
	})}
}
