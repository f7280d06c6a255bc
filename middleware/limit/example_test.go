package limit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
)

// Every client may come five times at once and then once a second.
func Example() {
	limiter := limit.New(limit.Options{})
	rules, err := limiter.Compile([]limit.Policy{{
		Name:  "default",
		Key:   []limit.KeyPart{limit.ClientAddress()},
		Rate:  limit.PerMinute(60),
		Burst: 5,
	}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	request := limit.Request{Method: "GET", Path: "/orders", Client: netip.MustParseAddr("203.0.113.7")}
	var d limit.Decision
	for range 6 {
		rules.Decide(context.Background(), &request, &d)
		fmt.Println(d.Verdict)
		d.Done(limit.Feedback{Status: 200})
	}
	// Output:
	// allow
	// allow
	// allow
	// allow
	// allow
	// reject
}

// A throttle lets the excess wait instead of rejecting it.
func ExampleDecision_Wait() {
	limiter := limit.New(limit.Options{})
	rules, err := limiter.Compile([]limit.Policy{{
		Name:  "default",
		Rate:  limit.PerSecond(100),
		Burst: 1,
		Mode:  limit.Throttle,
		Queue: limit.Queue{Depth: 10, Wait: time.Second},
	}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		var d limit.Decision
		rules.Decide(context.Background(), &limit.Request{}, &d)
		if d.Verdict == limit.Refuse {
			fmt.Println("rejected, come again after", d.RetryAfter)
			continue
		}
		if err := d.Wait(context.Background()); err != nil {
			continue // the client went away: everything was given back
		}
		fmt.Println("served")
		d.Done(limit.Feedback{Status: 200})
	}
	// Output:
	// served
	// served
	// served
}

// The plan in a token decides how much is allowed and where requests go.
func ExampleTier() {
	plan := func(name string) func(*limit.Request) bool {
		return func(q *limit.Request) bool { return q.Token != nil && q.Token.Get("plan") == name }
	}
	rules, err := limit.New(limit.Options{}).Compile(
		[]limit.Policy{{Name: "default", Key: []limit.KeyPart{limit.TokenClaim("sub")}, Rate: limit.PerMinute(100)}},
		[]limit.Tier{{Name: "gold", When: plan("gold"), Rates: map[string]limit.Rate{"default": limit.PerMinute(5000)}, Upstream: "fast"}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range []claims{{"sub": "1", "plan": "gold"}, {"sub": "2"}} {
		var d limit.Decision
		rules.Decide(context.Background(), &limit.Request{Token: token}, &d)
		fmt.Printf("tier %q, upstream %q, %d left\n", d.Tier, d.Upstream, d.States[0].Remaining)
		d.Done(limit.Feedback{})
	}
	// Output:
	// tier "gold", upstream "fast", 4999 left
	// tier "", upstream "", 99 left
}

type claims map[string]string

func (c claims) Get(name string) string { return c[name] }

// What a client is told in the fields of the answer.
func ExampleAppendFields() {
	rules, err := limit.New(limit.Options{}).Compile([]limit.Policy{{Name: "default", Rate: limit.PerMinute(60), Burst: 1}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var d limit.Decision
	for range 2 {
		rules.Decide(context.Background(), &limit.Request{}, &d)
		d.Done(limit.Feedback{})
	}
	header := make(http.Header)
	limit.AppendFields(header, &d)
	fmt.Println("Status:", d.Reason.Status())
	for _, name := range []string{"RateLimit-Policy", "RateLimit", "Retry-After"} {
		fmt.Printf("%s: %s\n", name, header.Get(name))
	}
	// Output:
	// Status: 429
	// RateLimit-Policy: "default";q=60;w=60
	// RateLimit: "default";r=0;t=1
	// Retry-After: 1
}

func ExampleParseRate() {
	rate, err := limit.ParseRate("500/minute")
	fmt.Println(rate.Count, rate.Period, rate.Every(), err)
	// Output: 500 1m0s 120ms <nil>
}
