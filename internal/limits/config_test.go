package limits

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

func perMinute(n int64) limit.Rate { return limit.PerMinute(n) }

// goodConfig is the configuration of the manual.
func goodConfig() Config {
	return Config{
		Limits: []Limit{
			{
				Name: "per-client", Key: Key{"client.address"}, Rate: perMinute(500), Burst: new(int64(50)),
				Mode: "throttle", Queue: Queue{Depth: new(int64(100)), Wait: units.Duration(2 * time.Second)},
			},
			{Name: "reports", Key: Key{"api_key", "operation"}, Quota: Quota{{Count: 100, Period: limit.Day}, {Count: 2000, Period: limit.Month}}, Cost: Cost{Operations: map[string]int64{"POST /reports": 20}}},
			{Name: "work", Key: Key{"everyone"}, Concurrency: Concurrency{Adaptive: true}, Exempt: []Exemption{{Client: "10.0.0.0/8"}, {APIKey: "internal"}, {When: `path startsWith "/health"`}}},
			{Name: "tried", Rate: perMinute(1), Mode: "shadow", OnOutage: "open"},
		},
		Tiers: []Tier{
			{Name: "pro", When: `token.plan == "pro"`, Limits: map[string]limit.Rate{"per-client": perMinute(5000)}, Upstream: "fast"},
			{Name: "free", When: "true"},
		},
		Redis: Redis{URL: "redis://10.0.0.5:6379/0", PasswordFile: "secrets/redis"},
	}
}

func TestAGoodConfiguration(t *testing.T) {
	c := goodConfig()
	if err := c.Validate().Err(); err != nil {
		t.Errorf("the configuration of the manual: %v", err)
	}
	if err := (&Config{}).Validate().Err(); err != nil {
		t.Errorf("no configuration: %v", err)
	}
}

