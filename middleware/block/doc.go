// Package block answers whether a client is on a block list: by address, by
// prefix or by key, with a time at which it ends, and with a list of those whom
// no block may hit.
package block
