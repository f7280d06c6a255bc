// Package views is how the pages and the API ask alike for observed traffic,
// limits, blocks and upstreams: interfaces that the domains' own types satisfy,
// and tests in their place.
package views
