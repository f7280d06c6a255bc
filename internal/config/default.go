package config

import (
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/statuspage"
)

// Default returns the values of the sections that stand alone. Defaults of
// list entries (checks, apis) are their domains' business.
func Default() File {
	return File{
		Listen:     "127.0.0.1:7480",
		Data:       "./data",
		History:    checks.DefaultRetention(),
		StatusPage: statuspage.Config{Title: "API status"},
	}
}
