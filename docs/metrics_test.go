package docs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/state"
)

// The page is written from what a running server says after one check over TLS
// and one request through its gateway.
func TestMetricsPageHasEveryMetric(t *testing.T) {
	families := scrape(t)
	page := openPage(t, "reference/metrics.md")
	ofTraffic := []string{"http_server_request_", "http_server_response_", "lapwing_exchanges_"} // in a table of their own
	page.table(t, "checks", metricTable(families, func(name string, labels []string) bool {
		return slices.Contains(labels, "check") && !strings.HasPrefix(name, "lapwing_slo_")
	}, "check", "api", "instance", "job"))
	page.table(t, "objectives", metricTable(families, func(name string, _ []string) bool { return strings.HasPrefix(name, "lapwing_slo_") }))
	page.table(t, "limits", metricTable(families, func(name string, _ []string) bool { return begins(name, protective) }))
	page.table(t, "series", metricTable(families, func(name string, _ []string) bool { return begins(name, measuring) }))
	page.table(t, "alerts", metricTable(families, func(name string, _ []string) bool { return begins(name, telling) }))
	page.table(t, "own", metricTable(families, func(name string, labels []string) bool {
		return !slices.Contains(labels, "check") && !begins(name, slices.Concat(ofTraffic, protective, measuring, telling, foreign, []string{"lapwing_slo_"}))
	}))
	page.close(t)
}

// What metrics are about, by how their names begin.
var (
	protective = []string{"lapwing_limit_", "lapwing_block", "lapwing_gateway_", "lapwing_upstream_"}
	measuring  = []string{"lapwing_metrics_", "lapwing_rule", "lapwing_remote_write_", "lapwing_otlp_", "lapwing_dogstatsd_", "lapwing_scrape_"}
	telling    = []string{"lapwing_alert", "lapwing_notification", "lapwing_silence", "lapwing_heartbeat"}
	foreign    = []string{"go_", "process_", "prometheus_", "alertmanager_", "net_conntrack_", "promhttp_"} // other programs' parts, by their own names
)

func begins(name string, with []string) bool {
	return slices.ContainsFunc(with, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// metricTable lists the chosen metrics; labels that all of them have are left
// out.
func metricTable(families map[string]*dto.MetricFamily, chosen func(name string, labels []string) bool, common ...string) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		labels := labelNames(f)
		if !chosen(name, labels) {
			continue
		}
		labels = slices.DeleteFunc(labels, func(l string) bool { return slices.Contains(common, l) })
		for i := range labels {
			labels[i] = "`" + labels[i] + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), cell(f.GetHelp()))
	}
	return b.String()
}

func labelNames(f *dto.MetricFamily) []string {
	var names []string
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			names = append(names, l.GetName())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// scrape runs a server in memory that does a little of everything, and reads its
// /metrics once it has refused a file, so that there is a notice.
func scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	target := httptest.NewTLSServer(http.NotFoundHandler())
	defer target.Close()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer upstream.Close()
	told := make(chan struct{}, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		select {
		case told <- struct{}{}:
		default:
		}
	}))
	defer receiver.Close()
	folder := t.TempDir()
	file := filepath.Join(folder, "lapwing.yaml")
	write := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write(filepath.Join(folder, "rules.yaml"), `groups: [{name: a, rules: [{record: one, expr: "1"}]}]`)
	write(file, strings.NewReplacer("TARGET", target.URL, "UPSTREAM", upstream.URL, "RECEIVER", receiver.URL).Replace(everything))
	ctx, stop := context.WithCancel(t.Context())
	answer := make(chan []byte, 1)
	server, err := app.New(ctx, app.Options{
		Log: slog.New(slog.DiscardHandler), ConfigFile: file, Listen: "127.0.0.1:0", Data: state.Memory,
		OnReady: func(ctx context.Context, a *app.App) {
			defer stop()
			defer close(answer)
			for range 30 {
				get(t, a.GatewayURL()+"orders")
			}
			if _, err := a.Checks().RunNow(ctx, "one"); err != nil {
				t.Errorf("run the check: %v", err)
				return
			}
			write(file, "a mistake")
			if _, refused := errors.AsType[*config.Errors](a.Reload(ctx)); !refused {
				t.Error("a file with a mistake was not refused")
			}
			select {
			case <-told:
			case <-time.After(time.Minute):
				t.Error("nobody was told that the check is down")
			}
			late := []string{"lapwing_notifications_total{", "lapwing_notifications_waiting{", "lapwing_slo_error_ratio{", "lapwing_slo_conditions{"}
			for range 300 { // these come when something has been told, judged, tried again
				text := get(t, a.URL()+"metrics")
				late = slices.DeleteFunc(late, func(name string) bool { return bytes.Contains(text, []byte(name)) })
				if len(late) == 0 {
					answer <- text
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Errorf("there are still no %v", late)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Run(ctx); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(<-answer))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// everything is a configuration with a little of everything that is counted.
const everything = `
apis:
  - name: orders
    url: UPSTREAM
    error_rate: {over: 5m, warning: 5%}
    objectives: [{name: availability, target: 99.9%, over: 30d}]
checks: [{name: one, request: {url: TARGET, tls: {insecure_skip_verify: true}}}]
limits:
  - {name: per-client, rate: 1000/second, mode: throttle, queue: {depth: 5, wait: 1s}}
  - {name: monthly, quota: 100000/month}
gateway:
  listen: 127.0.0.1:0
  routes: [{api: orders, path: /, upstreams: {default: [UPSTREAM]}, limits: [per-client, monthly]}]
rules: [rules.yaml]
metrics:
  dogstatsd: {address: "127.0.0.1:9"}
receivers:
  - {name: hook, webhook_configs: [{url: RECEIVER}]}
  - {name: broken, webhook_configs: [{url: RECEIVER/broken}]}
route: {receiver: hook, group_wait: 0s, routes: [{receiver: broken, continue: true}, {receiver: hook}]}
`

func get(t *testing.T, url string) []byte {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Error(err)
		return nil
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Error(err)
	}
	return body.Bytes()
}
