package uitest

import (
	"cmp"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// Traffic is a views.Traffic with invented requests of the last three hours. The
// fields may be set before it is used.
type Traffic struct {
	At         time.Time // now
	Slots      []traffic.Point
	Ops        []traffic.Operation // over an hour
	Did        []traffic.Policy
	Callers    []traffic.Client
	Sample     []traffic.Request // newest first
	OfTheLast5 traffic.Totals    // minutes
}

// Summary implements views.Traffic.
func (t *Traffic) Summary(from, to time.Time, most int, _ traffic.Filter) traffic.Summary {
	s := traffic.Summary{From: from, To: to}
	if first := t.Started(); from.Before(first) {
		s.From = first
	}
	step := 30 * time.Second
	for to.Sub(from) > step*time.Duration(max(most, 2)-1) && step < 10*time.Minute {
		step *= 2
	}
	for _, slot := range t.Slots {
		if slot.At.Before(from) || !slot.At.Before(to) {
			continue
		}
		at := slot.At.Truncate(step)
		if n := len(s.Points); n == 0 || !s.Points[n-1].At.Equal(at) {
			s.Points = append(s.Points, traffic.Point{At: at, Length: step})
		}
		p := &s.Points[len(s.Points)-1]
		for _, sum := range []*traffic.Totals{&p.Totals, &s.Totals} {
			add(sum, &slot.Totals)
		}
		p.Covered, s.Covered = p.Covered+slot.Length, s.Covered+slot.Length
		p.Waiting = max(p.Waiting, slot.Waiting)
		s.Waiting = max(s.Waiting, slot.Waiting)
	}
	if to.Sub(from) <= 5*time.Minute {
		s.Totals, s.Covered = t.OfTheLast5, s.To.Sub(s.From)
	}
	return s
}

func add(sum, t *traffic.Totals) {
	sum.Requests += t.Requests
	for i, n := range t.Status {
		sum.Status[i] += n
	}
	sum.Failed += t.Failed
	sum.Delayed += t.Delayed
	sum.Rejected += t.Rejected
	sum.Blocked += t.Blocked
	sum.P50, sum.P95, sum.P99 = max(sum.P50, t.P50), max(sum.P95, t.P95), max(sum.P99, t.P99)
}

// Operations implements views.Traffic.
func (t *Traffic) Operations(time.Time, time.Time, traffic.Filter) []traffic.Operation {
	return slices.Clone(t.Ops)
}

// Policies implements views.Traffic.
func (t *Traffic) Policies(time.Time, time.Time) []traffic.Policy { return slices.Clone(t.Did) }

// Clients implements views.Traffic.
func (t *Traffic) Clients(_ time.Duration, most int) []traffic.Client {
	list := slices.Clone(t.Callers)
	slices.SortStableFunc(list, func(a, b traffic.Client) int { return cmp.Compare(b.Requests, a.Requests) })
	return list[:min(most, len(list))]
}

// ClientByKey implements views.Traffic.
func (t *Traffic) ClientByKey(key string, _ time.Duration) (traffic.Client, bool) {
	for _, c := range t.Callers {
		if c.Key != key {
			continue
		}
		c.Operations = []traffic.ClientOperation{
			{API: "orders", Name: "GET /orders", Requests: c.Requests * 6 / 10, AtLeast: c.Requests * 6 / 10},
			{API: "orders", Name: "GET /orders/{id}", Requests: c.Requests * 3 / 10, AtLeast: c.Requests * 3 / 10},
			{API: "search", Name: "GET /suggest", Requests: c.Requests / 20, AtLeast: c.Requests / 25},
		}
		for m := range 60 {
			share := 1 + .4*math.Sin(float64(m)/7)
			if m == 59 { // the present one is not over
				share *= t.At.Sub(t.At.Truncate(time.Minute)).Minutes()
			}
			part := func(n uint64) uint64 { return uint64(float64(n) / 60 * share) }
			c.Points = append(c.Points, traffic.ClientPoint{
				At: t.At.Truncate(time.Minute).Add(time.Duration(m-59) * time.Minute), Requests: part(c.Requests),
				Status: [6]uint64{2: part(c.Status[2]), 4: part(c.Status[4]), 5: part(c.Status[5])}, Failed: part(c.Failed),
				Delayed: part(c.Delayed), Rejected: part(c.Rejected), Blocked: part(c.Blocked),
			})
		}
		return c, true
	}
	return traffic.Client{}, false
}

// Recent implements views.Traffic.
func (t *Traffic) Recent(f traffic.RequestFilter, most int) []traffic.Request {
	var list []traffic.Request
	for _, r := range t.Sample {
		if (f.Client == "" || f.Client == r.ClientKey) && (f.API == "" || f.API == r.API) && (f.Operation == "" || f.Operation == r.Operation) && len(list) < most {
			list = append(list, r)
		}
	}
	return list
}

// Now implements views.Traffic.
func (t *Traffic) Now() traffic.Live {
	return traffic.Live{At: t.At.UnixMilli(), Rate: 151, Rejected: 2, Waiting: 34, Active: 12}
}

// Started implements views.Traffic.
func (t *Traffic) Started() time.Time {
	if len(t.Slots) == 0 {
		return t.At
	}
	return t.Slots[0].At
}

// Limits is a views.Limits with what it is told.
type Limits struct {
	List    []limits.Description
	Waiters []limit.Waiter
}

// Describe implements views.Limits.
func (l *Limits) Describe() []limits.Description { return l.List }

// Waiting implements views.Limits.
func (l *Limits) Waiting(policy string, most int) []limit.Waiter {
	var list []limit.Waiter
	for _, w := range l.Waiters {
		if (policy == "" || w.Policy == policy) && len(list) < most {
			list = append(list, w)
		}
	}
	return list
}

// Upstreams is a views.Upstreams with what it is told.
type Upstreams []upstream.PoolStatus

// Snapshot implements views.Upstreams.
func (u Upstreams) Snapshot() []upstream.PoolStatus { return u }

// Rush is the traffic of the shop on a busy day: one client is throttled, one is
// blocked, one server is down, and refunds fail.
func Rush(now time.Time) *ui.Traffic {
	return &ui.Traffic{
		Requests: rushRequests(now), Limits: rushLimits(now), Blocks: RushBlocks(now), Upstreams: rushUpstreams(),
		Gateway: func() string { return "http://127.0.0.1:8480/" },
	}
}

func rushRequests(now time.Time) *Traffic {
	r := rand.New(rand.NewPCG(7, 11)) // #nosec G404 -- invented data
	t := &Traffic{At: now}
	const slots = 2*60*2 + 84 // two hours and 42 minutes of half minutes
	for i := range slots {
		at := now.Truncate(30 * time.Second).Add(time.Duration(i-slots+1) * 30 * time.Second)
		n := uint64(30 * (132 + 30*math.Sin(float64(i)/40) + 12*r.NormFloat64()/2))
		p := traffic.Point{At: at, Length: 30 * time.Second}
		p.Requests, p.Failed = n, n*(2+r.Uint64N(4))/1000
		if ago := slots - i; ago < 50 && ago > 8 {
			p.Failed = n * (12 + r.Uint64N(9)) / 1000
			p.Delayed, p.Rejected = n*6/100, n*(5+r.Uint64N(30))/1000
			p.Waiting = 20 + r.Int64N(25)
		}
		if ago := slots - i; ago < 130 && ago > 90 {
			p.Blocked = n * 4 / 100
		}
		client := n * 2 / 100
		p.Status = [6]uint64{2: n - p.Failed - p.Rejected - p.Blocked - client, 4: client + p.Rejected + p.Blocked, 5: p.Failed}
		wave := 1 + .2*math.Sin(float64(i)/30) + .1*r.Float64()
		p.P50, p.P95, p.P99 = time.Duration(9e6*wave), time.Duration(64e6*wave), time.Duration(210e6*wave*(1+.4*r.Float64()))
		t.Slots = append(t.Slots, p)
	}
	t.OfTheLast5 = traffic.Totals{
		Requests: 44_121, Status: [6]uint64{2: 41_204, 3: 12, 4: 2_305, 5: 600}, Failed: 612, Delayed: 2_480, Rejected: 812, Blocked: 95, Unauthorized: 40,
		P50: 9200 * time.Microsecond, P95: 71 * time.Millisecond, P99: 240 * time.Millisecond,
	}
	op := func(api, method, route string, n, failed, delayed, rejected uint64, p50, p95, p99 time.Duration) {
		name := method
		if route != "" {
			name += " " + route
		}
		o := traffic.Operation{API: api, Method: method, Route: route, Name: name}
		o.Requests, o.Failed, o.Delayed, o.Rejected, o.P50, o.P95, o.P99 = n, failed, delayed, rejected, p50, p95, p99
		t.Ops = append(t.Ops, o)
	}
	const ms = time.Millisecond
	op("orders", "GET", "/orders", 212_408, 201, 18_220, 6_204, 8*ms, 41*ms, 120*ms)
	op("orders", "GET", "/orders/{id}", 121_090, 94, 3_011, 822, 7*ms, 38*ms, 95*ms)
	op("search", "GET", "/suggest", 98_310, 12, 0, 0, 3*ms, 9*ms, 21*ms)
	op("orders", "POST", "/orders", 18_220, 61, 0, 12, 44*ms, 180*ms, 390*ms)
	op("orders", "POST", "/refunds", 2_104, 702, 0, 0, 61*ms, 2100*ms, 4800*ms)
	op("orders", "GET", "/reports/{month}", 841, 52, 0, 0, 812*ms, 2400*ms, 3900*ms)
	op("auth", "POST", "/oauth/token", 640, 0, 0, 31, 91*ms, 140*ms, 210*ms)
	op("orders", "GET", "", 4_512, 0, 0, 3_900, 0, 0, 0)
	t.Did = []traffic.Policy{
		{Kind: traffic.KindLimit, Name: "per-client", Delayed: 21_231, Waited: 21_231 * 410 * ms, Refused: 7_026},
		{Kind: traffic.KindLimit, Name: "logins", Refused: 31},
		{Kind: traffic.KindLimit, Name: "strict-search", Shadow: 1_204},
		{Kind: traffic.KindBlock, Name: "path-scan", Refused: 3_900},
	}
	t.Callers = rushClients(now)
	t.Sample = rushSample(now)
	return t
}

func rushClients(now time.Time) []traffic.Client {
	client := func(key, user, tier string, n, client, failed, delayed, rejected uint64, last time.Duration) traffic.Client {
		addr, err := netip.ParseAddr(key)
		if err != nil {
			addr = netip.MustParseAddr("198.51.100.23")
		}
		return traffic.Client{
			Key: key, Address: addr, User: user, Tier: tier, Agent: "orders-app/4.2 (iOS 19.1)", API: "orders",
			First: now.Add(-3 * time.Hour), Last: now.Add(-last), Requests: n, Failed: failed, Delayed: delayed, Rejected: rejected, BytesOut: n * 1830,
			Status: [6]uint64{2: n - client - failed - rejected, 4: client + rejected, 5: failed},
		}
	}
	busy := client("key:mobile-app", "mobile-app", "pro", 181_204, 2_301, 402, 0, 0, 0)
	held := client("203.0.113.7", "", "free", 48_310, 120, 12, 21_231, 7_026, time.Second)
	held.Policy, held.Held, held.Agent = "per-client", now.Add(-2*time.Second), "python-requests/2.33"
	scan := client("192.0.2.66", "", "free", 4_512, 612, 0, 0, 0, 4*time.Minute)
	scan.Blocked, scan.Agent = 3_900, "Mozilla/5.0 zgrab/0.x"
	scan.Status = [6]uint64{4: 4_512}
	return []traffic.Client{
		busy, held,
		client("sub:4711", "anna@example.com", "pro", 31_009, 80, 71, 0, 0, 3*time.Second),
		client("2001:db8:77:12::/64", "", "free", 12_840, 410, 31, 0, 0, 0),
		client("198.51.100.140", "", "free", 9_204, 55, 702, 0, 0, 12*time.Second),
		scan,
		client("sub:9002", "ci@example.com", "free", 1_340, 0, 0, 0, 0, 41*time.Minute),
	}
}

func rushSample(now time.Time) []traffic.Request {
	var list []traffic.Request
	add := func(ago time.Duration, method, path, operation, key string, status int, took time.Duration, with func(e *observe.Exchange)) {
		e := observe.Exchange{
			Time: now.Add(-ago), Duration: took, Source: observe.SourceGateway, API: "orders", Operation: operation, Method: method, Path: path,
			Status: status, ClientKey: key, Verdict: observe.Allowed,
		}
		if with != nil {
			with(&e)
		}
		list = append(list, traffic.Request{ID: 1000 - uint64(len(list)), Exchange: e})
	}
	const ms = time.Millisecond
	for round := range 4 {
		base := time.Duration(round) * 5 * time.Second
		add(base+200*ms, "GET", "/orders", "GET /orders", "key:mobile-app", 200, 9*ms, func(e *observe.Exchange) { e.Query = "limit=20" })
		add(base+310*ms, "GET", "/orders/88213", "GET /orders/{id}", "203.0.113.7", 200, 421*ms, func(e *observe.Exchange) {
			e.Verdict, e.Policy, e.Phases.Queued = observe.Delayed, "per-client", 412*ms
		})
		add(base+450*ms, "GET", "/orders", "GET /orders", "203.0.113.7", 429, 90*time.Microsecond, func(e *observe.Exchange) { e.Verdict, e.Policy = observe.Rejected, "per-client" })
		add(base+700*ms, "POST", "/refunds", "POST /refunds", "198.51.100.140", 502, 2100*ms, func(e *observe.Exchange) { e.Error = observe.ErrorReset })
		add(base+900*ms, "GET", "/wp-admin/setup-config.php", "", "192.0.2.66", 403, 40*time.Microsecond, func(e *observe.Exchange) { e.Verdict, e.Policy = observe.Blocked, "path-scan" })
		add(base+1200*ms, "GET", "/suggest", "GET /suggest", "2001:db8:77:12::/64", 200, 3*ms, func(e *observe.Exchange) { e.API, e.Query = "search", "q=tea" })
		add(base+1500*ms, "POST", "/orders", "POST /orders", "sub:4711", 401, 200*time.Microsecond, func(e *observe.Exchange) { e.Verdict, e.Policy = observe.Unauthorized, "jwt" })
		add(base+1700*ms, "GET", "/reports/2026-11", "GET /reports/{month}", "sub:9002", 0, 3200*ms, func(e *observe.Exchange) { e.Error = observe.ErrorClientGone })
	}
	return list
}

func rushLimits(now time.Time) *Limits {
	l := &Limits{List: []limits.Description{
		{PolicyStats: limit.PolicyStats{Name: "per-client", Mode: limit.Throttle, Allowed: 400_000, Delayed: 21_231, Waiting: 34}, Key: "client.address", Rule: "500/minute, 50 at once", Excess: "waits, at most 100 requests and 2s"},
		{PolicyStats: limit.PolicyStats{Name: "logins", Allowed: 640}, Key: "client.address", Rule: "10/minute", Excess: "rejected"},
		{PolicyStats: limit.PolicyStats{Name: "strict-search", Mode: limit.Shadow, Allowed: 98_310, Shadowed: 1_204}, Key: "token.sub", Rule: "60/minute", Excess: "counted only"},
		{PolicyStats: limit.PolicyStats{Name: "reports", InUse: 7, Bound: 12}, Key: "everyone", Rule: "as many at a time as the upstream bears", Excess: "rejected"},
	}}
	l.List[0].Rejected[limit.ReasonQueueFull], l.List[0].Rejected[limit.ReasonQueueWait] = 6_812, 214
	l.List[1].Rejected[limit.ReasonRate] = 31
	for i := range 34 {
		key := "203.0.113.7"
		if i%9 == 8 {
			key = "198.51.100.77"
		}
		l.Waiters = append(l.Waiters, limit.Waiter{
			Policy: "per-client", Key: key, Since: now.Add(-time.Duration(300-i*5) * time.Millisecond), Until: now.Add(time.Duration(40+i*45) * time.Millisecond),
		})
	}
	return l
}

func rushUpstreams() Upstreams {
	return Upstreams{
		{Name: "auth/default", Servers: []upstream.ServerStatus{{URL: "https://auth.internal:8443", State: upstream.Up}}},
		{Name: "orders/default", Breaker: "trying", Servers: []upstream.ServerStatus{
			{URL: "http://10.0.0.11:8000", State: upstream.Up, InWork: 7, Requests: 201_402, Failed: 88},
			{URL: "http://10.0.0.12:8000", State: upstream.Ejected, Why: "5 failures in a row: connection refused", Left: 18 * time.Second, Requests: 190_110, Failed: 702},
		}},
		{Name: "orders/fast", Servers: []upstream.ServerStatus{{URL: "http://10.0.0.21:8000", State: upstream.Returning, Left: 21 * time.Second, InWork: 1, Requests: 52_008, Failed: 4}}},
		{Name: "search/default", Servers: []upstream.ServerStatus{{URL: "http://10.0.0.31:9200", State: upstream.Up, InWork: 4, Requests: 98_310}}},
	}
}
