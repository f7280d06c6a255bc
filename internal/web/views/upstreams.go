package views

import "lapwing.dev/lapwing/internal/gateway/upstream"

// Upstreams tells of the servers behind the gateway; *upstream.Registry does.
type Upstreams interface {
	// Snapshot returns the pools in use by name, with their servers.
	Snapshot() []upstream.PoolStatus
}
