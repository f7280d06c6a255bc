package checks

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metrics are the Manager's own counters.
type metrics struct {
	runs  *prometheus.CounterVec
	delay prometheus.Histogram
	lost  prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lapwing_check_runs_total", Help: "Runs of checks, by verdict.",
		}, []string{"status"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lapwing_scheduler_delay_seconds", Help: "How long after its planned start a run started.",
			Buckets: []float64{.0005, .001, .002, .003, .005, .01, .05, .1, .5, 1, 5},
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lapwing_check_results_dropped_total", Help: "Results that the store refused for so long that they were given up.",
		}),
	}
	for _, s := range []Status{Up, Degraded, Down} {
		m.runs.WithLabelValues(s.String())
	}
	return m
}

func (m *metrics) count(r *Result)       { m.runs.WithLabelValues(r.Status.String()).Inc() }
func (m *metrics) late(by time.Duration) { m.delay.Observe(max(by, 0).Seconds()) }
func (m *metrics) drop(n int)            { m.lost.Add(float64(n)) }

// Collectors returns the Manager's own counters, to be registered.
func (m *Manager) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.metrics.runs, m.metrics.delay, m.metrics.lost}
}

// family is one metric of every check: its value for one check, or ok false.
// Names and meanings of probe_* are those of blackbox_exporter, so that
// dashboards made for it work.
type family struct {
	name, help string
	counter    bool
	idle       bool // also of checks that have not run
	values     func(c *check, add func(value float64, labels ...string))
}

// families are written one after the other, so that a scrape of thousands of
// checks never holds more than one of them in memory.
var families = []family{
	{"probe_success", "Whether the last run was not down.", false, false, func(c *check, add func(float64, ...string)) {
		add(boolean(c.shown.last.Status != Down))
	}},
	{"probe_duration_seconds", "How long the last run's deciding attempt took.", false, false, func(c *check, add func(float64, ...string)) {
		add(c.shown.last.Latency().Seconds())
	}},
	{"probe_dns_lookup_time_seconds", "Time taken to resolve the name.", false, false, func(c *check, add func(float64, ...string)) {
		add(c.shown.last.Last().Phases.DNS.Seconds())
	}},
	{"probe_http_duration_seconds", "Duration of the request by phase, summed over redirects and steps.", false, false, func(c *check, add func(float64, ...string)) {
		p := c.shown.last.Last().Phases
		add(p.DNS.Seconds(), "phase", "resolve")
		add(p.Connect.Seconds(), "phase", "connect")
		add(p.TLS.Seconds(), "phase", "tls")
		add(p.TTFB.Seconds(), "phase", "processing")
		add(p.Transfer.Seconds(), "phase", "transfer")
	}},
	{"probe_http_status_code", "HTTP status code of the last answer.", false, false, func(c *check, add func(float64, ...string)) {
		add(float64(c.shown.last.Last().Code))
	}},
	{"probe_http_uncompressed_body_length", "Size of the decoded body in bytes.", false, false, func(c *check, add func(float64, ...string)) {
		add(float64(c.shown.last.Last().Size))
	}},
	{"probe_http_redirects", "Number of redirects that were followed.", false, false, func(c *check, add func(float64, ...string)) {
		add(float64(c.shown.facts.redirects))
	}},
	{"probe_http_ssl", "Whether TLS was used for the last request.", false, false, func(c *check, add func(float64, ...string)) {
		add(boolean(c.shown.facts.tlsVersion != ""))
	}},
	{"probe_http_version", "HTTP version of the last answer.", false, false, func(c *check, add func(float64, ...string)) {
		version, err := strconv.ParseFloat(strings.TrimPrefix(c.shown.facts.protocol, "HTTP/"), 64)
		if err == nil {
			add(version)
		}
	}},
	{"probe_ip_protocol", "IP version of the last connection, 4 or 6.", false, false, func(c *check, add func(float64, ...string)) {
		switch {
		case c.shown.facts.remoteAddr == "":
		case strings.HasPrefix(c.shown.facts.remoteAddr, "["):
			add(6)
		default:
			add(4)
		}
	}},
	{"probe_ssl_earliest_cert_expiry", "When the earliest certificate of the chain expires, in Unix time.", false, false, func(c *check, add func(float64, ...string)) {
		if t := c.shown.facts.certExpires; !t.IsZero() {
			add(float64(t.Unix()))
		}
	}},
	{"probe_tls_version_info", "TLS version of the last connection.", false, false, func(c *check, add func(float64, ...string)) {
		if v := c.shown.facts.tlsVersion; v != "" {
			add(1, "version", v)
		}
	}},
	{"lapwing_check_attempts", "Attempts of the last run; more than one is a retry.", false, false, func(c *check, add func(float64, ...string)) {
		add(float64(len(c.shown.last.Attempts)))
	}},
	{"lapwing_check_state", "State of the check: 1 for the present one.", false, true, func(c *check, add func(float64, ...string)) {
		for _, s := range []Status{Unknown, Up, Degraded, Down, Paused} {
			add(boolean(c.state() == s), "state", s.String())
		}
	}},
	{"lapwing_check_missed_total", "Planned starts that did not happen, since the start of Lapwing.", true, true, func(c *check, add func(float64, ...string)) {
		add(float64(c.missed))
	}},
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// WriteMetrics emits the metrics of all checks that have run, one family at a time.
func (m *Manager) WriteMetrics(emit func(*dto.MetricFamily) error) error {
	for i := range families {
		family := m.family(&families[i])
		if len(family.Metric) == 0 {
			continue
		}
		if err := emit(family); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) family(f *family) *dto.MetricFamily {
	kind := dto.MetricType_GAUGE
	if f.counter {
		kind = dto.MetricType_COUNTER
	}
	out := &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: &kind}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.order {
		c := m.checks[id]
		if c.shown.last == nil && !f.idle || c.paused() && strings.HasPrefix(f.name, "probe_") {
			continue // what a paused check measured last is no longer true
		}
		common := c.labels()
		f.values(c, func(value float64, labels ...string) {
			out.Metric = append(out.Metric, sample(f.counter, value, common, labels))
		})
	}
	return out
}

func sample(counter bool, value float64, common []*dto.LabelPair, labels []string) *dto.Metric {
	metric := &dto.Metric{Label: common}
	if len(labels) > 0 {
		metric.Label = append(make([]*dto.LabelPair, 0, len(common)+1), common...)
		metric.Label = append(metric.Label, &dto.LabelPair{Name: &labels[0], Value: &labels[1]})
	}
	if counter {
		metric.Counter = &dto.Counter{Value: &value}
	} else {
		metric.Gauge = &dto.Gauge{Value: &value}
	}
	return metric
}

// labels are blackbox_exporter's (instance is the target, as its usual
// relabelling makes it) and ours.
func (c *check) labels() []*dto.LabelPair {
	target := redactURL(c.plan.steps[0].request.URL(), c.plan.redactor)
	return []*dto.LabelPair{
		pair("check", c.plan.config.Name), pair("api", c.plan.config.API),
		pair("instance", target), pair("job", "lapwing"),
	}
}

func pair(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
