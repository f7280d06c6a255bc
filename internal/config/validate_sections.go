package config

import (
	"fmt"

	"lapwing.dev/lapwing/internal/fault"
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
	for i := range f.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		ps.Merge(path, f.Checks[i].Validate(dir))
		if url := f.Checks[i].URL; url != "" {
			// The short form of a request: the same rules, and the same key.
			short := probe.HTTPRequest{URL: url}
			ps.Merge(path, short.Validate())
		}
	}
	return ps
}
