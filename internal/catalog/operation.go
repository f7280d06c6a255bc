package catalog

// Operation is one method on one route of an API, as its document has it.
type Operation struct {
	API        string   // name of the API
	Method     string   // GET, POST, …
	Path       string   // route template as in the document: /orders/{id}
	ID         string   // operationId; may be empty
	Summary    string   // one line; may be empty
	Tags       []string // not to be changed: shared with the document
	Deprecated bool
	Safe       bool // the method promises to change nothing (RFC 9110 §9.2.1): GET or HEAD
}

// String is the operation's key within its API: "GET /orders/{id}".
func (o Operation) String() string { return o.Method + " " + o.Path }
