package promapi_test

import (
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"

	"lapwing.dev/lapwing/internal/metrics"
)

func TestAnotherPrometheusFederates(t *testing.T) {
	s := open(t, metrics.Section{})
	now := time.Now()
	s.put(t, now.Add(-time.Minute), map[string]float64{`up{job="api",instance="a"}`: 0, `up{job="api",instance="b"}`: 1, `other{x="1"}`: 7})
	s.put(t, now.Add(-time.Second), map[string]float64{`up{job="api",instance="a"}`: 1})
	s.histogram(t, `latency{api="orders"}`, now.Add(-time.Second), tsdbutil.GenerateTestHistogram(3))

	got := s.get(t, "/federate", url.Values{"match[]": {"up", `{__name__="latency"}`, `{x="1"}`}})
	for _, want := range []string{"# TYPE up untyped\n", `up{instance="a",job="api"} 1 `, `up{instance="b",job="api"} 1 `, `other{x="1",instance=""} 7 `} {
		if !strings.Contains(got.raw, want) {
			t.Errorf("%q is missing from\n%s", want, got.raw)
		}
	}
	if strings.Contains(got.raw, "latency") {
		t.Errorf("a native histogram has no text:\n%s", got.raw)
	}
	got = s.do(t, http.MethodGet, "/federate?match[]=latency", "", http.Header{"Accept": {string(expfmt.NewFormat(expfmt.TypeProtoDelim))}})
	var family dto.MetricFamily
	if err := expfmt.NewDecoder(strings.NewReader(got.raw), expfmt.NewFormat(expfmt.TypeProtoDelim)).Decode(&family); err != nil {
		t.Fatal(err)
	}
	if h := family.GetMetric()[0].GetHistogram(); family.GetName() != "latency" || h.GetSampleCountFloat() != 39 || len(h.GetPositiveSpan()) != 2 {
		t.Errorf("%+v", &family)
	}
	if got := s.get(t, "/federate", url.Values{"match[]": {"up{"}}); got.code != http.StatusBadRequest {
		t.Errorf("a mistake: %d %s", got.code, got.raw)
	}
}

func (s *stand) histogram(t *testing.T, series string, at time.Time, h *histogram.Histogram) {
	t.Helper()
	appender := s.db.TSDB().Appender(t.Context())
	if _, err := appender.AppendHistogram(0, parseSeries(t, series), at.UnixMilli(), h, nil); err != nil {
		t.Fatal(err)
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

// The version that clients decide by is the engine's: v0.315.0 of the module is
// Prometheus 3.15.0.
func TestTheVersionIsTheEngines(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/prometheus/prometheus").Output()
	if err != nil {
		t.Skip("go is not on PATH:", err)
	}
	s := open(t, metrics.Section{})
	major, minor, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "v0."), ".")
	want := `"version":"` + major[:1] + "." + major[1:] + "." + minor + `"`
	if got := s.get(t, "/api/v1/status/buildinfo", nil); !strings.Contains(got.raw, want) {
		t.Errorf("%s is missing from %s", want, got.raw)
	}
}

func TestTheStoreIsDescribed(t *testing.T) {
	s := open(t, metrics.Section{})
	s.put(t, time.Now(), map[string]float64{`up{job="api",instance="a"}`: 0, `up{job="api",instance="b"}`: 1})
	got := s.get(t, "/api/v1/status/tsdb", nil)
	for _, want := range []string{`"numSeries":2`, `"chunkCount":2`, `"seriesCountByMetricName":[{"name":"up","value":2}]`} {
		if !strings.Contains(got.raw, want) {
			t.Errorf("%s is missing from %s", want, got.raw)
		}
	}
}
