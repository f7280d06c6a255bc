package history

import "lapwing.dev/lapwing/internal/checks"

// Runs collects decoded results of one check. The zero value is ready to use.
type Runs struct {
	Check   string          // the check's ID, put into each result
	Results []checks.Result // in the order of decoding

	free []checks.Attempt // unused end of the present block
}

// Reset forgets the results and keeps the slice for new ones. Attempts are not
// reused: a result that was copied out stays as it is.
func (r *Runs) Reset(check string) {
	clear(r.Results)
	r.Check, r.Results = check, r.Results[:0]
}

// add appends one result with room for n attempts.
func (r *Runs) add(result checks.Result, n int) *checks.Result {
	const block = 128
	if len(r.free) < n {
		r.free = make([]checks.Attempt, max(n, block))
	}
	result.Check = r.Check
	result.Attempts = r.free[:n:n]
	r.free = r.free[n:]
	r.Results = append(r.Results, result)
	return &r.Results[len(r.Results)-1]
}
