package limit

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Validate says what is wrong with the policy, or returns nil.
func (p *Policy) Validate() error {
	if err := p.validate(); err != nil {
		return fmt.Errorf("policy %.80q: %w", p.Name, err)
	}
	return nil
}

func (p *Policy) validate() error {
	if p.Name == "" || len(p.Name) > maxPolicyName || strings.ContainsFunc(p.Name, func(c rune) bool { return c < ' ' || c > '~' }) {
		return fmt.Errorf("a name is 1 to %d characters of ASCII", maxPolicyName)
	}
	for _, k := range p.Key {
		if err := k.Validate(); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	if p.Rate == (Rate{}) && len(p.Quota) == 0 && p.InUse == 0 && p.Adapt == nil {
		return errors.New("it limits nothing: give it a rate, a quota or a concurrency")
	}
	if p.Rate == (Rate{}) && p.Mode == Throttle {
		return errors.New("a throttle needs a rate: only that says when a waiting request may go on")
	}
	if p.Mode > Shadow {
		return fmt.Errorf("mode %d is not known", p.Mode)
	}
	if p.OnOutage > Closed {
		return fmt.Errorf("outage %d is not known", p.OnOutage)
	}
	if math.IsNaN(p.Enforce) || p.Enforce < 0 || p.Enforce > 1 {
		return fmt.Errorf("a share of %v cannot be enforced: it is from 0 to 1", p.Enforce)
	}
	if p.Burst < 0 || p.InUse < 0 || p.Cost.Fixed < 0 {
		return errors.New("burst, concurrency and cost cannot be negative")
	}
	if p.Queue.Depth < 0 || p.Queue.Wait < 0 {
		return errors.New("depth and wait of a queue cannot be negative")
	}
	for _, r := range [...]*Rate{&p.Rate, p.Test} {
		if r == nil || r == &p.Rate && *r == (Rate{}) {
			continue
		}
		if err := r.Validate(); err != nil {
			return err
		}
		if _, err := newRateLimit(p, *r); err != nil {
			return err
		}
	}
	if p.Adapt != nil {
		if err := p.Adapt.Validate(); err != nil {
			return err
		}
	}
	return p.validateQuotas()
}

func (p *Policy) validateQuotas() error {
	seen := make(map[Period]bool)
	for _, q := range p.Quota {
		switch {
		case q.Period < Minute || q.Period > Month:
			return fmt.Errorf("quota %d has no period", q.Count)
		case q.Count < 1 || q.Count > maxQuota:
			return fmt.Errorf("quota %s: the count must be from 1 to %d", q, int64(maxQuota))
		case seen[q.Period]:
			return fmt.Errorf("there are two quotas of a %s", q.Period)
		case p.Cost.Request == nil && p.Cost.Fixed > q.Count:
			return fmt.Errorf("a request costs %d, more than the quota %s", p.Cost.Fixed, q)
		}
		seen[q.Period] = true
	}
	return nil
}
