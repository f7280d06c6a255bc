package traffic

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// Config is what the file says about observed traffic: its sections `traffic:`
// and `access_log:`.
type Config struct {
	Traffic   Bounds
	AccessLog AccessLog
	Dir       string // that a relative path of the access log is relative to

	// SeriesPerAPI is `metrics.series_per_api`: operations that have no room are
	// counted together, as route="other" of their API. Zero is 10,000.
	SeriesPerAPI int
}

// Bounds is the `traffic:` section: how much is kept of observed requests.
type Bounds struct {
	// Operations is how many operations are told apart, over all APIs, in metrics and on pages; what comes after them is counted together, as "other" of their API. Takes effect at a start. Default: 500.
	Operations int `yaml:"operations"`
	// Series is how many pairs of an operation and a status have a histogram of their own on /metrics; further statuses of an operation share one. Takes effect at a start. Default: 2000.
	Series int `yaml:"series"`
	// Clients is how many of the busiest clients are known by name, about 4 KiB each. Takes effect at a start. Default: 1000.
	Clients int `yaml:"clients"`
	// Memory is how much the history of the last three hours may take; when it is full, the oldest part goes first. Takes effect at a start. Default: 8MiB.
	Memory units.Size `yaml:"memory"`
}

// AccessLog is the `access_log:` section: one line of JSON for each observed request.
type AccessLog struct {
	// Path of the file; its folder must exist. Rotated files stand beside it, with the time in their names. Example: /var/log/lapwing/access.log
	Path string `yaml:"path"`
	// Stdout writes the lines to standard output, instead of or besides the file.
	Stdout bool `yaml:"stdout"`
	// MaxSize of the file before another one is begun; at least 1MiB. Default: 100MiB.
	MaxSize units.Size `yaml:"max_size"`
	// Daily begins another file at midnight UTC, too. Default: true.
	Daily *bool `yaml:"daily"`
	// Keep is how many rotated files are kept. Default: 7.
	Keep *int `yaml:"keep"`
	// Compress rotated files with gzip. Default: true.
	Compress *bool `yaml:"compress"`
	// Sample is the share of ordinary requests that is logged; errors and whatever was delayed or refused always are. Default: 100%. Example: 10%
	Sample *units.Share `yaml:"sample"`
}

// FromScalar reads the short form: `access_log: /var/log/lapwing/access.log`, or `stdout`.
func (a *AccessLog) FromScalar(text string) error {
	if text == "stdout" {
		a.Stdout = true
		return nil
	}
	switch strings.ToLower(text) {
	case "true", "on", "yes":
		return fmt.Errorf("%q is not a file; write access.log, or stdout", text)
	case "false", "off", "no":
		return fmt.Errorf("%q is not a file; without access_log there is none, so remove it", text)
	}
	a.Path = text
	return nil
}

// Enabled reports whether anything is to be logged.
func (a *AccessLog) Enabled() bool { return a.Path != "" || a.Stdout }

// Defaults of the bounds.
const (
	defaultOperations = 500
	defaultSeries     = 2000
	defaultClients    = 1000
	defaultMemory     = 8 * units.MiB

	defaultMaxSize = 100 * units.MiB
	defaultKeep    = 7
)

// Validate reports what is wrong in the section.
func (b *Bounds) Validate() fault.Problems {
	var ps fault.Problems
	within := func(path string, n, least, most int) {
		if n != 0 && (n < least || n > most) {
			ps.Add(path, "", "%d is out of range; want %d to %d", n, least, most)
		}
	}
	within("operations", b.Operations, 10, 5000)
	within("series", b.Series, 10, 100_000)
	within("clients", b.Clients, 16, 100_000)
	if b.Memory != 0 && (b.Memory < units.MiB || b.Memory > units.GiB) {
		ps.Add("memory", "", "%s is out of range; want 1MiB to 1GiB", b.Memory)
	}
	return ps
}

// Validate reports what is wrong in the section, without looking at the disk.
func (a *AccessLog) Validate() fault.Problems {
	var ps fault.Problems
	if strings.HasSuffix(a.Path, "/") || a.Path != "" && filepath.Base(a.Path) == "." {
		ps.Add("path", "write the file's name, such as "+filepath.Join(a.Path, "access.log"), "%q is a folder", a.Path)
	}
	if a.MaxSize != 0 && a.MaxSize < units.MiB {
		ps.Add("max_size", "write at least 1MiB", "%s is too small", a.MaxSize)
	}
	if a.Keep != nil && (*a.Keep < 0 || *a.Keep > 10_000) {
		ps.Add("keep", "", "%d is out of range; want 0 to 10000", *a.Keep)
	}
	if !a.Enabled() && (a.MaxSize != 0 || a.Daily != nil || a.Keep != nil || a.Compress != nil || a.Sample != nil) {
		ps.Add("", "write `path: /var/log/lapwing/access.log` or `stdout: true`", "nothing says where to log")
	}
	return ps
}

// filled is the section with its defaults.
func (b Bounds) filled() Bounds {
	b.Operations = cmp.Or(b.Operations, defaultOperations)
	b.Series = cmp.Or(b.Series, defaultSeries)
	b.Clients = cmp.Or(b.Clients, defaultClients)
	b.Memory = cmp.Or(b.Memory, defaultMemory)
	return b
}

func deref[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
