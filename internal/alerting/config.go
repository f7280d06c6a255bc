package alerting

import (
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/internal/verbatim"
)

// Config is what the file says about alerts: Alertmanager's own sections as they
// are, and the section `alerting:`.
type Config struct {
	Global            verbatim.YAML
	Receivers         verbatim.YAML
	Route             verbatim.YAML
	InhibitRules      verbatim.YAML
	TimeIntervals     verbatim.YAML
	MuteTimeIntervals verbatim.YAML
	Templates         []string
	Alerting          Section
	Dir               string  // that relative paths are relative to
	Named             []Named // receivers that other sections name (`alert.to` of checks): they must exist
}

// Named is a receiver that another section names, and where it does.
type Named struct {
	Receiver string
	Path     string // from the file's root: checks[2].alert.to[0]
}

// Section is the `alerting:` section.
type Section struct {
	// ConfigFile is an alertmanager.yml to use as it is, instead of global, receivers, route and the like here. Example: /etc/prometheus/alertmanager.yml
	ConfigFile string `yaml:"config_file"`
	// ExternalURL is how people reach this server, for links in messages. Default: the address that it listens on. Example: https://lapwing.example.com
	ExternalURL string `yaml:"external_url"`
	// Escalations tell the next receiver when nobody acknowledged in time.
	Escalations []Escalation `yaml:"escalations"`
	// History is how long deliveries and resolved alerts are remembered. Default: 90d.
	History units.Duration `yaml:"history"`
	// GiveUp is how long a notification that a receiver did not take is tried again. Default: 24h.
	GiveUp units.Duration `yaml:"give_up"`
	// Builtin switches off alerts that come without configuration, by name. Example: {TrafficDrop: false}
	Builtin map[string]bool `yaml:"builtin"`
}

// Escalation is one entry of `escalations:`.
type Escalation struct {
	// Match says which alerts it is about, as Alertmanager's matchers. Default: all. Example: ['severity="critical"']
	Match []string `yaml:"match" json:"match"`
	// After this long without acknowledgement, from the first notification on. Example: 10m
	After units.Duration `yaml:"after" json:"after"`
	// To is the receiver that is told then. Example: on-call
	To string `yaml:"to" json:"to"`
}
