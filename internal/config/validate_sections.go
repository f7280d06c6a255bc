package config

import (
	"fmt"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/probe"
)

// validateSections asks the domains about their own sections. dir is the folder
// that relative file names are relative to.
func validateSections(f *File, dir string) fault.Problems {
	var ps fault.Problems
	ps.Merge("access", f.Access.Validate())
	for i := range f.APIs {
		ps.Merge(fmt.Sprintf("apis[%d]", i), f.APIs[i].Validate())
	}
	validator := checks.Validator{Dir: dir}
	for i := range f.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		ps.Merge(path, validator.Validate(&f.Checks[i]))
		if url := f.Checks[i].URL; url != "" {
			// The short form of a request: the same rules, and the same key.
			short := probe.HTTPRequest{URL: url}
			ps.Merge(path, short.Validate())
		}
	}
	limiting := limits.Config{Limits: f.Limits, Tiers: f.Tiers, Limiter: f.Limiter, Redis: f.Redis}
	ps.Merge("", limiting.Validate())
	ps.Merge("gateway", f.Gateway.Validate())
	ps.Merge("blocks", f.Blocks.Validate())
	ps.Merge("traffic", f.Traffic.Validate())
	ps.Merge("access_log", f.AccessLog.Validate())
	ps.Merge("heartbeats", f.Heartbeats.Validate())
	ps.Merge("metrics", f.Metrics.Validate())
	ps.Merge("ingest", f.Ingest.Validate())
	return ps
}
