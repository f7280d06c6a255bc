package state

// CheckStore keeps the history of checks: it implements checks.Store.
type CheckStore struct {
	db *DB
}

func (s *CheckStore) close() error { return nil }
