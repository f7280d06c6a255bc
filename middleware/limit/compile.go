package limit

import (
	"fmt"
	"time"
)

// plan is what is asked of the requests of one tier, or of those of none.
type plan struct {
	tier     string
	upstream string
	when     func(*Request) bool
	policies []policy
	field    string // RateLimit-Policy, when it is the same for all requests; "": it is not
	shown    int    // states that are in it
}

// policy is a Policy as it is applied in one plan.
type policy struct {
	conf    *Policy
	book    *book
	seed    uint64
	rate    *rateLimit // nil: none
	test    *rateLimit // nil: none
	quotas  []quotaLimit
	adapt   *adaptive // nil: none
	enforce uint64    // keys whose share is below are enforced
	all     bool      // every key is enforced
	queues  bool      // it throttles

	inUseName, inUseItem string
}

type rateLimit struct {
	spec                      RateSpec
	interval, tolerance, wait int64
	name, item                string
	window                    time.Duration
	limit                     int64 // in window
}

type quotaLimit struct {
	Quota
	name, item string // item is "" for a month, whose length is not always the same
}

const (
	// maxSpan bounds how far a TAT is from now: 18 years. Twice of it and the
	// time since the limiter began stay below what 63 bits can count.
	maxSpan = 1 << 59
	// maxDebt is how far a cost that is known afterwards brings a key into debt.
	maxDebt       = int64(day)
	maxPolicyName = 64
	wholeShare    = 1 << 32
)

// compile makes plans of policies and tiers, the plan without a tier last.
func (l *Limiter) compile(policies []Policy, tiers []Tier) ([]plan, error) {
	if len(policies) > MaxPolicies {
		return nil, fmt.Errorf("%d policies are too many for one request: at most %d", len(policies), MaxPolicies)
	}
	names := make(map[string]bool)
	for i := range policies {
		p := &policies[i]
		if err := p.Validate(); err != nil {
			return nil, err
		}
		if names[p.Name] {
			return nil, fmt.Errorf("policy %q is there twice: names must be different", p.Name)
		}
		names[p.Name] = true
	}
	var plans []plan
	tierNames := make(map[string]bool)
	for i := range tiers {
		t := &tiers[i]
		if t.Name == "" || tierNames[t.Name] {
			return nil, fmt.Errorf("tier %d is named %q: every tier needs a name of its own", i+1, t.Name)
		}
		tierNames[t.Name] = true
		made, err := l.plan(policies, t)
		if err != nil {
			return nil, fmt.Errorf("tier %q: %w", t.Name, err)
		}
		plans = append(plans, made)
	}
	last, err := l.plan(policies, &Tier{})
	if err != nil {
		return nil, err
	}
	return append(plans, last), nil
}

func (l *Limiter) plan(policies []Policy, t *Tier) (plan, error) {
	made := plan{tier: t.Name, upstream: t.Upstream, when: t.When}
	states := 0
	for i := range policies {
		p, err := l.policy(&policies[i], t)
		if err != nil {
			return plan{}, fmt.Errorf("policy %q: %w", policies[i].Name, err)
		}
		made.policies = append(made.policies, p)
		states += p.states()
	}
	if states > MaxStates {
		return plan{}, fmt.Errorf("%d rates, quotas and concurrency limits are too many for one request: at most %d", states, MaxStates)
	}
	made.field, made.shown = policyField(made.policies)
	return made, nil
}

