package views_test

import (
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/web/views"
)

// The domains' own types are what they are asked as.
var (
	_ views.Traffic   = (*traffic.Manager)(nil)
	_ views.Limits    = (*limits.Manager)(nil)
	_ views.Blocks    = (*blocks.Manager)(nil)
	_ views.Upstreams = (*upstream.Registry)(nil)
)
