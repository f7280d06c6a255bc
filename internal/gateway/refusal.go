package gateway

import (
	"net/http"

	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// refusal is one kind of answer that the gateway gives itself. Type and code are
// stable: programs decide on them.
type refusal struct {
	status  int
	kind    string // the problem's type, a URI
	code    string
	title   string
	detail  string // when there is nothing to say about the request itself
	verdict observe.Verdict
	err     observe.ErrorClass
}

// problemBase is what types of problems begin with that are not registered.
const problemBase = "https://lapwing.dev/problems/"

func newRefusal(status int, code, title, detail string, verdict observe.Verdict) *refusal {
	return &refusal{status: status, kind: problemBase + code, code: code, title: title, detail: detail, verdict: verdict}
}

// failure is a refusal of a request that was let in but could not be served.
func failure(status int, code, title, detail string, err observe.ErrorClass) *refusal {
	r := newRefusal(status, code, title, detail, "")
	r.err = err
	return r
}

// registered is a refusal with a problem type of the IANA registry
// (draft-ietf-httpapi-ratelimit-headers).
func registered(status int, kind, code, title string) *refusal {
	return &refusal{status: status, kind: kind, code: code, title: title, verdict: observe.Rejected}
}

// The refusals.
var (
	refusedPath         = newRefusal(http.StatusBadRequest, "ambiguous-path", "The path can be understood in more than one way", "", observe.Invalid)
	refusedHost         = newRefusal(http.StatusBadRequest, "invalid-host", "The host is not one", "the header Host (over HTTP/2 :authority) takes a name or an address, and perhaps a port", observe.Invalid)
	refusedBody         = newRefusal(http.StatusBadRequest, "invalid-body", "The body is malformed", "the body did not arrive as its headers said", observe.Invalid)
	refusedContract     = newRefusal(http.StatusBadRequest, "contract-violation", "The request is not what the API's document allows", "", observe.Invalid)
	refusedInquiry      = newRefusal(http.StatusBadRequest, "incomplete-inquiry", "The proxy did not say what it asks about", "", observe.Invalid)
	refusedUnauthorized = newRefusal(http.StatusUnauthorized, "unauthorized", "Valid credentials are needed", "", observe.Unauthorized)
	refusedBlocked      = newRefusal(http.StatusForbidden, "blocked", "This client is blocked", "if you think that this is a mistake, tell the request id to whoever runs the API", observe.Blocked)
	refusedInquirer     = newRefusal(http.StatusForbidden, "not-a-trusted-proxy", "Only trusted proxies may ask", "add the proxy's address to trusted_proxies of the gateway", observe.Invalid)
	refusedNoRoute      = newRefusal(http.StatusNotFound, "no-route", "There is nothing here", "no route leads anywhere from this host and path", observe.Invalid)
	refusedMethod       = newRefusal(http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", "the header Allow lists the methods", observe.Invalid)
	refusedSlow         = newRefusal(http.StatusRequestTimeout, "body-too-slow", "The body took too long to arrive", "", observe.Invalid)
	refusedLarge        = newRefusal(http.StatusRequestEntityTooLarge, "body-too-large", "The body is too large", "", observe.Invalid)

	refusedQuota    = registered(http.StatusTooManyRequests, limit.ProblemQuotaExceeded, "quota-exceeded", "Too many requests")
	refusedCapacity = registered(http.StatusServiceUnavailable, limit.ProblemReducedCapacity, "temporary-reduced-capacity", "Not enough capacity right now")

	refusedKeys    = newRefusal(http.StatusServiceUnavailable, "auth-unavailable", "Credentials cannot be verified right now", "the same request may work later", observe.Unauthorized)
	failedInternal = failure(http.StatusInternalServerError, "internal", "Something went wrong in the gateway", "this is a defect; the log has the cause, with the request id", observe.ErrorInternal)
	failedUpstream = failure(http.StatusBadGateway, "upstream-failed", "The API did not answer properly", "the connection to it failed, or what it answered was not HTTP", "")
	failedNone     = failure(http.StatusServiceUnavailable, "upstream-unavailable", "The API is not available", "none of its servers can be asked right now", "")
	failedTimeout  = failure(http.StatusGatewayTimeout, "upstream-timeout", "The API did not answer in time", "", "")
)

// refusals lists all, for documentation.
func refusals() []*refusal {
	return []*refusal{
		refusedPath, refusedHost, refusedBody, refusedContract, refusedInquiry, refusedUnauthorized, refusedBlocked, refusedInquirer,
		refusedNoRoute, refusedMethod, refusedSlow, refusedLarge, refusedQuota, refusedCapacity, refusedKeys,
		failedInternal, failedUpstream, failedNone, failedTimeout,
	}
}
