// Package catalog knows the APIs under watch and their operations: it finds and
// reads OpenAPI documents, matches a request to its operation (method and route
// template, the key that joins everything), and holds requests and answers to their
// contract.
//
// A Document is one reading of an OpenAPI document and never changes. A Catalog
// keeps the present Document of every configured API:
//
//	loading ──► loaded ◄──► stale (the last good one, and why a refresh failed)
//	   └──────► unavailable (nothing yet, and why), tried again with growing delays
//
// Paths that no document has get a template all the same: Learned tells words
// from values.
//
// What documents hold was written by others: sizes, depths, references and the
// work of checking an answer are bounded, and nothing in a document makes
// Lapwing read from another place.
package catalog
