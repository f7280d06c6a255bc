// Package statuspage makes the public view of the checks: states, 90 days of
// uptime, recent incidents and badges. It shows names and numbers, never how a
// check works: no address, no reason, no answer gets into a Page.
package statuspage
