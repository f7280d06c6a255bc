// Package views is what the pages and the API show alike of observed traffic,
// limits, blocks and upstreams, and the interfaces through which both ask for
// it. The domains know nothing of it; package app makes one of the other.
package views
