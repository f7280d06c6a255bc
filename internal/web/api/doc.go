// Package api is the REST API, version 1, at /api/v1. The routes are one list
// in routes.go, the document that describes them is openapi.json, and a test
// holds the one to the other and real answers to both.
//
// Conventions: names in snake_case; times in RFC 3339 with milliseconds, UTC;
// durations as numbers of milliseconds in fields that end in _ms; everything
// that is not a success is a problem (package problem). What is absent was not
// known. Fields may be added; none is renamed, and none changes its meaning.
package api
