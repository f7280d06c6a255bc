package limits

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

// Bounds of what can be configured.
const (
	maxNameLength = 64
	maxBurst      = 1 << 40
	maxWait       = units.Duration(10 * time.Minute)
	minTimeout    = units.Duration(time.Millisecond)
	maxTimeout    = units.Duration(time.Second)
	minMemory     = 64 << 10 // bytes
	maxMemory     = 64 << 30 // bytes
)

// The words of mode and on_outage.
const (
	modeReject, modeThrottle, modeShadow = "reject", "throttle", "shadow"

	outageLocalShare, outageLocalFull = "local-share", "local-full"
	outageOpen, outageClosed          = "open", "closed"
)

// Validate reports what is wrong, with paths relative to the file.
func (c *Config) Validate() fault.Problems {
	var problems fault.Problems
	names := c.limitNames()
	for i := range c.Limits {
		problems.Merge(fmt.Sprintf("limits[%d]", i), c.Limits[i].Validate())
	}
	repeated(&problems, "limits", len(c.Limits), func(i int) string { return c.Limits[i].Name })
	for i := range c.Tiers {
		problems.Merge(fmt.Sprintf("tiers[%d]", i), c.Tiers[i].validate(c.Limits, names))
	}
	repeated(&problems, "tiers", len(c.Tiers), func(i int) string { return c.Tiers[i].Name })
	c.validateOrder(&problems)
	problems.Merge("limiter", c.Limiter.Validate())
	problems.Merge("redis", c.Redis.Validate())
	return problems
}

func (c *Config) limitNames() []string {
	names := make([]string, len(c.Limits))
	for i := range c.Limits {
		names[i] = c.Limits[i].Name
	}
	return names
}

// repeated reports names that are given twice.
func repeated(problems *fault.Problems, list string, n int, name func(int) string) {
	first := map[string]int{}
	for i := range n {
		if name(i) == "" {
			continue
		}
		if earlier, found := first[name(i)]; found {
			problems.Add(fmt.Sprintf("%s[%d].name", list, i), "choose another", "%q is the name of %s[%d] already", name(i), list, earlier)
			continue
		}
		first[name(i)] = i
	}
}

// validateOrder finds tiers that no request can reach: the first match wins.
func (c *Config) validateOrder(problems *fault.Problems) {
	seen := map[string]string{}
	everybody := ""
	for i := range c.Tiers {
		t := &c.Tiers[i]
		path := fmt.Sprintf("tiers[%d].when", i)
		when, err := Compile(t.When)
		switch {
		case err != nil:
			continue // reported by the tier itself
		case everybody != "":
			problems.Add(path, fmt.Sprintf("move it before %q", everybody), "no request reaches tier %q: the earlier tier %q takes everybody", t.Name, everybody)
		case when.Never():
			problems.Add(path, "remove the tier, or say who it is for", "no request reaches tier %q", t.Name)
		case seen[strings.TrimSpace(t.When)] != "":
			problems.Add(path, "the first match wins; remove one of them", "no request reaches tier %q: the earlier tier %q has the same condition", t.Name, seen[strings.TrimSpace(t.When)])
		}
		if when.Always() && everybody == "" {
			everybody = t.Name
		}
		seen[strings.TrimSpace(t.When)] = t.Name
	}
}

// validName reports whether a name can be shown to clients in a header field
// and to people in a metric. A point would make it look like one of its quotas.
func validName(name string) bool {
	if name == "" || len(name) > maxNameLength {
		return false
	}
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		default:
			return false
		}
	}
	return true
}

func checkName(problems *fault.Problems, name, example string) {
	switch {
	case name == "":
		problems.Add("name", "add one, such as "+example, "it has no name")
	case !validName(name):
		problems.Add("name", fmt.Sprintf("use letters, digits, - and _, %d at most", maxNameLength), "%q is not a name", name)
	}
}

// Validate reports what is wrong with one limit.
func (l *Limit) Validate() fault.Problems {
	var problems fault.Problems
	checkName(&problems, l.Name, "per-client")
	if _, err := l.keyParts(); err != nil {
		problems = append(problems, err...)
	}
	if l.Rate.Count == 0 && len(l.Quota) == 0 && l.Concurrency.empty() {
		problems.Add("", "give it a rate such as 500/minute, a quota or a concurrency", "it limits nothing")
	}
	l.validateRate(&problems)
	l.validateQuota(&problems)
	problems.Merge("concurrency", l.Concurrency.Validate())
	l.validateMode(&problems)
	l.validateCost(&problems)
	if l.Enforce != nil && *l.Enforce == 0 {
		problems.Add("enforce", "write mode: shadow", "a limit that is enforced for nobody is a shadow")
	}
	for i := range l.Exempt {
		problems.Merge(fmt.Sprintf("exempt[%d]", i), l.Exempt[i].Validate())
	}
	oneOf(&problems, "on_outage", l.OnOutage, outageLocalShare, outageLocalFull, outageOpen, outageClosed)
	return problems
}

