// Package ingest takes in what others have observed: batches of exchanges that
// Go middlewares send (lines of JSON, see observe.AppendJSON), and gives them
// the blocks to keep.
//
// A batch is taken as a whole or not at all; a line in it that cannot be true is
// left out and counted. A batch that comes twice, because the answer to the
// first attempt was lost, counts once.
package ingest
