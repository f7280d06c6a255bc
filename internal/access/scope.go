package access

import (
	"slices"

	"lapwing.dev/lapwing/internal/fault"
)

// Scope is something that a caller may do.
type Scope string

// The scopes. Write includes Read and Admin includes Write; Ingest stands apart,
// so that what an application needs to send lets nobody read, and the other way
// round. Write and Admin include it.
const (
	Ingest Scope = "ingest" // send observed requests, and fetch the blocks to keep

	Read  Scope = "read"  // see checks, results and the masked configuration
	Write Scope = "write" // run, pause and resume checks; reload the configuration
	Admin Scope = "admin" // make and revoke tokens
)

var (
	scopes = []Scope{Ingest, Read, Write, Admin}
	ladder = []Scope{Read, Write, Admin}
)

// includes reports whether holding s is enough where wanted is needed.
func (s Scope) includes(wanted Scope) bool {
	if wanted == Ingest {
		return s == Ingest || s == Write || s == Admin
	}
	held, needed := slices.Index(ladder, s), slices.Index(ladder, wanted)
	return needed >= 0 && held >= needed
}

// ParseScopes reads scope names; the error names those that exist.
func ParseScopes(names []string) ([]Scope, error) {
	if len(names) == 0 {
		return nil, fault.Invalid("a token needs at least one scope; scopes are ingest, read, write, admin")
	}
	var list []Scope
	for _, name := range names {
		scope := Scope(name)
		if !slices.Contains(scopes, scope) {
			return nil, fault.Invalid("unknown scope %.40q; scopes are ingest, read, write, admin", name)
		}
		if !slices.Contains(list, scope) {
			list = append(list, scope)
		}
	}
	return list, nil
}
