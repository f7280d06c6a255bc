package ui

import "lapwing.dev/lapwing/internal/catalog"

// Inventory is what documents say that APIs can do; *catalog.Catalog is one.
// Without it no operation is flagged as undocumented or unused.
type Inventory interface {
	// APIs returns the configured APIs by name.
	APIs() []catalog.API
	// Operations returns the documented operations of an API; nil when no document
	// is loaded. The list is not changed by the caller.
	Operations(api string) []catalog.Operation
}
