// Package statuspage makes the public view of the checks: states, 90 days of
// uptime, and badges. It shows names and numbers, never how a check works.
package statuspage
