package block

import "time"

// Entry is one block.
type Entry struct {
	ID      string
	Target  Target
	Reason  string // for people
	Author  string // who set it: a user, a token's name, "rule:path-scan"
	Rule    string // the abuse rule that set it; "" when somebody did
	Created time.Time
	Expires time.Time // zero: never
	Shadow  bool      // counted only, the request passes
}

// Expired reports whether the block has ended.
func (e *Entry) Expired(now time.Time) bool { return !e.Expires.IsZero() && !now.Before(e.Expires) }
