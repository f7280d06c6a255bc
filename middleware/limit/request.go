package limit

import "net/netip"

// Request is what a decision looks at. The caller owns it; a decision keeps no
// reference to it after Decide returned.
type Request struct {
	Method    string
	Path      string     // escaped, without the query
	Operation string     // "GET /orders/{id}", or ""
	API       string     // name of the API, or ""
	Client    netip.Addr // trusted client address (package clientip); may be invalid
	APIKey    string     // the name, never the secret, of the API key that was presented and is valid; or ""

	Headers Values // nil: none. An http.Header is one
	Cookies Values // nil: none
	Token   Values // claims of a verified token as text; nil: none
	Cost    int64  // how many requests it counts as; 0 means 1
}

// Values looks up one text by name; "" when there is none.
type Values interface{ Get(name string) string }
