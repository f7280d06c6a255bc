package docs_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// A server has these only once it has seen a request.
func TestMetricsPageHasEveryMetricOfTraffic(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: slog.New(slog.DiscardHandler)})
	m.Observe(&observe.Exchange{
		Time: time.Now(), API: "orders", Operation: "GET /orders", Route: "/orders", Method: "GET", Scheme: "http",
		Status: 502, Error: observe.ErrorConnect, Verdict: observe.Allowed, Source: observe.SourceGateway,
	})
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n")
	err := m.WriteMetrics(func(f *dto.MetricFamily) error {
		labels := labelNames(f)
		for i := range labels {
			labels[i] = "`" + labels[i] + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), cell(f.GetHelp()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	page := openPage(t, "reference/metrics.md")
	page.table(t, "traffic", b.String())
	page.close(t)
}
