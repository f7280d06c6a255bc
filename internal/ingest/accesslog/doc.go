// Package accesslog makes exchanges of the lines that web servers log.
//
//	line ─ Parser of its format ─► Line: an observe.Exchange, and what is only in logs
//
// A parser is pure: no files, no clock, no state but the last date that it read.
// What it is given comes from whoever may send a request, so a parser never
// panics, never looks at a byte more than a few times, and copies nothing: the
// texts of a Line are parts of the line unless they had to be unescaped.
//
// There are hand-written parsers for the common log format and its relatives
// (nginx, Apache, gunicorn), for uvicorn, for JSON (Caddy, nginx, and by names that
// many programs use), and for patterns with names in them. [Auto] finds out which
// one a file needs.
package accesslog
