package blocks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/clientip"
)

// Config is the `blocks:` section: who may never be blocked, and which abuse is noticed.
type Config struct {
	// Allow lists whom no block may hit, besides this machine, the trusted proxies of the gateway and the addresses of its upstreams: addresses, networks, key:NAME of an API key or sub:SUBJECT of a token. Example: [10.0.0.0/8, "key:internal"]
	Allow []block.Target `yaml:"allow"`
	// Rules notice clients by what is answered to them. The built-in ones are path-scan, auth-guessing and limit-hammering; an entry with one of these names changes it.
	Rules []Rule `yaml:"rules"`
	// PerHour is the most blocks that rules may set in an hour; beyond it they propose. It keeps an attacker with many addresses, and a mistake in a rule, from shutting everybody out. Default: 100.
	PerHour *int `yaml:"per_hour"`
	// IPv6Prefix is the network that rules take for one client of IPv6, in bits: what a provider gives to one subscriber. Default: 64.
	IPv6Prefix *int `yaml:"ipv6_prefix"`
}

// Rule says when a client is noticed.
type Rule struct {
	// Name of the rule, unique. Example: auth-guessing
	Name string `yaml:"name"`
	// Status of answers that count. Example: [401, 403]
	Status Statuses `yaml:"status"`
	// Count is how many such answers in the time `within` are too many. Example: 20
	Count int `yaml:"count"`
	// Paths is how many different paths they must be about; scanners ask for many, a client with an outdated link for one. Without it the paths do not matter, except to path-scan, which wants 15.
	Paths int `yaml:"paths"`
	// Within is the time in which they are counted. Default: 1m.
	Within units.Duration `yaml:"within"`
	// For is how long the client is blocked. Without it 10m, and 1h by path-scan.
	For units.Duration `yaml:"for"`
	// Mode says what the rule does: off, propose, shadow or block. Proposals wait for somebody; shadow blocks are only counted. Default: propose.
	Mode string `yaml:"mode"`
}

// Statuses are HTTP statuses. In the file they are one number or a list.
type Statuses []int

// FromScalar reads the short form: `status: 404`.
func (s *Statuses) FromScalar(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is not an HTTP status; write 404", text)
	}
	*s = Statuses{n}
	return nil
}

// The modes of a rule.
const (
	modeOff     = "off"
	modePropose = "propose"
	modeShadow  = "shadow"
	modeBlock   = "block"
)

const (
	defaultPerHour    = 100
	defaultIPv6Prefix = clientip.DefaultIPv6Bits
	defaultWithin     = units.Duration(60e9)
	defaultFor        = 10 * defaultWithin
	maxWithin         = 60 * defaultWithin
	maxRules          = 64
	maxPaths          = 200 // what the estimate of different paths can tell
)

// BuiltIn are the rules that hold without being written. They only propose.
func BuiltIn() []Rule {
	return []Rule{
		{Name: "path-scan", Status: Statuses{404, 405}, Count: 20, Paths: 15, Within: defaultWithin, For: 6 * defaultFor, Mode: modePropose},
		{Name: "auth-guessing", Status: Statuses{401, 403}, Count: 30, Paths: 1, Within: defaultWithin, For: defaultFor, Mode: modePropose},
		{Name: "limit-hammering", Status: Statuses{429}, Count: 300, Paths: 1, Within: defaultWithin, For: defaultFor, Mode: modePropose},
	}
}

// rules are the built-in ones as the configuration changes them, and its own.
func (c *Config) rules() []Rule {
	list := BuiltIn()
	for _, r := range c.Rules {
		if i := slices.IndexFunc(list, func(b Rule) bool { return b.Name == r.Name }); i >= 0 {
			list[i] = r.over(list[i])
			continue
		}
		list = append(list, r.over(Rule{Paths: 1, Within: defaultWithin, For: defaultFor, Mode: modePropose}))
	}
	return list
}

