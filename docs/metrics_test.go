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

// scrape runs a server with one check, in memory, and reads its /metrics once
// it has refused a file, so that there is a notice.
func scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	target := httptest.NewTLSServer(http.NotFoundHandler())
	defer target.Close()
	text := "checks: [{name: one, request: {url: " + target.URL + ", tls: {insecure_skip_verify: true}}}]\n"
	file := filepath.Join(t.TempDir(), "lapwing.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write(text)
	ctx, stop := context.WithCancel(t.Context())
	answer := make(chan []byte, 1)
	server, err := app.New(ctx, app.Options{
		Log: slog.New(slog.DiscardHandler), ConfigFile: file, Listen: "127.0.0.1:0", Data: state.Memory,
		OnReady: func(ctx context.Context, a *app.App) {
			defer stop()
			defer close(answer)
			if _, err := a.Checks().RunNow(ctx, "one"); err != nil {
				t.Errorf("run the check: %v", err)
				return
			}
			write("a mistake")
			if _, refused := errors.AsType[*config.Errors](a.Reload(ctx)); !refused {
				t.Error("a file with a mistake was not refused")
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
