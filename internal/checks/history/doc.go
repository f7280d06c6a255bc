// Package history is the compact form in which runs of checks are kept: pure
// functions between checks.Result and bytes, without any store.
//
// A run is written twice. At once, row by row, in a [Tail] in memory and in a
// journal row on disk: 15 to 20 bytes. Later, with up to 511 neighbours, column
// by column in a chunk, where what repeats costs nothing and what varies costs
// its own bits: 5 to 12 bytes.
//
//	run ──► journal row (disk) ──────────────┐ deleted when its runs are in chunks
//	  └───► Tail (memory) ──► chunk (disk) ◄─┘
//
// Durations are kept to the microsecond. All decoders take hostile bytes: they
// return [ErrDamaged], never panic, and allocate no more than a constant
// multiple of their input or of a chunk's limits.
package history
