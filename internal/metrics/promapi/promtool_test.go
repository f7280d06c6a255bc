package promapi_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/testneeds"
)

func TestPromtoolAsksAsItAsksPrometheus(t *testing.T) {
	promtool := testneeds.Program(t, "promtool", "promtool")
	s := open(t, metrics.Section{})
	now := time.Now().Truncate(time.Second)
	for i := range 10 {
		s.put(t, now.Add(time.Duration(i-9)*15*time.Second), map[string]float64{
			`requests_total{api="orders",code="200"}`: float64(i * 30), `requests_total{api="orders",code="500"}`: float64(i * 3), `up{job="api"}`: 1,
		})
	}
	server, unix := s.URL+"/prometheus", func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"instant", []string{"query", "instant", "--time", unix(now), server, `sum by (code) (requests_total)`}, []string{`{code="200"} => 270 @`, `{code="500"} => 27 @`}},
		{"range", []string{"query", "range", "--start", unix(now.Add(-time.Minute)), "--end", unix(now), "--step", "30s", server, "up"}, []string{`up{job="api"} =>`, "1 @["}},
		{"series", []string{"query", "series", "--match", "up", "--match", `requests_total{code="500"}`, server}, []string{`{__name__="up", job="api"}`, `code="500"`}},
		{"labels", []string{"query", "labels", server, "code"}, []string{"200", "500"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), promtool, tt.args...).CombinedOutput()
			if err != nil {
				t.Fatalf("promtool %s: %v\n%s", strings.Join(tt.args, " "), err, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is missing from\n%s", want, out)
				}
			}
		})
	}
}
