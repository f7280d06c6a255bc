package cost_test

import (
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/metrics/cost"
)

// What dashboards and rules ask for is never refused.
func TestUsualQueriesAreTaken(t *testing.T) {
	for _, text := range []string{
		"up",
		`{__name__=~"(up|down).*", "with.dots"="x"}`,
		"histogram_quantile(0.99, sum by (le, route) (rate(http_request_duration_seconds_bucket[5m])))",
		"max_over_time(rate(requests_total[5m])[30d:1m])",
		"avg_over_time((sum(rate(a[5m])) / sum(rate(b[5m])))[90d:5m])",
		"quantile_over_time(0.5, latency[1y])",
		`label_replace(label_replace(up, "a", "$1", "instance", "(.*):.*"), "b", "$1-$2", "instance", "(.*):(.*)")`,
		`label_join(up, "all", "/", "a", "b", "c", "d")`,
		`up{code=~"[0-9]{3}", id!~"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"}`,
		"up" + strings.Repeat(" or up", 200),
		"-1 - -1",
		strings.Repeat("(", 50) + "1" + strings.Repeat(")", 50),
	} {
		expr, err := cost.NewParser().ParseExpr(text)
		if err != nil {
			t.Errorf("%.80s: %v", text, err)
			continue
		}
		// A month on a screen.
		if err := cost.Check(expr, 30*24*time.Hour, time.Hour); err != nil {
			t.Errorf("%.80s over a month: %v", text, err)
		}
	}
}

func TestARangeIsPartOfTheCost(t *testing.T) {
	expr, err := cost.NewParser().ParseExpr("max_over_time(up[1h:1s])")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		span, step time.Duration
		want       string
	}{
		{0, 0, ""},
		{24 * time.Hour, time.Minute, ""},
		{365 * 24 * time.Hour, 24 * time.Hour, "a subquery would take 31539601 steps"},
		{time.Hour, time.Microsecond, "the step 1µs is too small"},
	} {
		err := cost.Check(expr, tt.span, tt.step)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s by %s: %v, want %q", tt.span, tt.step, err, tt.want)
		}
	}
}

// To look at an expression takes no longer than the expression deserves, and
// never panics.
func FuzzParse(f *testing.F) {
	f.Add("sum(rate(up[5m])) by (job)")
	f.Add("max_over_time(max_over_time(up[10d:1s])[9d:1s])")
	f.Add(`label_replace(up, "a", "$1$1", "a", "(a{1000}){1000}")`)
	f.Add(strings.Repeat("-", 300) + "1")
	f.Add("\x00{}\xff[")
	p := cost.NewParser()
	f.Fuzz(func(t *testing.T, text string) {
		expr, err := p.ParseExpr(text)
		if (expr == nil) == (err == nil) {
			t.Errorf("expression %v, error %v", expr, err)
		}
		if err == nil && expr.String() == "" {
			t.Errorf("%q has become nothing", text)
		}
		_, _ = p.ParseMetricSelector(text)
		_, _ = p.ParseMetric(text)
	})
}
