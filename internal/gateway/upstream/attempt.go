package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// attempt is the way of one exchange through the servers of a pool.
type attempt struct {
	pool   *Pool
	tried  serverSet
	n      int
	member *member // whose slot is held; nil between attempts
	last   *member
}

// next picks the server of the next attempt and takes a slot of it.
func (a *attempt) next(ctx context.Context) (*member, error) {
	i := a.pool.pick(&a.tried)
	if i < 0 {
		return nil, errAllTried // not reached: mayRepeat asks first
	}
	a.tried.add(i)
	m := &a.pool.members[i]
	if err := m.server.slots.take(ctx, &a.pool.cfg.Connections); err != nil {
		return nil, err
	}
	a.member, a.last = m, m
	a.n++
	m.server.requests.Add(1)
	return m, nil
}

var errAllTried = errors.New("every server was tried")

// leave gives the slot back.
func (a *attempt) leave() {
	if a.member != nil {
		a.member.server.slots.give(&a.pool.cfg.Connections)
		a.member = nil
	}
}

// settle tells how the present attempt went.
func (a *attempt) settle(status int, err error, class observe.ErrorClass) {
	if a.member != nil {
		v := judge(status, err, !serversFault(class))
		why := ""
		if v == poor || v == failed {
			why = reason(status, err)
		}
		a.pool.settle(a.member, v, why)
	}
}

// end completes the result and tells the breaker how the exchange went.
func (a *attempt) end(res *Result) {
	a.leave()
	res.Attempts = a.n
	if a.last != nil {
		res.Upstream = a.last.origin
	}
	if res.Error == observe.ErrorNoUpstream && res.RetryAfter == 0 {
		res.RetryAfter = time.Second
	}
	v := good
	switch {
	case !serversFault(res.Error):
		v = void
	case res.Error != observe.NoError:
		v = failed
	case unavailable(res.Status):
		v = poor
	}
	a.pool.standing.breaker.record(v, a.pool.registry.now())
}

// serversFault reports whether an exchange that ended so says anything of the server.
func serversFault(class observe.ErrorClass) bool {
	switch class {
	case observe.ErrorClientGone, observe.ErrorRequestBody, observe.ErrorInternal, observe.ErrorNoUpstream:
		return false
	}
	return true
}

// mayRepeat reports whether a failed attempt is repeated on another server,
// and takes the retry out of the budget. unread says that the body can be sent
// (again) from its beginning.
func (a *attempt) mayRepeat(r *http.Request, err error, unread bool) bool {
	if !unread || !serversFault(classify(r.Context(), err)) {
		return false
	}
	if _, unsent := errors.AsType[*dialError](err); !unsent && !idempotent(r) {
		return false
	}
	return a.another()
}

// worthAnother reports whether an answer is dropped to ask another server. Not
// one that says when to come back: more requests would not help it.
func (a *attempt) worthAnother(r *http.Request, status int, retryAfter, unread bool) bool {
	if status < 500 || retryAfter || !unread || !idempotent(r) || !slices.Contains(a.pool.cfg.Retries.Statuses, status) {
		return false
	}
	return r.Context().Err() == nil && a.another()
}

func (a *attempt) another() bool {
	if a.n > a.pool.cfg.Retries.Max || a.pool.pick(&a.tried) < 0 {
		return false
	}
	if !a.pool.standing.budget.withdraw(a.pool.registry.now()) {
		a.pool.standing.denied.Add(1)
		return false
	}
	a.pool.standing.retries.Add(1)
	return true
}

// idempotent reports requests that may be made twice (RFC 9110 §9.2.2), or whose
// client says that the server knows a repeated one.
func idempotent(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return len(r.Header["Idempotency-Key"]) > 0
}

// target is the URL of a request at a server.
func (m *member) target(r *http.Request, out *Outbound) *url.URL {
	scheme := m.url.Scheme
	if scheme == "h2c" {
		scheme = "http"
	}
	path, query, hasQuery := splitTarget(r, out)
	path = m.rawPath + path
	u := &url.URL{Scheme: scheme, Host: m.host, RawQuery: query, ForceQuery: hasQuery && query == ""}
	if decoded, err := url.PathUnescape(path); err == nil && strings.HasPrefix(path, "//") {
		u.Path, u.RawPath = decoded, path // as Opaque it would look like an authority
		return u
	}
	u.Opaque = path // written as it is: nothing is decoded and encoded again
	return u
}
