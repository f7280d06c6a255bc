package checks

import (
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// exported are the series of one metric, by the values of check and of one more label.
func exported(t *testing.T, b *bench, name string) map[string]float64 {
	t.Helper()
	series := map[string]float64{}
	err := b.WriteMetrics(func(f *dto.MetricFamily) error {
		for _, m := range f.GetMetric() {
			if f.GetName() != name {
				continue
			}
			key := m.GetLabel()[0].GetValue()
			if len(m.GetLabel()) > 4 {
				key += " " + m.GetLabel()[4].GetValue()
			}
			series[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return series
}

func TestMetricsSayWhatIsTrueNow(t *testing.T) {
	server := answering(t, 200, 503)
	b := work(t, newMemory(), Check{Name: "a", URL: server.URL, Every: rarely}, Check{Name: "off", URL: server.URL, Paused: true})
	if got := exported(t, b, "probe_success"); len(got) != 0 {
		t.Errorf("before the first run: %v", got)
	}
	if got := exported(t, b, "lapwing_check_state"); got["a unknown"] != 1 || got["off paused"] != 1 || got["off up"] != 0 || len(got) != 10 {
		t.Errorf("states before the first run: %v", got)
	}
	b.run(t, "a")
	if got := exported(t, b, "probe_success"); got["a"] != 1 {
		t.Errorf("after a good run: %v", got)
	}
	b.run(t, "a")
	if got := exported(t, b, "probe_success"); got["a"] != 0 || len(got) != 1 {
		t.Errorf("after a failed run: %v", got)
	}
	if got := exported(t, b, "probe_http_duration_seconds"); len(got) != 5 || got["a processing"] <= 0 {
		t.Errorf("phases: %v", got)
	}
	if err := b.Pause(t.Context(), "a", "ada"); err != nil {
		t.Fatal(err)
	}
	if got := exported(t, b, "probe_success"); len(got) != 0 {
		t.Errorf("a paused check still says %v", got)
	}
}
