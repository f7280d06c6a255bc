package metrics

import (
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
	// Labels that are added to everything that leaves by remote write, OTLP or DogStatsD. Example: {region: eu}
	Labels map[string]string `yaml:"labels"`
	// OTLP sends the series to an OpenTelemetry collector, or to a Datadog Agent. Default: none.
	OTLP OTLPExport `yaml:"otlp,omitempty"`
	// DogStatsD sends the series to a Datadog Agent. Default: none.
	DogStatsD DogStatsD `yaml:"dogstatsd,omitempty"`
	// Query bounds what one query may cost.
	Query QueryBounds `yaml:"query,omitempty"`
}

// QueryBounds bound what one PromQL query may cost.
type QueryBounds struct {
	// Timeout of a query. Default: 1m.
	Timeout units.Duration `yaml:"timeout"`
	// MaxSamples that a query may hold in memory. Default: 20000000.
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
