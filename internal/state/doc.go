// Package state keeps on disk what has to outlive the process: the history of
// checks and who may use the product. It implements the Store interfaces that
// the domains declare; a domain never imports this package.
//
// Everything is in one SQLite database, lapwing.db, in the data folder. One
// connection writes, a few read; SQLite's write-ahead log keeps them out of each
// other's way. Any number of commands may open the folder at once, but only one
// server: see [DB.LockServer].
//
// SQL stands in the file that uses it, in the dialect that SQLite and PostgreSQL
// share (numbered parameters, ON CONFLICT, RETURNING); what is SQLite's alone is
// in sqlite.go.
package state
