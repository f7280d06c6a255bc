package limits

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

// Description is one limit in words, with what it has done.
type Description struct {
	limit.PolicyStats // since the start

	Key    string // who is counted: "client.address", "api_key, operation"
	Rule   string // what is allowed: "500/minute, 50 at once"
	Excess string // what happens to the rest: "wait, at most 100 and 10s"
}

// Describe tells of the limits in force, in the order of the file.
func (m *Manager) Describe() []Description {
	set := m.Current()
	if set == nil {
		return nil
	}
	stats := map[string]limit.PolicyStats{}
	for _, s := range set.limiter.Snapshot() {
		stats[s.Name] = s
	}
	list := set.config.Describe()
	for i := range list {
		if s, known := stats[list[i].Name]; known {
			s.Mode = list[i].Mode
			list[i].PolicyStats = s
		}
	}
	return list
}

// Waiting returns who is throttled now, the next one first, at most most; of one
// limit, or of all ("").
func (m *Manager) Waiting(policy string, most int) []limit.Waiter {
	if l := m.Limiter(); l != nil {
		return l.Waiting(policy, most)
	}
	return nil
}

// Describe tells of the limits of a configuration; nothing has been counted.
func (c *Config) Describe() []Description {
	list := make([]Description, len(c.Limits))
	for i := range c.Limits {
		l := &c.Limits[i]
		p, err := l.policy()
		if err != nil {
			list[i].Name, list[i].Rule = l.Name, err.Error()
			continue
		}
		list[i] = Description{
			PolicyStats: limit.PolicyStats{Name: l.Name, Mode: p.Mode},
			Key:         describeKey(p.Key), Rule: describeRule(&p), Excess: describeExcess(&p),
		}
	}
	return list
}

func describeKey(parts []limit.KeyPart) string {
	if len(parts) == 0 {
		return everyone
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

func describeRule(p *limit.Policy) string {
	var parts []string
	if p.Rate.Count > 0 {
		parts = append(parts, p.Rate.String())
		if p.Burst > 0 {
			parts = append(parts, strconv.FormatInt(p.Burst, 10)+" at once")
		}
	}
	for _, q := range p.Quota {
		parts = append(parts, strconv.FormatInt(q.Count, 10)+" a "+q.Period.String())
	}
	if p.InUse > 0 {
		parts = append(parts, strconv.FormatInt(p.InUse, 10)+" at the same time")
	}
	if p.Adapt != nil {
		parts = append(parts, fmt.Sprintf("as many at the same time as upstreams bear, at most %d", p.Adapt.Max))
	}
	return strings.Join(parts, ", ")
}

func describeExcess(p *limit.Policy) string {
	text := "rejected"
	switch p.Mode {
	case limit.Throttle:
		text = fmt.Sprintf("wait, at most %d and %s", p.Queue.Depth, units.Duration(p.Queue.Wait))
	case limit.Shadow:
		return "counted only"
	case limit.Reject:
	}
	if p.Enforce > 0 && p.Enforce < 1 {
		text += fmt.Sprintf(", for %s of clients", units.Share(p.Enforce))
	}
	return text
}

// Explanation is what would happen to one request whose client has not made any
// before.
type Explanation struct {
	Tier     string        `json:"tier,omitempty"`
	Upstream string        `json:"upstream,omitempty"`
	Verdict  string        `json:"verdict"` // allow, delay or reject
	Policy   string        `json:"policy,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Shadow   string        `json:"shadow,omitempty"`
	Limits   []LimitStates `json:"limits"`
	Fields   []Field       `json:"fields"` // of the answer
}

// LimitStates is one limit for that request.
type LimitStates struct {
	Name   string  `json:"name"`
	Key    string  `json:"key"`              // who is counted
	Exempt bool    `json:"exempt,omitempty"` // the request is not counted
	Cost   int64   `json:"cost"`
	States []State `json:"states"`
}

// State is how one rate, quota or concurrency stands after the request.
type State struct {
	Name      string         `json:"name"`
	Limit     int64          `json:"limit"`
	Remaining int64          `json:"remaining"`
	Window    units.Duration `json:"window,omitempty"`
}

// Field is a header field of an answer.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type fieldList []Field

// Set implements limit.FieldSetter.
func (l *fieldList) Set(name, value string) { *l = append(*l, Field{name, value}) }

// Explain says what would happen to a request under the limits with these names.
// Nothing is counted: it asks a limiter of its own.
func (c *Config) Explain(ctx context.Context, names []string, q *limit.Request) (*Explanation, error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	set, err := newSet(*c, limit.New(limit.Options{Bytes: minMemory}))
	if err != nil {
		return nil, err
	}
	rules, err := set.Rules(names)
	if err != nil {
		return nil, err
	}
	var d limit.Decision
	rules.Decide(ctx, q, &d)
	defer d.Cancel()
	e := &Explanation{
		Tier: d.Tier, Upstream: d.Upstream, Verdict: d.Verdict.String(), Policy: d.Policy, Reason: d.Reason.String(), Shadow: d.Shadow,
		Limits: []LimitStates{}, Fields: []Field{},
	}
	for i := range set.policies {
		if p := &set.policies[i]; slices.Contains(names, p.Name) {
			e.Limits = append(e.Limits, statesOf(p, q, d.States[:d.N]))
		}
	}
	var fields fieldList
	limit.AppendFields(&fields, &d)
	e.Fields = append(e.Fields, fields...)
	return e, nil
}

// statesOf tells of one limit, of which states has the standing.
func statesOf(p *limit.Policy, q *limit.Request, states []limit.State) LimitStates {
	l := LimitStates{Name: p.Name, Key: whoIs(p.Key, q), Exempt: p.Exempt != nil && p.Exempt(q), Cost: p.Cost.Fixed, States: []State{}}
	if p.Cost.Request != nil {
		l.Cost = p.Cost.Request(q)
	}
	for i := range states {
		if name, _, _ := strings.Cut(states[i].Name, "."); name == p.Name {
			l.States = append(l.States, State{states[i].Name, states[i].Limit, states[i].Remaining, units.Duration(states[i].Window)})
		}
	}
	return l
}

// whoIs says who is counted, part by part.
func whoIs(parts []limit.KeyPart, q *limit.Request) string {
	if len(parts) == 0 {
		return everyone
	}
	address := q.Client.String()
	if !q.Client.IsValid() {
		address = "an unknown address"
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		kind, name, _ := strings.Cut(part.String(), ".")
		var value string
		switch kind {
		case "header":
			value = valueOf(q.Headers, name)
		case "cookie":
			value = valueOf(q.Cookies, name)
		case "token":
			value = valueOf(q.Token, name)
		case "api_key":
			value = q.APIKey
		case "operation":
			value = q.Operation
		case "method":
			value = q.Method
		case "api":
			value = q.API
		}
		switch {
		case kind == "client":
			texts[i] = part.String() + " " + address
		case value == "":
			texts[i] = "client.address " + address + " (no " + part.String() + ")"
		default:
			texts[i] = part.String() + " " + value
		}
	}
	return strings.Join(texts, ", ")
}

func valueOf(values limit.Values, name string) string {
	if values == nil {
		return ""
	}
	return values.Get(name)
}
