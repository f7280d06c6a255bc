// Package checks owns scheduled probes of HTTP APIs: when they run, how an
// answer is judged, what state a check is in, and what is remembered.
//
// The life of a check (n and m are alert.after and alert.recover_after):
//
//	           first run                n failed runs in a row
//	unknown ──────────────► up ◄──────────────────────────────► down
//	                         ▲        m good runs in a row        ▲
//	                         └──► degraded ◄──────────────────────┘
//	any ──► paused (by hand or by the configuration) ──► unknown
//
// A run is one or more attempts (retries), an attempt one or more requests
// (steps). Every attempt is kept. Results are shown only after the Store has
// them on disk.
package checks
