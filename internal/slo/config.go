package slo

import (
	"fmt"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/fault"
)

// Config is what the file says about APIs: their error_rate, objectives and
// unusual sections.
type Config struct {
	APIs []catalog.API
}

// Validate reports what is wrong, with paths such as "apis[1].error_rate.over".
func (c *Config) Validate() fault.Problems {
	var ps fault.Problems
	for i := range c.APIs {
		ps.Merge(fmt.Sprintf("apis[%d]", i), c.APIs[i].Validate())
	}
	return ps
}
