// Package app is the only place where concrete meets concrete: it builds every
// part from one configuration, starts them, reloads them, and stops them.
package app
