package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"

	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
)

// Blocker knows who is on a block list.
type Blocker interface {
	// Blocked returns the entry that hits a client, by its address or by its key
	// ("key:mobile-app", "sub:4711"; "" while nobody knows it). Whom the list of
	// exceptions holds it MUST NOT return. It is called for every request: it MUST
	// NOT block.
	Blocked(addr netip.Addr, key string) (block.Entry, bool)
}

// Operations knows the operations of APIs.
type Operations interface {
	// Operation returns the route template of a request, "/orders/{id}", or "";
	// documented says that the API's document has it. The path is as the API sees
	// it, escaped and without the query. It is called for every request: it MUST
	// NOT block, and the number of different templates of an API MUST be bounded.
	Operation(api, method, path string) (template string, documented bool)
}

// Validator holds requests to the document of an API.
type Validator interface {
	// ValidateRequest returns why a request breaks its contract, in words that its
	// client may read; nil when it does not, or when there is no document. The URL
	// has the path that the API sees. body is nil for a body that was not read
	// because it is too large or no JSON.
	ValidateRequest(ctx context.Context, api, method string, u *url.URL, header http.Header, body []byte) error
}

// Around is what other parts of the product have made ready in the same reload
// as a Config.
type Around struct {
	// APIs are the base URLs of the configured APIs by name, "" for one without.
	APIs map[string]string
	// LimitNames are the names in `limits`, for hints.
	LimitNames []string
	// Rules compiles the limits of a route, tiers included. It is called once for
	// each route, with no names for one without limits. nil: there are none.
	Rules func(names []string) (*limit.Rules, error)
	// Dir is the folder that relative file names are on.
	Dir string
}