// oneOf checks a word; "" is the default.
func oneOf(problems *fault.Problems, path, word string, words ...string) {
	if word == "" || slices.Contains(words, word) {
		return
	}
	hint := fault.DidYouMean(word, words)
	if hint == "" {
		hint = "use " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	}
	problems.Add(path, hint, "unknown word %q", word)
}

// everyone is the key of all requests together.
const everyone = "everyone"

// keyParts reads the key. The problems have paths relative to the limit.
func (l *Limit) keyParts() ([]limit.KeyPart, fault.Problems) {
	var problems fault.Problems
	if len(l.Key) == 0 {
		return []limit.KeyPart{limit.ClientAddress()}, nil
	}
	if len(l.Key) == 1 && l.Key[0] == everyone {
		return nil, nil
	}
	var parts []limit.KeyPart
	for i, text := range l.Key {
		path := "key"
		if len(l.Key) > 1 {
			path = fmt.Sprintf("key[%d]", i)
		}
		switch {
		case text == everyone:
			problems.Add(path, "remove the other parts, or this one", "everyone is a key of its own")
		case slices.Contains(l.Key[:i], text):
			problems.Add(path, "remove one", "%s is given twice", text)
		default:
			part, err := limit.ParseKeyPart(text)
			if err != nil {
				problems.Add(path, keyHint(text), "%s", err)
				continue
			}
			parts = append(parts, part)
		}
	}
	return parts, problems
}

// keyHint says what a key that cannot be read was perhaps meant to be.
func keyHint(text string) string {
	switch strings.ToLower(text) {
	case "ip", "client", "address", "client.ip", "remote_addr":
		return "write client.address"
	case "all", "global", "everybody":
		return "write " + everyone
	}
	if kind, name, found := strings.Cut(text, "."); found && name != "" && slices.Contains([]string{"headers", "cookies", "tokens", "claim", "jwt"}, kind) {
		kind = map[string]string{"headers": "header", "cookies": "cookie"}[kind]
		return "write " + cmp.Or(kind, "token") + "." + name
	}
	return fault.DidYouMean(text, []string{"client.address", "api_key", "operation", "method", "api", everyone})
}

func (l *Limit) validateRate(problems *fault.Problems) {
	switch {
	case l.Burst == nil:
	case l.Rate.Count == 0:
		problems.Add("burst", "add a rate such as 500/minute", "a burst needs a rate")
	case *l.Burst < 1:
		problems.Add("burst", "write 1 or more", "a burst of %d lets nothing through", *l.Burst)
	case *l.Burst > maxBurst:
		problems.Add("burst", "", "a burst of %d is too large", *l.Burst)
	}
	if l.Test.Count != 0 && l.Rate.Count == 0 {
		problems.Add("test", "add a rate, or use a limit of its own in mode shadow", "a test stands beside a rate, and there is none")
	}
}

func (l *Limit) validateMode(problems *fault.Problems) {
	oneOf(problems, "mode", l.Mode, modeReject, modeThrottle, modeShadow)
	if l.Mode == modeThrottle && l.Rate.Count == 0 {
		problems.Add("mode", "add a rate such as 500/minute, or use mode: reject", "there is no rate to slow requests down to")
	}
	if l.Mode != modeThrottle && (l.Queue.Depth != nil || l.Queue.Wait != 0) {
		problems.Add("queue", "write mode: throttle, or remove the queue", "requests wait in mode throttle only")
	}
	if l.Queue.Depth != nil && *l.Queue.Depth < 1 {
		problems.Add("queue.depth", "write 1 or more, or use mode: reject", "in a queue of %d nothing can wait", *l.Queue.Depth)
	}
	if l.Queue.Wait < 0 || l.Queue.Wait > maxWait {
		problems.Add("queue.wait", fmt.Sprintf("write a time up to %s; clients give up long before", maxWait), "%s is not a wait", l.Queue.Wait)
	}
}

