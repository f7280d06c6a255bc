package limits

import (
	"fmt"
	"maps"
	"net/netip"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/middleware/limit"
)

// Policies makes what the limiter understands of the configuration, in its
// order. A configuration without problems has no error here.
func (c *Config) Policies() ([]limit.Policy, error) {
	policies := make([]limit.Policy, len(c.Limits))
	for i := range c.Limits {
		p, err := c.Limits[i].policy()
		if err != nil {
			return nil, fmt.Errorf("limit %q: %w", c.Limits[i].Name, err)
		}
		policies[i] = p
	}
	return policies, nil
}

func (l *Limit) policy() (limit.Policy, error) {
	key, problems := l.keyParts()
	if err := problems.Err(); err != nil {
		return limit.Policy{}, err
	}
	p := limit.Policy{Name: l.Name, Key: key, Rate: l.Rate, Quota: l.Quota, Cost: l.Cost.cost()}
	if l.Burst != nil {
		p.Burst = *l.Burst
	}
	if l.Concurrency.Adaptive {
		p.Adapt = &limit.Adapt{Max: l.Concurrency.most()}
		if l.Concurrency.Min != nil {
			p.Adapt.Min = *l.Concurrency.Min
		}
	} else if l.Concurrency.Max != nil {
		p.InUse = *l.Concurrency.Max
	}
	if l.Mode != "" {
		if err := p.Mode.UnmarshalText([]byte(l.Mode)); err != nil {
			return limit.Policy{}, err
		}
	}
	if p.Mode == limit.Throttle {
		p.Queue = limit.DefaultQueue()
		if l.Queue.Depth != nil {
			p.Queue.Depth = *l.Queue.Depth
		}
		if l.Queue.Wait > 0 {
			p.Queue.Wait = l.Queue.Wait.Std()
		}
	}
	if l.Enforce != nil {
		p.Enforce = float64(*l.Enforce)
	}
	if l.OnOutage != "" {
		if err := p.OnOutage.UnmarshalText([]byte(l.OnOutage)); err != nil {
			return limit.Policy{}, err
		}
	}
	if l.Test.Count > 0 {
		test := l.Test
		p.Test = &test
	}
	exempt, err := exemption(l.Exempt)
	p.Exempt = exempt
	return p, err
}

func (c *Cost) cost() limit.Cost {
	cost := limit.Cost{ResponseHeader: c.ResponseHeader}
	fixed := int64(1)
	if c.Fixed != nil {
		fixed = *c.Fixed
	}
	if len(c.Operations) == 0 {
		cost.Fixed = fixed
		return cost
	}
	operations := maps.Clone(c.Operations)
	cost.Request = func(q *limit.Request) int64 {
		if own, known := operations[q.Operation]; known {
			return own
		}
		return fixed
	}
	return cost
}

// exemption joins exemptions; nil when there are none.
func exemption(list []Exemption) (func(*limit.Request) bool, error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // nil is nobody
	}
	var networks []netip.Prefix
	keys := map[string]bool{}
	var conditions []*Condition
	for i := range list {
		e := &list[i]
		switch {
		case e.APIKey != "":
			keys[e.APIKey] = true
		case e.Client != "":
			network, err := parseNetwork(e.Client)
			if err != nil {
				return nil, fmt.Errorf("exempt: %w", err)
			}
			networks = append(networks, network)
		case e.When != "":
			when, err := Compile(e.When)
			if err != nil {
				return nil, fmt.Errorf("exempt: %w", err)
			}
			conditions = append(conditions, when)
		}
	}
	return func(q *limit.Request) bool {
		if len(networks) > 0 && containsAddress(networks, q.Client) {
			return true
		}
		if len(keys) > 0 && q.APIKey != "" && keys[q.APIKey] {
			return true
		}
		for _, when := range conditions {
			if when.Holds(q) {
				return true
			}
		}
		return false
	}, nil
}

// compileTiers makes what the limiter understands of the tiers, in their order.
func (c *Config) compileTiers() ([]limit.Tier, error) {
	tiers := make([]limit.Tier, len(c.Tiers))
	for i := range c.Tiers {
		t := &c.Tiers[i]
		when, err := Compile(t.When)
		if err != nil {
			return nil, fmt.Errorf("tier %q: %w", t.Name, err)
		}
		tiers[i] = limit.Tier{Name: t.Name, Rates: t.Limits, Upstream: t.Upstream}
		if !when.Always() {
			tiers[i].When = when.Holds
		}
	}
	return tiers, nil
}

// Set is one configuration, compiled. It may be used before it is committed:
// the gateway makes its rules of it in the same reload.
type Set struct {
	config   Config
	limiter  *limit.Limiter
	policies []limit.Policy
	tiers    []limit.Tier
}

// newSet compiles a valid configuration for a limiter.
func newSet(c Config, limiter *limit.Limiter) (*Set, error) {
	policies, err := c.Policies()
	if err != nil {
		return nil, err
	}
	tiers, err := c.compileTiers()
	if err != nil {
		return nil, err
	}
	s := &Set{config: c, limiter: limiter, policies: policies, tiers: tiers}
	// What the limiter itself does not like, it says of each limit alone.
	var problems fault.Problems
	for i := range policies {
		if _, err := limiter.Compile(policies[i:i+1], tiers); err != nil {
			problems.Add(fmt.Sprintf("limits[%d]", i), "", "%s", err)
		}
	}
	return s, problems.Err()
}

// Names are the names of the limits, in the order of the file.
func (s *Set) Names() []string { return s.config.limitNames() }

// Rules compiles the limits with these names, in this order, with all tiers.
// Its error is a fault.Problem with the path [i] of the name it is about, or
// without a path. No names are no limits; tiers hold all the same.
func (s *Set) Rules(names []string) (*limit.Rules, error) {
	known := s.Names()
	var policies []limit.Policy
	for i, name := range names {
		at := -1
		for j := range known {
			if known[j] == name {
				at = j
			}
		}
		path := fmt.Sprintf("[%d]", i)
		if at < 0 {
			hint := fault.DidYouMean(name, known)
			if hint == "" {
				hint = "add it under limits:"
			}
			return nil, fault.Problem{Path: path, Message: fmt.Sprintf("there is no limit %q", name), Hint: hint}
		}
		for _, p := range policies {
			if p.Name == name {
				return nil, fault.Problem{Path: path, Message: fmt.Sprintf("limit %q is named twice", name), Hint: "remove one"}
			}
		}
		policies = append(policies, s.policies[at])
	}
	rules, err := s.limiter.Compile(policies, s.tiers)
	if err != nil {
		return nil, fault.Problem{Message: err.Error()}
	}
	return rules, nil
}

// outages are what limits do while the shared store is away, by name.
func (s *Set) outages() map[string]limit.Outage {
	outages := make(map[string]limit.Outage, len(s.policies))
	for i := range s.policies {
		outages[s.policies[i].Name] = s.policies[i].OnOutage
	}
	return outages
}
