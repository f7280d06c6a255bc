package traffic

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/middleware/observe"
)

// metrics are the Manager's own counters.
type metrics struct{ collectors []prometheus.Collector }

func newMetrics(m *Manager) *metrics {
	counter := func(name, help string, value func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	return &metrics{[]prometheus.Collector{
		gauge("http_server_active_requests", "Requests that the gateway is serving.", func() float64 { return float64(m.active()) }),
		gauge("lapwing_traffic_operations", "Operations that are told apart.", func() float64 { return float64(m.operations.told()) }),
		overflow{m.operations, prometheus.NewDesc("lapwing_traffic_overflow_total", "Exchanges counted as \"other\", because there was no room for another operation of their API.", []string{"api"}, nil)},
		counter("lapwing_access_log_lines_total", "Lines written to the access log.", m.accessLog.written.Load),
		counter("lapwing_access_log_dropped_total", "Lines of the access log that were lost, because the disk was full or too slow.", m.accessLog.dropped.Load),
		counter("lapwing_access_log_errors_total", "Writes of the access log that failed.", m.accessLog.failures.Load),
	}}
}

// told is how many operations are told apart.
func (os *operations) told() (n int) {
	for _, op := range *os.list.Load() {
		if !op.folded {
			n++
		}
	}
	return n
}

// overflow tells by API what had no room.
type overflow struct {
	operations *operations
	desc       *prometheus.Desc
}

func (o overflow) Describe(ch chan<- *prometheus.Desc) { ch <- o.desc }

func (o overflow) Collect(ch chan<- prometheus.Metric) {
	byAPI := map[string]uint64{other: o.operations.overflow.Load()}
	for name, r := range *o.operations.rooms.Load() {
		if name == r.api { // and not by a name that no label can hold
			byAPI[name] += r.overflow.Load()
		}
	}
	for api, n := range byAPI {
		ch <- prometheus.MustNewConstMetric(o.desc, prometheus.CounterValue, float64(n), api)
	}
}

// Collectors returns the Manager's own counters, to be registered.
func (m *Manager) Collectors() []prometheus.Collector { return m.metrics.collectors }

// families are what is told of every operation. Names and labels are those of
// OpenTelemetry's semantic conventions, as its exporters write them for
// Prometheus, so that dashboards made for them work.
var families = []struct {
	name, help string
	kind       dto.MetricType
	values     func(op *operation, add func(*dto.Metric))
}{
	{"http_server_request_duration_seconds", "Duration of HTTP server requests.", dto.MetricType_HISTOGRAM, latenciesOf},
	{"http_server_request_body_size_bytes", "Size of HTTP server request bodies.", dto.MetricType_HISTOGRAM, func(op *operation, add func(*dto.Metric)) {
		bodies(op, &op.request, add)
	}},
	{"http_server_response_body_size_bytes", "Size of HTTP server response bodies.", dto.MetricType_HISTOGRAM, func(op *operation, add func(*dto.Metric)) {
		bodies(op, &op.response, add)
	}},
	{"lapwing_exchanges_total", "Requests that were observed, by what became of them.", dto.MetricType_COUNTER, exchanges},
}

// WriteMetrics emits the metrics of all operations, one family at a time.
func (m *Manager) WriteMetrics(emit func(*dto.MetricFamily) error) error {
	list := *m.operations.list.Load()
	for i := range families {
		f := &families[i]
		family := &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: &f.kind}
		for _, op := range list {
			f.values(op, func(metric *dto.Metric) { family.Metric = append(family.Metric, metric) })
		}
		if len(family.Metric) == 0 {
			continue
		}
		if err := emit(family); err != nil {
			return err
		}
	}
	return nil
}

// latenciesOf are the histograms of an operation by answer.
func latenciesOf(op *operation, add func(*dto.Metric)) {
	for i := range op.latencies.cells {
		c := &op.latencies.cells[i]
		a := answer(c.key.Load())
		if a == 0 {
			break
		}
		labels := []*dto.LabelPair{
			pair("api", op.api), pair("http_request_method", op.method), pair("http_route", op.route), pair("url_scheme", a.scheme()),
		}
		if a.status() > 0 {
			labels = append(labels, pair("http_response_status_code", strconv.Itoa(a.status())))
		}
		// As the convention has it: our class, or the status of a 5xx answer.
		switch {
		case a.failure() != observe.NoError:
			labels = append(labels, pair("error_type", string(a.failure())))
		case a.status() >= 500:
			labels = append(labels, pair("error_type", strconv.Itoa(a.status())))
		}
		addDuration(c.h.Load(), labels, add)
	}
	addDuration(&op.latencies.rest, []*dto.LabelPair{
		pair("api", op.api), pair("http_request_method", op.method), pair("http_route", op.route), pair("http_response_status_code", other),
	}, add)
}

func addDuration(h *histogram, labels []*dto.LabelPair, add func(*dto.Metric)) {
	if told := h.write(); told != nil {
		add(&dto.Metric{Label: labels, Histogram: told})
	}
}

func bodies(op *operation, s *sizes, add func(*dto.Metric)) {
	if told := s.write(); told != nil {
		add(&dto.Metric{
			Label:     []*dto.LabelPair{pair("api", op.api), pair("http_request_method", op.method), pair("http_route", op.route)},
			Histogram: told,
		})
	}
}

// exchanges are how many requests of an operation had which outcome.
func exchanges(op *operation, add func(*dto.Metric)) {
	name := op.name()
	one := func(n uint64, status, verdict, failure, origin string) {
		value := float64(n)
		add(&dto.Metric{
			Label: []*dto.LabelPair{
				pair("api", op.api), pair("operation", name), pair("status", status), pair("verdict", verdict),
				pair("error_type", failure), pair("source", origin),
			},
			Counter: &dto.Counter{Value: &value},
		})
	}
	op.outcomes.each(func(o outcome, n uint64) {
		one(n, classes[o.class()], string(o.verdict()), string(o.failure()), string(o.origin()))
	})
	if n := op.outcomes.rest.Load(); n > 0 {
		one(n, other, other, other, other)
	}
}

func pair(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