// over fills what the rule does not say from another.
func (r Rule) over(base Rule) Rule {
	if len(r.Status) == 0 {
		r.Status = base.Status
	}
	if r.Count == 0 {
		r.Count = base.Count
	}
	if r.Paths == 0 {
		r.Paths = base.Paths
	}
	if r.Within == 0 {
		r.Within = base.Within
	}
	if r.For == 0 {
		r.For = base.For
	}
	if r.Mode == "" {
		r.Mode = base.Mode
	}
	return r
}

// Validate reports what is wrong in the section.
func (c *Config) Validate() fault.Problems {
	var ps fault.Problems
	if c.PerHour != nil && *c.PerHour < 0 {
		ps.Add("per_hour", "0 lets rules set none", "%d is less than nothing", *c.PerHour)
	}
	if p := c.IPv6Prefix; p != nil && (*p < 32 || *p > 128) {
		ps.Add("ipv6_prefix", "write 64, or 56 or 48 where providers give that much", "%d is not a length from 32 to 128", *p)
	}
	if len(c.Rules) > maxRules {
		ps.Add("rules", "", "%d rules are more than %d", len(c.Rules), maxRules)
		return ps
	}
	seen := map[string]int{}
	for i := range c.Rules {
		r := &c.Rules[i]
		path := fmt.Sprintf("rules[%d]", i)
		ps.Merge(path, r.validate())
		if first, taken := seen[r.Name]; taken && r.Name != "" {
			ps.Add(path+".name", "", "name %q is taken by rules[%d]", r.Name, first)
			continue
		}
		seen[r.Name] = i
	}
	return ps
}

func (r *Rule) validate() fault.Problems {
	var ps fault.Problems
	whole, builtIn := *r, false
	var names []string
	for _, b := range BuiltIn() {
		names = append(names, b.Name)
		if b.Name == r.Name {
			whole, builtIn = r.over(b), true
		}
	}
	switch {
	case r.Name == "":
		ps.Add("name", "give the rule a short name, such as auth-guessing", "the name is missing")
	case len(r.Name) > 64 || strings.ContainsFunc(r.Name, notInName):
		ps.Add("name", "use letters, digits, dashes and dots", "%.70q is not a name", r.Name)
	}
	for i, status := range r.Status {
		if status < 400 || status > 599 {
			ps.Add(fmt.Sprintf("status[%d]", i), "write one from 400 to 599", "%d is no answer that tells of abuse", status)
		}
	}
	if hint := fault.DidYouMean(r.Name, names); hint != "" && !builtIn && (len(r.Status) == 0 || r.Count == 0) {
		ps.Add("name", hint, "there is no built-in rule %q to change", r.Name)
		builtIn = true // what it lacks is not missing
	}
	if len(r.Status) == 0 && !builtIn {
		ps.Add("status", "write status: [401, 403]", "the rule does not say which answers count")
	}
	if r.Count < 0 || r.Count == 0 && !builtIn || r.Count > 1_000_000 {
		ps.Add("count", "write how many answers are too many, such as 20", "%d is not a count from 1 to 1000000", r.Count)
	}
	if r.Paths < 0 || r.Paths > maxPaths {
		ps.Add("paths", "", "%d is out of range; want 1 to %d", r.Paths, maxPaths)
	}
	if whole.Paths > whole.Count && whole.Count > 0 {
		ps.Add("paths", "write at most "+strconv.Itoa(whole.Count), "%d different paths cannot be in %d answers", whole.Paths, whole.Count)
	}
	if r.Within < 0 || r.Within > maxWithin {
		ps.Add("within", "", "%s is out of range; want up to %s", r.Within, maxWithin)
	}
	if r.For < 0 {
		ps.Add("for", "", "%s is less than nothing", r.For)
	}
	if modes := []string{modeOff, modePropose, modeShadow, modeBlock}; r.Mode != "" && !slices.Contains(modes, r.Mode) {
		hint := fault.DidYouMean(r.Mode, modes)
		if hint == "" {
			hint = "write off, propose, shadow or block"
		}
		ps.Add("mode", hint, "%q is not a mode", r.Mode)
	}
	return ps
}

func notInName(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '.', r == '_':
		return false
	}
	return true
}
