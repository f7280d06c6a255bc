// Package lifecycle starts the parts of the product in order and stops them in
// reverse.
//
//	start: state ─► checks ─► web        each waits until the one before is ready
//	stop:  web ─► checks ─► state        each has its own deadline for ending
//
// A part is a Run function that blocks until its context ends and everything it
// started has ended. When one part fails or returns before it was asked to, all
// the others are stopped too: half a product that looks alive is worse than one
// that says why it stopped.
package lifecycle
