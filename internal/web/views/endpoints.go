package views

import (
	"time"

	"lapwing.dev/lapwing/internal/slo"
)

// Endpoints tells how the operations do; *slo.Manager does. All methods may be
// called concurrently; what they return belongs to the caller.
type Endpoints interface {
	// Endpoints returns every operation that had requests within the history, by API
	// and operation; api "" for all.
	Endpoints(api string) []slo.Endpoint
	// Endpoint returns one; false when it never had a request.
	Endpoint(api, operation string) (slo.Endpoint, bool)
	// APIs returns the APIs as a whole: Endpoint.Operation is "".
	APIs() []slo.Endpoint
	// Series returns the counts of an operation ("": of the API) with from ≤ time < to
	// in at most most points, oldest first.
	Series(api, operation string, from, to time.Time, most int) ([]slo.Point, error)
	// Budgets returns every objective with its budget.
	Budgets() []slo.Budget
	// BurnDown returns the budget of an objective over its period in at most most points.
	BurnDown(api, objective string, most int) ([]slo.BudgetPoint, error)
	// Conditions returns what is wrong now, pending conditions too, firing ones first.
	Conditions() []slo.Condition
	// TopErrors returns kinds of failures since a time, most frequent first, at most most;
	// api and operation "" for all.
	TopErrors(api, operation string, since time.Time, most int) []slo.TopError
}
