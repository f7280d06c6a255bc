// Package tail follows files that others write lines to, through everything that
// is done to such files:
//
//	written to            inotify says so, and where it cannot (NFS), looking every second does
//	half a line           waits for its end
//	renamed, new one      the old file is read to its end first, and on while it is still written to
//	copied, truncated     seen by its size or by its first bytes; what was not read yet is read from the copy
//	compressed            read on in the .gz
//	deleted, missing      waited for, and somebody is told
//	a new match           of a pattern is read from its beginning
//	a restart             goes on where the last line was taken
//
// One goroutine reads all files of a [Tail], a block at a time in turn, so that one
// with gigabytes to catch up with keeps nobody waiting. What was there before anybody
// looked (Options.Backfill) has to wait for what is written now.
//
// A position is stored after its lines were taken. A program that stops in order
// takes every line exactly once; after a kill the lines of the last second may come
// again, and none is left out.
package tail