func (l *Limiter) policy(conf *Policy, t *Tier) (policy, error) {
	own := *conf
	own.Key = append([]KeyPart(nil), conf.Key...)
	own.Quota = append([]Quota(nil), conf.Quota...)
	rate := own.Rate
	p := policy{conf: &own}
	identity := own.Name
	if tierRate, ok := t.Rates[own.Name]; ok {
		rate = tierRate
		identity += "\x00" + t.Name
		if rate != (Rate{}) {
			if err := rate.Validate(); err != nil {
				return policy{}, err
			}
		}
	}
	p.seed = max(l.hash.text(identity), 1)
	var err error
	if rate != (Rate{}) {
		if p.rate, err = newRateLimit(&own, rate); err != nil {
			return policy{}, err
		}
	}
	if own.Test != nil {
		if p.test, err = newRateLimit(&own, *own.Test); err != nil {
			return policy{}, fmt.Errorf("test: %w", err)
		}
	}
	for _, q := range own.Quota {
		made := quotaLimit{Quota: q, name: own.Name + "." + q.Period.String()}
		if q.Period != Month {
			start, end := q.Period.window(0)
			made.item = policyItem(made.name, q.Count, Requests, time.Duration(end-start)*time.Second)
		}
		p.quotas = append(p.quotas, made)
	}
	if own.InUse > 0 {
		p.inUseName = own.Name + ".running"
		p.inUseItem = policyItem(p.inUseName, own.InUse, ConcurrentRequests, 0)
	}
	if p.book, err = l.book(own.Name); err != nil {
		return policy{}, err
	}
	p.book.mode.Store(uint32(own.Mode))
	if own.Adapt != nil {
		p.adapt = p.book.adapt(t.Upstream, own.Adapt.withDefaults())
	}
	switch {
	case own.Mode == Shadow:
	case own.Enforce == 0 || own.Enforce == 1:
		p.all = true
	default:
		p.enforce = uint64(own.Enforce * wholeShare)
	}
	p.queues = own.Mode == Throttle && p.rate != nil
	return p, nil
}

func newRateLimit(p *Policy, r Rate) (*rateLimit, error) {
	burst := p.Burst
	if burst == 0 {
		burst = r.Count
	}
	interval := max(r.interval(), 1)
	if burst > maxSpan/interval {
		return nil, fmt.Errorf("a burst of %d at %s is an allowance of more than 18 years: lower the burst", burst, r)
	}
	if p.Cost.Request == nil && p.Cost.Fixed > burst {
		return nil, fmt.Errorf("a request costs %d, but no more than %d can come at once: lower the cost or raise the burst", p.Cost.Fixed, burst)
	}
	made := &rateLimit{interval: interval, tolerance: burst * interval, name: p.Name, window: r.Period, limit: r.Count}
	if p.Mode == Throttle {
		made.wait = ahead(p.Queue, interval)
	}
	made.spec = RateSpec{
		Rate: r, Burst: burst, Interval: time.Duration(interval),
		Tolerance: time.Duration(made.tolerance), Ahead: time.Duration(made.wait),
	}
	// A window of the field is whole seconds: others are told as the multiple
	// that is, or the next longer.
	if made.window%time.Second != 0 {
		seconds := (made.window + time.Second - 1) / time.Second * time.Second
		made.limit = max(int64(float64(r.Count)*float64(seconds)/float64(r.Period)), 1)
		made.window = seconds
	}
	made.item = policyItem(made.name, made.limit, Requests, made.window)
	return made, nil
}

// ahead is how long a request may wait in a queue.
func ahead(q Queue, interval int64) int64 {
	if q == (Queue{}) {
		q = DefaultQueue()
	}
	wait := int64(maxSpan)
	if q.Depth > 0 && q.Depth < wait/interval {
		wait = q.Depth * interval
	}
	if q.Wait > 0 {
		wait = min(wait, int64(q.Wait))
	}
	return wait
}

// enforces reports whether the policy is enforced on a key.
func (p *policy) enforces(h *hasher, key uint64) bool {
	if p.all {
		return true
	}
	return p.enforce > 0 && h.words(key, p.seed)>>32 < p.enforce
}

// states is how many states the policy has.
func (p *policy) states() int {
	n := len(p.quotas)
	if p.rate != nil {
		n++
	}
	if p.inUseName != "" {
		n++
	}
	return n
}
