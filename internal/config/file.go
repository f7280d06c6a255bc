package config

import (
	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/statuspage"
	"lapwing.dev/lapwing/internal/traffic"
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
	// History says how long results are kept.
	History checks.Retention `yaml:"history"`
	// Access to the web interface and the API.
	Access access.Config `yaml:"access"`
	// StatusPage is the page at /status.
	StatusPage statuspage.Config `yaml:"status_page"`
}
