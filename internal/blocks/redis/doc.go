// Package redis keeps the blocks of several servers in step by Redis, or a store
// that speaks its protocol. [Log] is a blocks.Shared.
//
//	<prefix>{blocks}:head     hash: epoch, version of the newest record
//	<prefix>{blocks}:records  hash: target -> "<time> <removed> <id> <JSON>"
//	<prefix>{blocks}:order    sorted set: target -> version, as it was told
//	<prefix>{blocks}:until    sorted set: target -> time until which the record is kept
//
// Two scripts of plain Lua change them, so that any number of servers may tell
// and hear at once. A store that was emptied, or has thrown one of the keys out,
// begins a new epoch, and every server tells what it knows.
package redis
