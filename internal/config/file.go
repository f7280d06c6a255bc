package config

import (
	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/statuspage"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/verbatim"
)

// Sections marked omitempty mean nothing unless they are written: the settings
// page does not show their defaults.

// File is the whole configuration, lapwing.yaml.
type File struct {
	// Include more files: paths or patterns relative to this file. Lists are joined, everything else must be given once. Example: [checks/*.yaml]
	Include []string `yaml:"include"`
	// Listen is the address of the web interface and the API. Beyond loopback it needs a password. Default: 127.0.0.1:7480.
	Listen string `yaml:"listen"`
	// Data is the folder of the embedded stores. Default: ./data.
	Data string `yaml:"data"`
	// APIs under watch.
	APIs []catalog.API `yaml:"apis"`
	// Checks are scheduled probes.
	Checks []checks.Check `yaml:"checks"`
	// Heartbeats are jobs that tell when they have run; it is an alert when one does not.
	Heartbeats heartbeats.Config `yaml:"heartbeats,omitempty"`
	// Limits say how many requests a client may make. Routes of the gateway name those that hold for them.
	Limits []limits.Limit `yaml:"limits,omitempty"`
	// Tiers are levels of subscription: the first one that fits a request chooses its rates and its upstreams.
	Tiers []limits.Tier `yaml:"tiers,omitempty"`
	// Limiter bounds what all limits need together.
	Limiter limits.Limiter `yaml:"limiter,omitempty"`
	// Redis by which several servers share limits and blocks.
	Redis limits.Redis `yaml:"redis,omitempty"`
	// Gateway is a reverse proxy in front of APIs. Default: none.
	Gateway gateway.Config `yaml:"gateway,omitempty"`
	// Blocks say who may never be blocked, and which abuse is noticed.
	Blocks blocks.Config `yaml:"blocks,omitempty"`
	// Traffic says how much is kept of observed requests.
	Traffic traffic.Bounds `yaml:"traffic,omitempty"`
	// AccessLog has one line of JSON for each observed request. Default: none.
	AccessLog traffic.AccessLog `yaml:"access_log,omitempty"`
	// Ingest takes in what other servers saw: access logs and error logs.
	Ingest ingest.Config `yaml:"ingest,omitempty"`
	// Metrics says how long measured series are kept, and who else gets them.
	Metrics metrics.Section `yaml:"metrics,omitempty"`
	// Rules are Prometheus rule files, as they are: paths or patterns relative to this file. Example: [rules/*.yaml]
	Rules []string `yaml:"rules,omitempty"`
	// ScrapeConfigs are Prometheus' own, as they are: whose metrics are read. Example: [{job_name: node, static_configs: [{targets: ["127.0.0.1:9100"]}]}]
	ScrapeConfigs verbatim.YAML `yaml:"scrape_configs,omitempty"`
	// RemoteWrite is Prometheus' own, as it is: who gets all series. Example: [{url: "http://127.0.0.1:9009/api/v1/push"}]
	RemoteWrite verbatim.YAML `yaml:"remote_write,omitempty"`
	// Alerting says who is told when nobody acknowledges, and how long is remembered what was told.
	Alerting alerting.Section `yaml:"alerting,omitempty"`
	// Global is Alertmanager's own, as it is: what receivers have in common. Example: {smtp_smarthost: "127.0.0.1:25", smtp_from: lapwing@example.com}
	Global verbatim.YAML `yaml:"global,omitempty"`
	// Receivers are Alertmanager's own, as they are: the channels by which people are told. Example: [{name: team, webhook_configs: [{url: "http://127.0.0.1:9000/alerts"}]}]
	Receivers verbatim.YAML `yaml:"receivers,omitempty"`
	// Route is Alertmanager's own, as it is: which receiver gets which alert. Example: {receiver: team, group_by: [alertname, api]}
	Route verbatim.YAML `yaml:"route,omitempty"`
	// InhibitRules are Alertmanager's own, as they are: which alerts keep others quiet. Example: [{source_matchers: ['alertname="CheckDown"'], target_matchers: ['alertname="ErrorRateHigh"'], equal: [api]}]
	InhibitRules verbatim.YAML `yaml:"inhibit_rules,omitempty"`
	// TimeIntervals are Alertmanager's own, as they are: times that routes name. Example: [{name: weekends, time_intervals: [{weekdays: ["saturday:sunday"]}]}]
	TimeIntervals verbatim.YAML `yaml:"time_intervals,omitempty"`
	// MuteTimeIntervals are the older form of time_intervals. Example: [{name: nights, time_intervals: [{times: [{start_time: "22:00", end_time: "24:00"}]}]}]
	MuteTimeIntervals verbatim.YAML `yaml:"mute_time_intervals,omitempty"`
	// Templates are Alertmanager's template files: paths or patterns relative to this file. Example: [templates/*.tmpl]
	Templates []string `yaml:"templates,omitempty"`
	// History says how long results are kept.
	History checks.Retention `yaml:"history"`
	// Access to the web interface and the API.
	Access access.Config `yaml:"access"`
	// StatusPage is the page at /status.
	StatusPage statuspage.Config `yaml:"status_page"`
}
