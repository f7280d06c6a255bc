package views

import (
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/middleware/limit"
)

// Limits tells of the limits of the configuration; *limits.Manager does.
type Limits interface {
	// Describe returns them in the order of the configuration, with what they did.
	Describe() []limits.Description
	// Waiting returns requests that are throttled now, the next one first, at most
	// most; of one limit, or of all ("").
	Waiting(policy string, most int) []limit.Waiter
}
