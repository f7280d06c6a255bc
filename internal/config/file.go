package config

import (
	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/statuspage"
)

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
	// History says how long results are kept.
	History checks.Retention `yaml:"history"`
	// Access to the web interface and the API.
	Access access.Config `yaml:"access"`
	// StatusPage is the page at /status.
	StatusPage statuspage.Config `yaml:"status_page"`
}
