package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/state"
)

// The page is written from what a running server says after one check over TLS.
func TestMetricsPageHasEveryMetric(t *testing.T) {
	families := scrape(t)
	checks, own := metricTable(families, "check", true), metricTable(families, "", false)
	page := openPage(t, "reference/metrics.md")
	page.table(t, "checks", checks)
	page.table(t, "own", own)
	page.close(t)
}

// metricTable lists the metrics that have the label or, with has false, those
// of Lapwing itself, without the process's and the runtime's.
func metricTable(families map[string]*dto.MetricFamily, label string, has bool) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		labels := labelNames(f)
		if slices.Contains(labels, "check") != has || strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		labels = slices.DeleteFunc(labels, func(l string) bool { return slices.Contains([]string{label, "api", "instance", "job"}, l) })
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

// scrape runs a server with one check, in memory, and reads its /metrics.
func scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	target := httptest.NewTLSServer(http.NotFoundHandler())
	defer target.Close()
	text := "checks: [{name: one, request: {url: " + target.URL + ", tls: {insecure_skip_verify: true}}}]\n"
	loaded, err := config.Parse("lapwing.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	answer := make(chan []byte, 1)
	server, err := app.New(ctx, app.Options{
		Log: slog.New(slog.DiscardHandler), Config: loaded, Listen: "127.0.0.1:0", Data: state.Memory,
		OnReady: func(ctx context.Context, a *app.App) {
			defer stop()
			defer close(answer)
			if _, err := a.Checks().RunNow(ctx, "one"); err != nil {
				t.Errorf("run the check: %v", err)
				return
			}
			answer <- get(t, a.URL()+"metrics")
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
