// Package probe makes one request to a target and measures it, phase by phase:
// one file per protocol. It judges nothing (package checks does) and keeps
// nothing.
package probe
