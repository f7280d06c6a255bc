// Package heartbeats waits for signs of life: jobs that run by themselves (a
// backup, an import) tell when they have run, and it is wrong when they do not.
//
//	POST /api/v1/heartbeats/{name} ─► Beat ─► Store      late, failed ─► app ─► alerting
package heartbeats
