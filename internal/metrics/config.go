package metrics

import (
	"cmp"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/internal/verbatim"
)

// Config is what the file says about measured series: its section `metrics:`,
// Prometheus' own sections as they are, and rule files.
type Config struct {
	Metrics       Section
	ScrapeConfigs verbatim.YAML
	RemoteWrite   verbatim.YAML
	Rules         []string // files or patterns
	Dir           string   // that relative paths are relative to
}

// Section is the `metrics:` section.
type Section struct {
	// Retention is how long series are kept. Takes effect at a start. Default: 15d.
	Retention units.Duration `yaml:"retention"`
	// MaxSize of the series on disk; when it is reached, the oldest go first. Takes effect at a start. Default: 2GiB.
	MaxSize units.Size `yaml:"max_size"`
	// Every is how often Lapwing's own series are taken, 1s to 5m. Default: 15s.
	Every units.Duration `yaml:"every"`
	// RuleInterval is how often rule groups without an interval of their own are evaluated. Default: 15s.
	RuleInterval units.Duration `yaml:"rule_interval"`
	// Series is how many series there may be at the same time; further ones are refused and counted. Default: 200000.
	Series int `yaml:"series"`
	// SeriesPerAPI is how many series the requests of one API may make; further operations are counted as route="other". Default: 10000.
	SeriesPerAPI int `yaml:"series_per_api"`
	// ClassicHistograms stores the buckets of durations as series of their own besides the native histogram, for dashboards that ask for _bucket. Default: false.
	ClassicHistograms bool `yaml:"classic_histograms"`
	// CheckDetails stores everything that a check measures: phases, sizes, redirects, protocol. Otherwise it is its success, duration, status, certificate and state, which take a fourth of the memory; the rest is in the history of checks and on /metrics anyway. Takes effect at a start. Default: false.
	CheckDetails bool `yaml:"check_details"`
	// Labels that are added to everything that leaves by remote write, OTLP or DogStatsD. Example: {region: eu}
	Labels map[string]string `yaml:"labels"`
	// OTLP sends the series to an OpenTelemetry collector, or to a Datadog Agent. Default: none.
	OTLP OTLPExport `yaml:"otlp,omitempty"`
	// DogStatsD sends the series to a Datadog Agent. Default: none.
	DogStatsD DogStatsD `yaml:"dogstatsd,omitempty"`
	// Query bounds what one query may cost. Timeout and samples take effect at a start.
	Query QueryBounds `yaml:"query,omitempty"`
}

// QueryBounds bound what one PromQL query may cost.
type QueryBounds struct {
	// Timeout of a query. Default: 1m.
	Timeout units.Duration `yaml:"timeout"`
	// MaxSamples that a query may hold in memory. Default: 5000000.
	MaxSamples int `yaml:"max_samples"`
	// Concurrent queries. Default: 8.
	Concurrent int `yaml:"concurrent"`
}

// OTLPExport is `metrics.otlp`: metrics are sent by OTLP/HTTP.
type OTLPExport struct {
	// URL that metrics are posted to. Example: http://127.0.0.1:4318/v1/metrics
	URL string `yaml:"url"`
	// Headers to send along, such as an API key.
	Headers map[string]secret.String `yaml:"headers"`
	// Every is how often. Default: 15s.
	Every units.Duration `yaml:"every"`
}

// DogStatsD is `metrics.dogstatsd`: metrics are sent as DogStatsD datagrams.
type DogStatsD struct {
	// Address of the agent: host:port, or unix:///var/run/datadog/dsd.socket. Example: 127.0.0.1:8125
	Address string `yaml:"address"`
	// Prefix of the names. Default: none.
	Prefix string `yaml:"prefix"`
	// Every is how often. Default: 10s.
	Every units.Duration `yaml:"every"`
}

// Defaults of the section.
const (
	defaultRetention    = units.Duration(15 * units.Day)
	defaultMaxSize      = 2 * units.GiB
	defaultEvery        = units.Duration(15 * time.Second)
	defaultSeries       = 200_000
	defaultSeriesPerAPI = 10_000
	defaultTimeout      = units.Duration(time.Minute)
	defaultMaxSamples   = 5_000_000
	defaultConcurrent   = 8
	defaultOTLPEvery    = units.Duration(15 * time.Second)
	defaultStatsDEvery  = units.Duration(10 * time.Second)
)

// Filled is the section with its defaults.
func (s Section) Filled() Section {
	s.Retention = cmp.Or(s.Retention, defaultRetention)
	s.MaxSize = cmp.Or(s.MaxSize, defaultMaxSize)
	s.Every = cmp.Or(s.Every, defaultEvery)
	s.RuleInterval = cmp.Or(s.RuleInterval, defaultEvery)
	s.Series = cmp.Or(s.Series, defaultSeries)
	s.SeriesPerAPI = cmp.Or(s.SeriesPerAPI, defaultSeriesPerAPI)
	s.Query.Timeout = cmp.Or(s.Query.Timeout, defaultTimeout)
	s.Query.MaxSamples = cmp.Or(s.Query.MaxSamples, defaultMaxSamples)
	s.Query.Concurrent = cmp.Or(s.Query.Concurrent, defaultConcurrent)
	if s.OTLP.Enabled() {
		s.OTLP.Every = cmp.Or(s.OTLP.Every, defaultOTLPEvery)
	}
	if s.DogStatsD.Enabled() {
		s.DogStatsD.Every = cmp.Or(s.DogStatsD.Every, defaultStatsDEvery)
	}
	return s
}

