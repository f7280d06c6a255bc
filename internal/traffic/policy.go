package traffic

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"lapwing.dev/lapwing/middleware/observe"
)

// PolicyKind says what a policy decides.
type PolicyKind string

// The kinds.
const (
	KindLimit PolicyKind = "limit" // of the `limits:` section
	KindBlock PolicyKind = "block" // a block, by the rule that set it
	KindAuth  PolicyKind = "auth"  // a scheme of authentication
)

// policy counts what one policy did to requests since the start.
type policy struct {
	kind PolicyKind
	name string

	delayed, refused, shadow atomic.Uint64
	waited                   atomic.Uint64        // nanoseconds in its queue
	recorded                 [policyCounts]uint64 // what the history has of it already; under its lock
}

type policyKey struct {
	kind PolicyKind
	name string
}

// maxPolicies bounds the policies that are told apart; names come from the
// configuration, or from a middleware that may say anything.
const maxPolicies = 256

// policies finds counters without a lock, as operations does.
type policies struct {
	byKey atomic.Pointer[map[policyKey]*policy]
	list  atomic.Pointer[[]*policy] // in the order of their first decision
	mu    sync.Mutex                // held to add
}

func newPolicies() *policies {
	ps := &policies{}
	ps.byKey.Store(&map[policyKey]*policy{})
	ps.list.Store(&[]*policy{})
	return ps
}

// observe counts who decided about an exchange; most were decided by nobody.
func (ps *policies) observe(e *observe.Exchange) {
	if e.Shadow != "" {
		if p := ps.of(policyKey{KindLimit, e.Shadow}); p != nil {
			p.shadow.Add(1)
		}
	}
	var kind PolicyKind
	switch e.Verdict {
	case observe.Delayed, observe.Rejected:
		kind = KindLimit
	case observe.Blocked:
		kind = KindBlock
	case observe.Unauthorized:
		kind = KindAuth
	default:
		return
	}
	p := ps.of(policyKey{kind, e.Policy})
	switch {
	case p == nil:
	case e.Verdict == observe.Delayed:
		p.delayed.Add(1)
		p.waited.Add(uint64(max(e.Phases.Queued, 0)))
	default:
		p.refused.Add(1)
	}
}

// of returns the counters, nil when there is no room.
func (ps *policies) of(key policyKey) *policy {
	known := *ps.byKey.Load()
	if p := known[key]; p != nil {
		return p
	}
	if len(known) >= maxPolicies || len(key.name) > maxName {
		return nil
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	known = *ps.byKey.Load()
	if p := known[key]; p != nil || len(known) >= maxPolicies {
		return p
	}
	key.name = strings.Clone(key.name)
	p := &policy{kind: key.kind, name: label(key.name)}
	grown := make(map[policyKey]*policy, len(known)+1)
	maps.Copy(grown, known)
	grown[key] = p
	list := *ps.list.Load()
	longer := append(slices.Clip(list), p)
	ps.list.Store(&longer)
	ps.byKey.Store(&grown)
	return p
}
