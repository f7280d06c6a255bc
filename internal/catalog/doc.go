// Package catalog knows the APIs under watch and their operations: it finds and
// reads OpenAPI documents, matches a request to its operation (method and route
// template, the key that joins everything), and holds answers to their contract.
package catalog
