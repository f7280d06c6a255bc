package limit

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"
)

// FieldSetter is where fields go; an http.Header is one.
type FieldSetter interface{ Set(name, value string) }

// AppendFields sets the RateLimit-Policy and RateLimit fields of
// draft-ietf-httpapi-ratelimit-headers-10 and, on a rejection, Retry-After,
// which is never sooner than the t of a policy that rejects. Limits that are not
// enforced on the key are not told. It sets nothing when there is nothing to
// tell.
//
//	RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400
//	RateLimit: "burst";r=50;t=30;pk=:c29tZWJvZHk=:, "daily";r=900;t=3600
func AppendFields(h FieldSetter, d *Decision) {
	var buf [512]byte
	if d.N > 0 {
		if field := d.appendPolicies(buf[:0]); field != "" {
			h.Set("RateLimit-Policy", field)
			h.Set("RateLimit", string(d.appendLimits(buf[:0])))
		}
	}
	if d.Verdict == Refuse && d.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(d.retrySeconds(), 10))
	}
}

// appendPolicies is the value of RateLimit-Policy; buf is room to make it in.
func (d *Decision) appendPolicies(buf []byte) string {
	shown := 0
	for i := range d.N {
		if !d.States[i].Shadow {
			shown++
		}
	}
	if d.plan != nil && d.plan.field != "" && shown == d.plan.shown {
		return d.plan.field
	}
	for i := range d.N {
		s := &d.States[i]
		if s.Shadow {
			continue
		}
		if len(buf) > 0 {
			buf = append(buf, ", "...)
		}
		if s.item != "" {
			buf = append(buf, s.item...)
		} else {
			buf = appendPolicyItem(buf, s.Name, s.Limit, s.Unit, s.Window)
		}
	}
	return string(buf)
}

// appendLimits is the value of RateLimit.
func (d *Decision) appendLimits(to []byte) []byte {
	first := true
	for i := range d.N {
		s := &d.States[i]
		if s.Shadow {
			continue
		}
		if !first {
			to = append(to, ", "...)
		}
		first = false
		to = appendString(to, s.Name)
		to = append(to, ";r="...)
		to = appendInteger(to, min(s.Remaining, s.Limit))
		// t of a limit that has room says nothing to somebody who was rejected, and
		// could be later than Retry-After.
		if s.Reset > 0 && s.Unit != ConcurrentRequests && (d.Verdict != Refuse || s.Violated) {
			to = append(to, ";t="...)
			to = appendInteger(to, seconds(s.Reset))
		}
		if s.key != 0 && d.limiter != nil {
			to = append(to, ";pk="...)
			to = appendHash(to, d.limiter.hash.public(s.key))
		}
	}
	return to
}

// retrySeconds is Retry-After.
func (d *Decision) retrySeconds() int64 {
	after := seconds(d.RetryAfter)
	for i := range d.N {
		if s := &d.States[i]; s.Violated && !s.Shadow {
			after = max(after, seconds(s.Reset))
		}
	}
	return after
}

// seconds is d in whole seconds, not sooner.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}

// policyField is RateLimit-Policy when every policy applies and is enforced, and
// how many limits it has; "" when it is not always the same.
func policyField(policies []policy) (field string, shown int) {
	add := func(item string) bool {
		if shown > 0 {
			field += ", "
		}
		field += item
		shown++
		return item != ""
	}
	same := true
	for i := range policies {
		p := &policies[i]
		if !p.all {
			if p.enforce > 0 {
				same = false
			}
			continue
		}
		if p.rate != nil {
			add(p.rate.item)
		}
		for j := range p.quotas {
			same = add(p.quotas[j].item) && same
		}
		if p.inUseItem != "" {
			add(p.inUseItem)
		}
	}
	if !same {
		return "", shown
	}
	return field, shown
}

// policyItem is one item of RateLimit-Policy.
func policyItem(name string, quota int64, unit Unit, window time.Duration) string {
	return string(appendPolicyItem(nil, name, quota, unit, window))
}

func appendPolicyItem(to []byte, name string, quota int64, unit Unit, window time.Duration) []byte {
	to = appendString(to, name)
	to = append(to, ";q="...)
	to = appendInteger(to, quota)
	if unit != Requests {
		to = append(to, ";qu="...)
		to = appendString(to, unit.String())
	}
	if window > 0 {
		to = append(to, ";w="...)
		to = appendInteger(to, seconds(window))
	}
	return to
}

// appendString is a String of RFC 9651, section 4.1.6. What cannot be in one
// becomes a question mark; names of policies have been looked at before.
func appendString(to []byte, s string) []byte {
	to = append(to, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ' || c > '~':
			to = append(to, '?')
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}

// appendInteger is an Integer of RFC 9651, section 4.1.4, which has no more than
// 15 digits.
func appendInteger(to []byte, n int64) []byte {
	return strconv.AppendInt(to, min(max(n, -maxQuota), maxQuota), 10)
}

// appendHash is a Byte Sequence of RFC 9651, section 4.1.8.
func appendHash(to []byte, hash uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], hash)
	to = append(to, ':')
	to = base64.StdEncoding.AppendEncode(to, b[:])
	return append(to, ':')
}