func (l *Limit) validateCost(problems *fault.Problems) {
	burst := l.Rate.Count
	if l.Burst != nil {
		burst = *l.Burst
	}
	check := func(path string, cost, least int64) {
		switch {
		case cost < least:
			problems.Add(path, fmt.Sprintf("write %d or more", least), "%d is not a cost", cost)
		case l.Rate.Count > 0 && cost > burst:
			problems.Add(path, "raise the burst, or lower the cost", "a cost of %d can never be paid: the burst is %d", cost, burst)
		}
	}
	if l.Cost.Fixed != nil {
		check("cost.fixed", *l.Cost.Fixed, 1)
	}
	for _, operation := range slices.Sorted(maps.Keys(l.Cost.Operations)) {
		check("cost.operations."+operation, l.Cost.Operations[operation], 0)
		method, route, found := strings.Cut(operation, " ")
		if !found || method != strings.ToUpper(method) || !strings.HasPrefix(route, "/") {
			problems.Add("cost.operations."+operation, `write a method and a route: "POST /reports"`, "%q is not an operation", operation)
		}
	}
	if header := l.Cost.ResponseHeader; header != "" && !validHeader(header) {
		problems.Add("cost.response_header", "write a name such as X-Request-Cost", "%q is not the name of a header", header)
	}
}

// validHeader reports whether a name is a token of RFC 9110.
func validHeader(name string) bool {
	for _, r := range name {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return name != ""
}

// validateQuota finds quotas that are impossible or without effect.
func (l *Limit) validateQuota(problems *fault.Problems) {
	for i, q := range l.Quota {
		path := "quota"
		if len(l.Quota) > 1 {
			path = fmt.Sprintf("quota[%d]", i)
		}
		if q.Count > maxBurst {
			problems.Add(path, "", "a quota of %d is too large", q.Count)
		}
		for _, other := range l.Quota[:i] {
			shorter, longer := q, other
			if shorter.Period > longer.Period {
				shorter, longer = longer, shorter
			}
			switch {
			case q.Period == other.Period:
				problems.Add(path, "keep one of them", "two quotas are for a %s", q.Period)
			case shorter.Count >= longer.Count:
				problems.Add(path, "lower it, or remove it", "the quota of a %s is never used up, as that of a %s is not larger", shorter.Period, longer.Period)
			}
		}
	}
}

func (c *Concurrency) empty() bool { return c.Max == nil && !c.Adaptive }

// Validate reports what is wrong with a limit of concurrency.
func (c *Concurrency) Validate() fault.Problems {
	var problems fault.Problems
	if c.Max != nil && (*c.Max < 1 || *c.Max > maxBurst) {
		problems.Add("max", "write 1 or more", "with a maximum of %d nothing gets through", *c.Max)
	}
	switch {
	case c.Min == nil:
	case !c.Adaptive:
		problems.Add("min", "write adaptive: true, or remove it", "a fixed limit has no minimum")
	case *c.Min < 1:
		problems.Add("min", "write 1 or more", "a minimum of %d lets nothing through", *c.Min)
	case *c.Min > c.most():
		problems.Add("min", "", "the minimum %d is above the maximum %d", *c.Min, c.most())
	}
	return problems
}

// FromScalar reads the short form: `concurrency: 20`.
func (c *Concurrency) FromScalar(text string) error {
	if text == "adaptive" {
		*c = Concurrency{Adaptive: true}
		return nil
	}
	most, err := wholeNumber(text)
	if err != nil {
		return fmt.Errorf("%w; write a number such as 20, or adaptive", err)
	}
	*c = Concurrency{Max: &most}
	return nil
}

// FromScalar reads the short form: `cost: 5`.
func (c *Cost) FromScalar(text string) error {
	fixed, err := wholeNumber(text)
	if err != nil {
		return fmt.Errorf("%w; write a number such as 5", err)
	}
	*c = Cost{Fixed: &fixed}
	return nil
}

// FromScalar reads the short form: an address, a network or `key:NAME`.
func (e *Exemption) FromScalar(text string) error {
	*e = Exemption{}
	if name, found := strings.CutPrefix(text, "key:"); found {
		e.APIKey = name
		return nil
	}
	if _, err := parseNetwork(text); err != nil {
		return fmt.Errorf("%q is neither an address nor a network; write 10.0.0.0/8, key:NAME or {when: EXPRESSION}", text)
	}
	e.Client = text
	return nil
}

// Validate reports what is wrong with an exemption.
func (e *Exemption) Validate() fault.Problems {
	var problems fault.Problems
	given := 0
	for _, text := range []string{e.Client, e.APIKey, e.When} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		problems.Add("", "give one of client, api_key and when", "it says %s", map[bool]string{true: "nobody", false: "more than one thing"}[given == 0])
	}
	if e.Client != "" {
		if _, err := parseNetwork(e.Client); err != nil {
			problems.Add("client", "write 10.0.0.5 or 10.0.0.0/8", "%q is neither an address nor a network", e.Client)
		}
	}
	if e.When != "" {
		addCondition(&problems, e.When)
	}
	return problems
}

