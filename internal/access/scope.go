package access

import (
	"slices"

	"lapwing.dev/lapwing/internal/fault"
)

// Scope is something that a caller may do.
type Scope string

// The scopes, each one including those before it.
const (
	Read  Scope = "read"  // see checks, results and the masked configuration
	Write Scope = "write" // run, pause and resume checks; reload the configuration
	Admin Scope = "admin" // make and revoke tokens
)

var scopes = []Scope{Read, Write, Admin}

// includes reports whether holding s is enough where wanted is needed.
func (s Scope) includes(wanted Scope) bool {
	held, needed := slices.Index(scopes, s), slices.Index(scopes, wanted)
	return needed >= 0 && held >= needed
}

// ParseScopes reads scope names; the error names those that exist.
func ParseScopes(names []string) ([]Scope, error) {
	if len(names) == 0 {
		return nil, fault.Invalid("a token needs at least one scope; scopes are read, write, admin")
	}
	var list []Scope
	for _, name := range names {
		scope := Scope(name)
		if !slices.Contains(scopes, scope) {
			return nil, fault.Invalid("unknown scope %.40q; scopes are read, write, admin", name)
		}
		if !slices.Contains(list, scope) {
			list = append(list, scope)
		}
	}
	return list, nil
}
