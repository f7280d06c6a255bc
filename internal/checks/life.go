package checks

// nextState is the check's state after a run with the given verdict; life is
// what it was before the run.
//
// A check goes down only after a.After failed runs in a row, and comes back
// only after a.RecoverAfter good ones; degraded needs no confirmation.
func nextState(life *Life, verdict Status, a Alert) Status {
	if verdict == Down {
		if life.Failures+1 >= a.After {
			return Down
		}
		return life.State
	}
	if life.State == Down && life.Successes+1 < a.RecoverAfter {
		return Down
	}
	return verdict
}

// worthKeeping decides whether a run's request and answer are kept: when it
// says something that the run before did not.
func worthKeeping(life *Life, previous verdict, r *Result, manual bool) bool {
	switch {
	case manual:
		return true
	case previous.status == Unknown:
		return r.Status != Up || life.LastRun == 0 // the very first answer shows what a good one looks like
	case previous.status != r.Status, life.State != r.State:
		return true
	default:
		return r.Flaky() && !previous.flaky
	}
}
