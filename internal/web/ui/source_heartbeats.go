package ui

import "lapwing.dev/lapwing/internal/heartbeats"

// Heartbeats are the jobs that tell when they have run; *heartbeats.Manager
// knows them.
type Heartbeats interface {
	// List returns all of them in the order of the configuration. The list belongs
	// to the caller.
	List() []heartbeats.View
}
