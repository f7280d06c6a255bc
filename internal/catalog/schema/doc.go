// Package schema holds a JSON value to a schema of an OpenAPI document, 3.0 or
// 3.1 (JSON Schema 2020-12), and says in one sentence what is wrong:
//
//	/orders/0/id: want integer, got string "x"
//
// It takes the resolved schemas of kin-openapi but not its validator, for three
// reasons that were measured on a small FastAPI document (kin-openapi v0.152).
// For 3.1 that one marshals and compiles the schema anew for every answer: 600 µs
// and 270 KB for 150 bytes, here about 9 µs with decoding. Nested anyOf in a
// hostile document keep it busy for 2ⁿ steps; here a budget ends it. And its
// errors are pages of schema, not sentences. A test compares the verdicts with
// those of a complete JSON Schema implementation, on random schemas and values.
//
// Not evaluated: $dynamicRef and $anchor (accepted as "anything"), contentSchema,
// what `contains` says to unevaluatedItems, and patterns that RE2 cannot express
// (look-around, back-references).
package schema
