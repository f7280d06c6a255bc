package ui

import "lapwing.dev/lapwing/internal/web/views"

// Traffic is everything the traffic pages are made of. Only Requests is needed;
// a part that is nil is not shown.
type Traffic struct {
	Requests  views.Traffic
	Limits    views.Limits
	Blocks    views.Blocks
	Upstreams views.Upstreams
	Gateway   func() string // URL at which clients reach the gateway; "" while there is none
}
