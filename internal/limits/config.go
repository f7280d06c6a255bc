package limits

import (
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

// Config is what the file says about limits: its sections `limits:`, `tiers:`,
// `limiter:` and `redis:`.
type Config struct {
	Limits  []Limit
	Tiers   []Tier
	Limiter Limiter
	Redis   Redis
}

// Limit is one entry of the `limits:` section. A route of the gateway names the limits that hold for it.
type Limit struct {
	// Name of the limit, unique in the file. Clients see it in the RateLimit fields of answers. Example: per-client
	Name string `yaml:"name"`
	// Key says who is counted: client.address (IPv6 by /64), header.<name>, api_key, token.<claim>, cookie.<name>, operation, method or everyone; several are one key together. A request that lacks one is counted by its address. Default: client.address. Example: [api_key, operation]
	Key Key `yaml:"key"`
	// Rate is how many requests one key may make in a time. Example: 500/minute
	Rate limit.Rate `yaml:"rate"`
	// Burst is how many requests may come at once. Default: as many as `rate` says before its slash. Example: 50
	Burst *int64 `yaml:"burst"`
	// Quota is how many requests one key may make in a calendar minute, hour, day, week or month (UTC), counted from zero in each; several hold together. Example: [100000/day, 2000000/month]
	Quota Quota `yaml:"quota"`
	// Concurrency is how many requests of one key may be in work at the same time; with `adaptive`, how many of all keys together. Example: 20
	Concurrency Concurrency `yaml:"concurrency"`
	// Mode says what happens to the excess: reject, throttle or shadow. Rejected requests are answered with 429, throttled ones wait in a queue, shadow counts only. Default: reject.
	Mode string `yaml:"mode"`
	// Queue bounds the waiting of mode throttle, for each key. What does not fit is rejected.
	Queue Queue `yaml:"queue"`
	// Cost is how many requests one request counts as.
	Cost Cost `yaml:"cost"`
	// Enforce is the share of keys for which the limit is in force; for all others it is as in mode shadow. A key keeps its side. Default: 100%. Example: 10%
	Enforce *units.Share `yaml:"enforce"`
	// Exempt lists who is never counted. Example: [10.0.0.0/8, "key:internal", {when: 'path startsWith "/health"'}]
	Exempt []Exemption `yaml:"exempt"`
	// Test is a rate that is counted beside the real one and never in force: what would it do? Example: 300/minute
	Test limit.Rate `yaml:"test"`
	// OnOutage says what the limit means while the store of `redis` does not answer: local-share, local-full, open or closed. A share is the limit divided by the last known number of servers. Default: local-share.
	OnOutage string `yaml:"on_outage"`
}

// Key says who is counted. In the file it is one text or a list of texts.
type Key []string

// FromScalar reads the short form: `key: client.address`.
func (k *Key) FromScalar(text string) error {
	*k = Key{text}
	return nil
}

// Quota is how many requests may be made in windows of the calendar. In the file
// it is one text or a list of texts.
type Quota []limit.Quota

// FromScalar reads the short form: `quota: 100000/day`.
func (q *Quota) FromScalar(text string) error {
	one, err := limit.ParseQuota(text)
	*q = Quota{one}
	return err
}

// Concurrency is how many requests may be in work at the same time.
type Concurrency struct {
	// Max is the most requests in work at the same time: of one key, or with `adaptive` of all together. Default: none; with `adaptive`, 1000.
	Max *int64 `yaml:"max"`
	// Adaptive finds the limit by itself, for each upstream of tiers: it falls when answers become slower than they were, and rises again. What is over it is answered with 503.
	Adaptive bool `yaml:"adaptive"`
	// Min is what `adaptive` never goes below. Default: 4, with `adaptive`.
	Min *int64 `yaml:"min"`
}

// Queue bounds the waiting of a throttle.
type Queue struct {
	// Depth is the most requests of one key that wait. Default: 100, in mode throttle.
	Depth *int64 `yaml:"depth"`
	// Wait is the longest that a request waits; one that would wait longer is rejected at once. Default: 10s, in mode throttle.
	Wait units.Duration `yaml:"wait"`
}

// Cost is how many requests one request counts as.
type Cost struct {
	// Fixed is the cost of every request that is not in `operations`. Default: 1.
	Fixed *int64 `yaml:"fixed"`
	// Operations have a cost of their own, by method and route; 0 is free. Example: {"POST /reports": 20}
	Operations map[string]int64 `yaml:"operations"`
	// ResponseHeader is a header of the upstream's answer with the whole cost of the request; what it is more than was taken before is taken then. Example: X-Request-Cost
	ResponseHeader string `yaml:"response_header"`
}

// Exemption says who is never counted. One of its keys is given.
type Exemption struct {
	// Client is an address or a network. Example: 10.0.0.0/8
	Client string `yaml:"client"`
	// APIKey is the name of an API key. Example: internal
	APIKey string `yaml:"api_key"`
	// When is an expression, as in `tiers`. Example: 'token.role == "batch"'
	When string `yaml:"when"`
}

// Tier is one entry of the `tiers:` section: a level of subscription. The first one whose `when` holds is the request's.
type Tier struct {
	// Name of the tier, unique in the file. Example: pro
	Name string `yaml:"name"`
	// When is an expression over token, header, cookie, client, api_key, method, path and operation; "true" is everybody else. Example: 'token.plan == "pro"'
	When string `yaml:"when"`
	// Limits are rates of this tier, by the name of the limit; others stay as they are. Example: {per-client: 5000/minute}
	Limits map[string]limit.Rate `yaml:"limits"`
	// Upstream is the name of the route's upstreams that serve this tier. Default: default. Example: fast
	Upstream string `yaml:"upstream"`
}

// Limiter is the `limiter:` section: bounds of what all limits need together. A change needs a restart.
type Limiter struct {
	// Memory for what is counted: 16 bytes for each key of each limit. When it is full, the keys that are closest to being clean are forgotten. Default: 8MiB.
	Memory units.Size `yaml:"memory"`
	// Waiting is the most requests that wait in queues, all limits together. Default: 10000.
	Waiting int `yaml:"waiting"`
}

// Redis is the `redis:` section: a store by which several servers share limits and blocks.
type Redis struct {
	// URL of the store: redis://, rediss:// (TLS) or unix://. Default: none, each server counts for itself. Example: redis://10.0.0.5:6379/0
	URL string `yaml:"url"`
	// Username that the store asks for.
	Username string `yaml:"username"`
	// Password that the store asks for.
	Password secret.String `yaml:"password"`
	// PasswordFile holds the password.
	PasswordFile string `yaml:"password_file"`
	// Prefix of all keys in the store. Default: "lapwing:".
	Prefix string `yaml:"prefix"`
	// Timeout is how long a request may be held up by the store; after it, `on_outage` of its limits holds. Default: 20ms.
	Timeout units.Duration `yaml:"timeout"`
	// Leases lets a server take tokens of busy keys ahead of need, instead of asking for each request. More than a limit allows can then be let in by at most what all servers hold, a twentieth of a second's worth each. Default: true.
	Leases *bool `yaml:"leases"`
}

// FromScalar reads the short form: `redis: redis://10.0.0.5:6379`.
func (r *Redis) FromScalar(text string) error {
	r.URL = text
	return nil
}