// Validate reports what is wrong with what the file says, with paths from the
// top of the file. What Prometheus' own parsers say about its own sections is
// told by the packages that use them.
func (c *Config) Validate() fault.Problems {
	var ps fault.Problems
	ps.Merge("metrics", c.Metrics.Validate())
	return ps
}

// Validate reports what is wrong in the section.
func (s *Section) Validate() fault.Problems {
	var ps fault.Problems
	within := func(path string, d, least, most units.Duration) {
		if d != 0 && (d < least || d > most) {
			ps.Add(path, "", "%s is out of range; want %s to %s", d, least, most)
		}
	}
	count := func(path string, n, least, most int) {
		if n != 0 && (n < least || n > most) {
			ps.Add(path, "", "%d is out of range; want %d to %d", n, least, most)
		}
	}
	const hour, day = units.Duration(time.Hour), units.Duration(units.Day)
	within("retention", s.Retention, 2*hour, 3650*day)
	if s.MaxSize != 0 && (s.MaxSize < 64*units.MiB || s.MaxSize > 16*units.TiB) {
		ps.Add("max_size", "", "%s is out of range; want 64MiB to 16TiB", s.MaxSize)
	}
	within("every", s.Every, units.Duration(time.Second), units.Duration(5*time.Minute))
	within("rule_interval", s.RuleInterval, units.Duration(time.Second), hour)
	count("series", s.Series, 1000, 10_000_000)
	count("series_per_api", s.SeriesPerAPI, 100, 1_000_000)
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		switch {
		case !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, "__"):
			ps.Add("labels."+name, "write letters, digits and _, such as region", "%q is not a label's name", name)
		case s.Labels[name] == "":
			ps.Add("labels."+name, "write a value, or leave the label out", "a label without a value is none")
		case len(s.Labels[name]) > maxLabelValue:
			ps.Add("labels."+name, "", "the value is longer than %d bytes", maxLabelValue)
		}
	}
	ps.Merge("otlp", s.OTLP.Validate())
	ps.Merge("dogstatsd", s.DogStatsD.Validate())
	within("query.timeout", s.Query.Timeout, units.Duration(100*time.Millisecond), hour)
	count("query.max_samples", s.Query.MaxSamples, 10_000, 1_000_000_000)
	count("query.concurrent", s.Query.Concurrent, 1, 1000)
	return ps
}

// Enabled reports whether anything is to be sent.
func (o *OTLPExport) Enabled() bool { return o.URL != "" }

// Validate reports what is wrong in the section.
func (o *OTLPExport) Validate() fault.Problems {
	var ps fault.Problems
	if o.URL != "" {
		u, err := url.Parse(o.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			ps.Add("url", "write it whole, such as http://127.0.0.1:4318/v1/metrics", "%q is not an HTTP URL", o.URL)
		}
	} else if len(o.Headers) > 0 || o.Every != 0 {
		ps.Add("", "write `url: http://127.0.0.1:4318/v1/metrics`", "nothing says where to send")
	}
	if o.Every != 0 && (o.Every < units.Duration(time.Second) || o.Every > units.Duration(time.Hour)) {
		ps.Add("every", "", "%s is out of range; want 1s to 1h", o.Every)
	}
	return ps
}

// Enabled reports whether anything is to be sent.
func (d *DogStatsD) Enabled() bool { return d.Address != "" }

// Validate reports what is wrong in the section.
func (d *DogStatsD) Validate() fault.Problems {
	var ps fault.Problems
	if path, socket := strings.CutPrefix(d.Address, "unix://"); socket {
		if !strings.HasPrefix(path, "/") {
			ps.Add("address", "write the socket's whole path, such as unix:///var/run/datadog/dsd.socket", "%q names no socket", d.Address)
		}
	} else if d.Address != "" {
		if _, port, err := net.SplitHostPort(d.Address); err != nil || port == "" {
			ps.Add("address", "write 127.0.0.1:8125 or unix:///var/run/datadog/dsd.socket", "%q is not an address", d.Address)
		}
	} else if d.Prefix != "" || d.Every != 0 {
		ps.Add("", "write `address: 127.0.0.1:8125`", "nothing says where to send")
	}
	if d.Every != 0 && (d.Every < units.Duration(time.Second) || d.Every > units.Duration(time.Hour)) {
		ps.Add("every", "", "%s is out of range; want 1s to 1h", d.Every)
	}
	return ps
}
