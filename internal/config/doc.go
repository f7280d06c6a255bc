// Package config reads lapwing.yaml: the sections of all domains in one file,
// or in several by `include:`.
//
//	bytes ─► YAML tree ─► includes joined ─► ${…} filled in, bound to File ─► validated
//	           │               │                       │                          │
//	           └───────────────┴──── every mistake, with file:line:column ────────┘
//
// The sections are the domains' own structs: `yaml:"name"` tags name the keys
// and field comments are the manual, from which the reference page, the JSON
// Schema and the example file are generated. The binder works on the tree
// itself, not through a decoder, so that one run finds all mistakes and every
// value keeps its place; a Loaded answers later questions about places, too.
//
// Nothing here opens a connection or starts anything, except Watcher.Run.
package config

//go:generate go run ./generate