func TestMistakesOfConfigurations(t *testing.T) {
	with := func(change func(*Limit)) Config {
		l := Limit{Name: "a", Rate: perMinute(10)}
		change(&l)
		return Config{Limits: []Limit{l}}
	}
	tier := func(ts ...Tier) Config {
		return Config{Limits: []Limit{{Name: "per-client", Rate: perMinute(10)}, {Name: "daily", Quota: Quota{{Count: 5, Period: limit.Day}}}}, Tiers: ts}
	}
	for _, c := range []struct {
		config Config
		want   string
	}{
		{with(func(l *Limit) { l.Name = "" }), `limits[0].name: it has no name; add one, such as per-client`},
		{with(func(l *Limit) { l.Name = "a b" }), `limits[0].name: "a b" is not a name; use letters, digits, - and _, 64 at most`},
		{with(func(l *Limit) { l.Rate = limit.Rate{} }), `limits[0]: it limits nothing; give it a rate such as 500/minute, a quota or a concurrency`},
		{with(func(l *Limit) { l.Burst = new(int64(0)) }), `limits[0].burst: a burst of 0 lets nothing through; write 1 or more`},
		{with(func(l *Limit) { l.Key = Key{"everyone", "method"} }), `limits[0].key[0]: everyone is a key of its own; remove the other parts, or this one`},
		{with(func(l *Limit) { l.Key = Key{"method", "method"} }), `limits[0].key[1]: method is given twice; remove one`},
		{with(func(l *Limit) { l.Mode = "throtle" }), `limits[0].mode: unknown word "throtle"; did you mean "throttle"?`},
		{with(func(l *Limit) { l.Mode = "delete" }), `limits[0].mode: unknown word "delete"; use reject, throttle or shadow`},
		{with(func(l *Limit) { l.Mode, l.Rate, l.Concurrency.Max = "throttle", limit.Rate{}, new(int64(3)) }), `limits[0].mode: there is no rate to slow requests down to; add a rate such as 500/minute, or use mode: reject`},
		{with(func(l *Limit) { l.Queue.Depth = new(int64(3)) }), `limits[0].queue: requests wait in mode throttle only; write mode: throttle, or remove the queue`},
		{with(func(l *Limit) { l.Mode, l.Queue.Depth = "throttle", new(int64(0)) }), `limits[0].queue.depth: in a queue of 0 nothing can wait; write 1 or more, or use mode: reject`},
		{with(func(l *Limit) { l.Mode, l.Queue.Wait = "throttle", units.Duration(time.Hour) }), `limits[0].queue.wait: 1h is not a wait; write a time up to 10m; clients give up long before`},
		{with(func(l *Limit) { l.Cost.Fixed = new(int64(0)) }), `limits[0].cost.fixed: 0 is not a cost; write 1 or more`},
		{with(func(l *Limit) { l.Cost.Fixed = new(int64(11)) }), `limits[0].cost.fixed: a cost of 11 can never be paid: the burst is 10; raise the burst, or lower the cost`},
		{with(func(l *Limit) { l.Cost.Operations = map[string]int64{"reports": 2} }), `limits[0].cost.operations.reports: "reports" is not an operation; write a method and a route: "POST /reports"`},
		{with(func(l *Limit) { l.Cost.ResponseHeader = "X Cost" }), `limits[0].cost.response_header: "X Cost" is not the name of a header; write a name such as X-Request-Cost`},
		{with(func(l *Limit) { l.Enforce = new(units.Share(0)) }), `limits[0].enforce: a limit that is enforced for nobody is a shadow; write mode: shadow`},
		{with(func(l *Limit) { l.Exempt = []Exemption{{}} }), `limits[0].exempt[0]: it says nobody; give one of client, api_key and when`},
		{with(func(l *Limit) { l.Exempt = []Exemption{{Client: "home"}} }), `limits[0].exempt[0].client: "home" is neither an address nor a network; write 10.0.0.5 or 10.0.0.0/8`},
		{with(func(l *Limit) { l.Exempt = []Exemption{{When: "tokn"}} }), `limits[0].exempt[0].when: unknown name "tokn"; did you mean "token"?`},
		{with(func(l *Limit) { l.OnOutage = "local" }), `limits[0].on_outage: unknown word "local"; use local-share, local-full, open or closed`},
		{with(func(l *Limit) { l.Concurrency.Min = new(int64(3)) }), `limits[0].concurrency.min: a fixed limit has no minimum; write adaptive: true, or remove it`},
		{with(func(l *Limit) { l.Quota = Quota{{Count: 5, Period: limit.Day}, {Count: 5, Period: limit.Month}} }), `limits[0].quota[1]: the quota of a day is never used up, as that of a month is not larger; lower it, or remove it`},
		{with(func(l *Limit) { l.Quota = Quota{{Count: 5, Period: limit.Day}, {Count: 6, Period: limit.Day}} }), `limits[0].quota[1]: two quotas are for a day; keep one of them`},
		{with(func(l *Limit) {
			l.Rate, l.Quota, l.Test = limit.Rate{}, Quota{{Count: 5, Period: limit.Day}}, perMinute(1)
		}), `limits[0].test: a test stands beside a rate, and there is none; add a rate, or use a limit of its own in mode shadow`},
		{Config{Limits: []Limit{{Name: "a", Rate: perMinute(1)}, {Name: "a", Rate: perMinute(1)}}}, `limits[1].name: "a" is the name of limits[0] already; choose another`},
		{tier(Tier{Name: "pro"}), `tiers[0].when: it does not say who is in the tier; write a condition such as token.plan == "pro", or "true" for everybody else`},
		{tier(Tier{Name: "pro", When: "token.plan = 1"}), `tiers[0].when: unexpected "="; write == to compare`},
		{tier(Tier{Name: "pro", When: `true`, Limits: map[string]limit.Rate{"per-cleint": perMinute(1)}}), `tiers[0].limits.per-cleint: there is no limit "per-cleint"; did you mean "per-client"?`},
		{tier(Tier{Name: "pro", When: `true`, Limits: map[string]limit.Rate{"daily": perMinute(1)}}), `tiers[0].limits.daily: limit "daily" has no rate that a tier could replace; give the limit a rate of its own first`},
		{tier(Tier{Name: "free", When: `true`}, Tier{Name: "pro", When: `method == "GET"`}), `tiers[1].when: no request reaches tier "pro": the earlier tier "free" takes everybody; move it before "free"`},
		{tier(Tier{Name: "a", When: `method == "GET"`}, Tier{Name: "b", When: `method == "GET"`}), `tiers[1].when: no request reaches tier "b": the earlier tier "a" has the same condition; the first match wins; remove one of them`},
		{tier(Tier{Name: "a", When: `false`}), `tiers[0].when: no request reaches tier "a"; remove the tier, or say who it is for`},
		{Config{Redis: Redis{Prefix: "x"}}, `redis: it says how to use a store, and not which; add url: redis://127.0.0.1:6379, or remove the section`},
		{Config{Redis: Redis{URL: "http://a"}}, `redis.url: scheme "http" is not one of Redis; write redis://127.0.0.1:6379, rediss:// for TLS or unix:// for a socket`},
		{Config{Redis: Redis{URL: "redis://"}}, `redis.url: it names no host; write redis://127.0.0.1:6379`},
		{Config{Redis: Redis{URL: "redis://a:65536"}}, `redis.url: "65536" is not a port; write a port from 1 to 65535, as in redis://127.0.0.1:6379`},
		{Config{Redis: Redis{URL: "rediss://:x@a:0/1"}}, `redis.url: "0" is not a port; write a port from 1 to 65535, as in redis://127.0.0.1:6379`},
		{Config{Redis: Redis{URL: "redis://:x@[::1"}}, `redis.url: it is not a URL; write redis://127.0.0.1:6379`},
		{Config{Redis: Redis{URL: "redis://:x@a", Password: secret.New("y")}}, `redis.url: the password is in the URL and beside it; keep one of them`},
		{Config{Redis: Redis{URL: "redis://a", Timeout: units.Duration(time.Minute)}}, `redis.timeout: 1m is not between 1ms and 1s; write a time such as 20ms`},
		{Config{Redis: Redis{URL: "redis://a", Prefix: "{a}"}}, `redis.prefix: "{a}" is not a prefix; write something such as "lapwing:"`},
		{Config{Limiter: Limiter{Memory: 10}}, `limiter.memory: 10B is not between 64KiB and 64GiB; write a size such as 8MiB; 64KiB holds 4,000 keys`},
		{Config{Limiter: Limiter{Waiting: -1}}, `limiter.waiting: -1 is not between 0 and 1000000; write a number such as 10000`},
	} {
		if diff := cmp.Diff(c.want, c.config.Validate().Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestAMistakeInAConditionHasItsPlace(t *testing.T) {
	c := Config{Tiers: []Tier{{Name: "pro", When: `method == "GET" and tokn.plan == "pro"`}}}
	want := fault.Problems{{
		Path: "tiers[0].when", Message: `unknown name "tokn"`, Hint: `did you mean "token"?`, Offset: 20,
		Excerpt: "  method == \"GET\" and tokn.plan == \"pro\"\n                      ^^^^",
	}}
	if diff := cmp.Diff(want, c.Validate()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestShortForms(t *testing.T) {
	var l Limit
	for _, err := range []error{
		l.Key.FromScalar("api_key"), l.Quota.FromScalar("100/day"), l.Concurrency.FromScalar("20"), l.Cost.FromScalar("5"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := Limit{Key: Key{"api_key"}, Quota: Quota{{Count: 100, Period: limit.Day}}, Concurrency: Concurrency{Max: new(int64(20))}, Cost: Cost{Fixed: new(int64(5))}}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var adaptive Concurrency
	if err := adaptive.FromScalar("adaptive"); err != nil || !adaptive.Adaptive {
		t.Errorf("adaptive: %+v, %v", adaptive, err)
	}
	for text, want := range map[string]Exemption{"10.0.0.0/8": {Client: "10.0.0.0/8"}, "::1": {Client: "::1"}, "key:internal": {APIKey: "internal"}} {
		var e Exemption
		if err := e.FromScalar(text); err != nil || e != want {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
	for name, err := range map[string]error{
		"quota": new(Quota).FromScalar("100"), "concurrency": new(Concurrency).FromScalar("many"), "cost": new(Cost).FromScalar("1.5"),
		"exemption": new(Exemption).FromScalar("home"),
	} {
		if err == nil || !strings.Contains(err.Error(), "write") {
			t.Errorf("%s: the error %v does not say what to write", name, err)
		}
	}
}

func TestDescriptions(t *testing.T) {
	c := goodConfig()
	var got []string
	for _, d := range c.Describe() {
		got = append(got, fmt.Sprintf("%s | %s | %s | %s", d.Name, d.Key, d.Rule, d.Excess))
	}
	want := []string{
		"per-client | client.address | 500/minute, 50 at once | wait, at most 100 and 2s",
		"reports | api_key, operation | 100 a day, 2000 a month | rejected",
		"work | everyone | as many at the same time as upstreams bear, at most 1000 | rejected",
		"tried | client.address | 1/minute | counted only",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKeysThatOtherProductsHaveAreTranslated(t *testing.T) {
	for key, want := range map[string]string{
		"client.adress": `did you mean "client.address"?`, "apikey": `did you mean "api_key"?`, "everybody": "write everyone",
		"ip": "write client.address", "global": "write everyone", "headers.X-Key": "write header.X-Key", "jwt.plan": "write token.plan", "claim.sub": "write token.sub",
	} {
		c := Config{Limits: []Limit{{Name: "a", Key: Key{key}, Rate: limit.PerSecond(1)}}}
		problems := c.Validate()
		if len(problems) != 1 || problems[0].Path != "limits[0].key" || problems[0].Hint != want {
			t.Errorf("%s: %v; want the hint %s", key, problems, want)
		}
	}
}