// addCondition reports what is wrong with the text of a `when`.
func addCondition(problems *fault.Problems, text string) {
	_, err := Compile(text)
	if m, ok := errors.AsType[*Mistake](err); ok {
		*problems = append(*problems, fault.Problem{Path: "when", Message: m.Message, Hint: m.Hint, Offset: m.Offset, Excerpt: m.Excerpt})
	} else if err != nil {
		problems.Add("when", "", "%s", err)
	}
}

func (t *Tier) validate(limits []Limit, names []string) fault.Problems {
	var problems fault.Problems
	checkName(&problems, t.Name, "pro")
	if strings.TrimSpace(t.When) == "" {
		problems.Add("when", `write a condition such as token.plan == "pro", or "true" for everybody else`, "it does not say who is in the tier")
	} else {
		addCondition(&problems, t.When)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Limits)) {
		path := "limits." + name
		i := slices.Index(names, name)
		switch {
		case i < 0:
			hint := fault.DidYouMean(name, names)
			if hint == "" && len(names) == 0 {
				hint = "add it under limits:"
			} else if hint == "" {
				hint = "the limits are " + strings.Join(names, ", ")
			}
			problems.Add(path, hint, "there is no limit %q", name)
		case limits[i].Rate.Count == 0:
			problems.Add(path, "give the limit a rate of its own first", "limit %q has no rate that a tier could replace", name)
		case t.Limits[name].Count == 0:
			problems.Add(path, "write a rate such as 5000/minute", "the rate is missing")
		}
	}
	if t.Upstream != "" && !validName(t.Upstream) {
		problems.Add("upstream", "write the name of upstreams of the route, such as fast", "%q is not a name", t.Upstream)
	}
	return problems
}

// Validate reports what is wrong with the bounds.
func (l *Limiter) Validate() fault.Problems {
	var problems fault.Problems
	if l.Memory != 0 && (l.Memory < minMemory || l.Memory > maxMemory) {
		problems.Add("memory", "write a size such as 8MiB; 64KiB holds 4,000 keys", "%s is not between %s and %s", l.Memory, units.Size(minMemory), units.Size(maxMemory))
	}
	if l.Waiting < 0 || l.Waiting > 1_000_000 {
		problems.Add("waiting", "write a number such as 10000", "%d is not between 0 and 1000000", l.Waiting)
	}
	return problems
}

// Validate reports what is wrong with the store's settings.
func (r *Redis) Validate() fault.Problems {
	var problems fault.Problems
	if r.URL == "" {
		if r.Username != "" || !r.Password.IsZero() || r.PasswordFile != "" || r.Prefix != "" || r.Timeout != 0 || r.Leases != nil {
			problems.Add("", "add url: redis://127.0.0.1:6379, or remove the section", "it says how to use a store, and not which")
		}
		return problems
	}
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		problems.Add("url", "write redis://127.0.0.1:6379", "it is not a URL") // the error could quote a password
	case !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme):
		problems.Add("url", "write redis://127.0.0.1:6379, rediss:// for TLS or unix:// for a socket", "scheme %q is not one of Redis", u.Scheme)
	case u.Scheme != "unix" && u.Hostname() == "":
		problems.Add("url", "write redis://127.0.0.1:6379", "it names no host")
	case u.Scheme != "unix" && !validPort(u.Port()):
		problems.Add("url", "write a port from 1 to 65535, as in redis://127.0.0.1:6379", "%.20q is not a port", u.Port())
	case u.Scheme == "unix" && u.Path == "":
		problems.Add("url", "write unix:///run/redis/redis.sock", "it names no socket")
	default:
		_, inURL := u.User.Password()
		if inURL && (!r.Password.IsZero() || r.PasswordFile != "") {
			problems.Add("url", "keep one of them", "the password is in the URL and beside it")
		}
	}
	if !r.Password.IsZero() && r.PasswordFile != "" {
		problems.Add("password_file", "keep one of them", "password and password_file are both given")
	}
	if r.Timeout != 0 && (r.Timeout < minTimeout || r.Timeout > maxTimeout) {
		problems.Add("timeout", "write a time such as 20ms", "%s is not between %s and %s", r.Timeout, minTimeout, maxTimeout)
	}
	if len(r.Prefix) > maxNameLength || strings.ContainsAny(r.Prefix, "{} \t\r\n") {
		problems.Add("prefix", `write something such as "lapwing:"`, "%q is not a prefix", r.Prefix)
	}
	return problems
}

// most is the largest number of requests in work.
func (c *Concurrency) most() int64 {
	if c.Max != nil {
		return *c.Max
	}
	return adaptiveMost
}

// adaptiveMost bounds an adaptive limit that says no maximum.
const adaptiveMost = 1000

// validPort reports whether a port can be connected to; none is Redis's own.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// wholeNumber reads a number that stands alone.
func wholeNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a whole number", text)
	}
	return n, nil
}
