package heartbeats

import (
	"regexp"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// Heartbeat is one entry of the `heartbeats:` section: a job that tells when it
// has run.
type Heartbeat struct {
	// Name of the job, unique in the file; it is part of the address that the job tells. Example: nightly-backup
	Name string `yaml:"name"`
	// API that the job belongs to.
	API string `yaml:"api"`
	// Every says how often the job runs. Example: 24h
	Every units.Duration `yaml:"every"`
	// Grace is how late it may be before that is an alert. Default: a tenth of `every`, 1m at least.
	Grace units.Duration `yaml:"grace"`
	// Severity of its alert: info, warning or critical. Default: critical.
	Severity string `yaml:"severity"`
	// To names receivers that are told, whatever `route` says. Default: as `route` says. Example: [slack-api]
	To []string `yaml:"to"`
	// Labels of its alerts. Example: {team: shop}
	Labels map[string]string `yaml:"labels"`
}

// maxEvery is the longest time between two signs of life.
const maxEvery = 400 * 24 * time.Hour

// name is what may be part of an address without being escaped.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Config is the section.
type Config []Heartbeat

// Validate reports every mistake, with paths relative to the section.
func (c Config) Validate() fault.Problems {
	var ps fault.Problems
	first := map[string]int{}
	for i := range c {
		h, path := &c[i], indexed(i)
		if !name.MatchString(h.Name) {
			ps.Add(path+".name", "write letters, digits, dots, dashes and underscores, such as nightly-backup", "%q is not a name", h.Name)
		} else if at, known := first[h.Name]; known {
			ps.Add(path+".name", "give each heartbeat its own", "%q is the name of heartbeats[%d], too", h.Name, at)
		} else {
			first[h.Name] = i
		}
		if every := h.Every.Std(); every < 10*time.Second || every > maxEvery {
			ps.Add(path+".every", "write how often the job runs, 10s to 400d", "the job's interval is missing or out of bounds")
		}
		if h.Grace < 0 || h.Grace.Std() > maxEvery {
			ps.Add(path+".grace", "write how late it may be, such as 1h", "%s is out of bounds", h.Grace)
		}
		switch h.Severity {
		case "", "info", "warning", "critical":
		default:
			ps.Add(path+".severity", "write info, warning or critical", "%q is not a severity", h.Severity)
		}
	}
	return ps
}

// grace is the one in force.
func (h *Heartbeat) grace() time.Duration {
	if h.Grace > 0 {
		return h.Grace.Std()
	}
	return max(h.Every.Std()/10, time.Minute)
}
