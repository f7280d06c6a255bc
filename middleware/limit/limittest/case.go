package limittest

import (
	"time"

	"lapwing.dev/lapwing/middleware/limit"
)

// ClientHeader is the request header by whose value the policies of the cases
// count.
const ClientHeader = "X-Client"

// Case is one story: what clients do under policies, and what they get. Steps
// leave room for slow machines: in a case of real time a step may be late by
// about a third of a second.
type Case struct {
	Name     string
	Policies []limit.Policy // counted by ClientHeader or by everybody together; without functions
	Steps    []Step
}

// Step is what one client does.
type Step struct {
	After  time.Duration // time that passes before
	Client string
	AtOnce int  // so many requests beside each other; 0 and 1: one
	Beside bool // the next step does not wait for the answers of this one
	Hold   bool // the requests that are let in run until a step releases them
	Free   int  // before anything else: so many requests of this client that are held end

	In  int // so many are let in, at once or after waiting
	Out int // so many are rejected

	// Waited is how long the last one that was let in has waited, at least and
	// less than. Zero: no more than Slack.
	Waited [2]time.Duration
	// Retry is what those that are rejected are told, at least and at most. Zero:
	// they are told something.
	Retry [2]time.Duration
}

// Slack is what a request may take that does not wait.
const Slack = 350 * time.Millisecond

// Cases returns the stories. Together they take about ten seconds of real time,
// less when they run beside each other with a counter each.
func Cases() []Case {
	client := []limit.KeyPart{limit.Header(ClientHeader)}
	return []Case{
		{
			Name:     "a burst comes in, the next is rejected until the rate allows one more",
			Policies: []limit.Policy{{Name: "default", Key: client, Rate: limit.PerSecond(1), Burst: 3}},
			Steps: []Step{
				{Client: "a", In: 1},
				{Client: "a", In: 1},
				{Client: "a", In: 1},
				{Client: "a", Out: 1, Retry: [2]time.Duration{1, time.Second}},
				{After: 1200 * time.Millisecond, Client: "a", In: 1},
				{Client: "a", Out: 1},
			},
		},
		{
			Name:     "rejected requests do not count",
			Policies: []limit.Policy{{Name: "default", Key: client, Rate: limit.PerSecond(1), Burst: 1}},
			Steps: []Step{
				{Client: "a", In: 1},
				{Client: "a", AtOnce: 20, Out: 20},
				{After: 1200 * time.Millisecond, Client: "a", In: 1},
			},
		},
		{
			Name:     "who comes back after Retry-After is let in",
			Policies: []limit.Policy{{Name: "default", Key: client, Rate: limit.PerSecond(1), Burst: 1}},
			Steps: []Step{
				{Client: "a", In: 1},
				{Client: "a", Out: 1, Retry: [2]time.Duration{1, time.Second}},
				{After: time.Second, Client: "a", In: 1},
			},
		},
		{
			Name:     "clients are counted apart",
			Policies: []limit.Policy{{Name: "default", Key: client, Rate: limit.PerMinute(1)}},
			Steps: []Step{
				{Client: "a", In: 1},
				{Client: "a", Out: 1},
				{Client: "b", In: 1},
				{Client: "b", Out: 1},
			},
		},
		{
			Name: "of several policies all let in or none counts",
			Policies: []limit.Policy{
				{Name: "all", Rate: limit.PerHour(3)},
				{Name: "each", Key: client, Rate: limit.PerHour(2)},
			},
			Steps: []Step{
				{Client: "a", In: 1},
				{Client: "a", In: 1},
				{Client: "a", Out: 1},
				{Client: "a", Out: 1},
				{Client: "a", Out: 1},
				{Client: "b", In: 1}, // the rejections of a took nothing from all
				{Client: "b", Out: 1},
			},
		},
		{
			Name:     "a request of cost two takes two",
			Policies: []limit.Policy{{Name: "default", Key: client, Rate: limit.PerHour(5), Cost: limit.Cost{Fixed: 2}}},
			Steps:    []Step{{Client: "a", In: 1}, {Client: "a", In: 1}, {Client: "a", Out: 1}},
		},
		{
			Name: "a policy in shadow rejects nobody, the other one does",
			Policies: []limit.Policy{
				{Name: "tried", Key: client, Rate: limit.PerHour(1), Mode: limit.Shadow},
				{Name: "real", Key: client, Rate: limit.PerHour(3)},
			},
			Steps: []Step{{Client: "a", AtOnce: 3, In: 3}, {Client: "a", Out: 1}},
		},
		{
			Name:     "as many as come at the same time, the burst is let in",
			Policies: []limit.Policy{{Name: "default", Key: client, Rate: limit.PerHour(10)}},
			Steps:    []Step{{Client: "a", AtOnce: 40, In: 10, Out: 30}},
		},
		{
			Name: "the excess waits, and a full queue rejects",
			Policies: []limit.Policy{{
				Name: "default", Key: client, Rate: limit.PerSecond(2), Burst: 1,
				Mode: limit.Throttle, Queue: limit.Queue{Depth: 3},
			}},
			Steps: []Step{
				{Client: "a", AtOnce: 6, In: 4, Out: 2, Waited: [2]time.Duration{1400 * time.Millisecond, 1500*time.Millisecond + Slack}},
			},
		},
		{
			Name: "nobody waits for longer than a queue allows",
			Policies: []limit.Policy{{
				Name: "default", Key: client, Rate: limit.PerSecond(1), Burst: 1,
				Mode: limit.Throttle, Queue: limit.Queue{Wait: 1500 * time.Millisecond},
			}},
			Steps: []Step{
				{Client: "a", AtOnce: 4, In: 2, Out: 2, Waited: [2]time.Duration{900 * time.Millisecond, time.Second + Slack}},
			},
		},
		{
			Name: "the queue of one client delays no other",
			Policies: []limit.Policy{{
				Name: "default", Key: client, Rate: limit.PerSecond(1), Burst: 1,
				Mode: limit.Throttle, Queue: limit.Queue{Depth: 1},
			}},
			Steps: []Step{
				{Client: "a", AtOnce: 2, In: 2, Beside: true, Waited: [2]time.Duration{900 * time.Millisecond, time.Second + Slack}},
				{Client: "b", In: 1},
			},
		},
		{
			Name:     "a quota is used up",
			Policies: []limit.Policy{{Name: "default", Key: client, Quota: []limit.Quota{{Count: 3, Period: limit.Month}}}},
			Steps: []Step{
				{Client: "a", In: 1},
				{Client: "a", AtOnce: 4, In: 2, Out: 2},
				{Client: "a", Out: 1, Retry: [2]time.Duration{1, 31 * 24 * time.Hour}},
				{Client: "b", In: 1},
			},
		},
		{
			Name:     "only so many run at the same time",
			Policies: []limit.Policy{{Name: "default", Key: client, InUse: 2}},
			Steps: []Step{
				{Client: "a", Hold: true, In: 1},
				{Client: "a", Hold: true, In: 1},
				{Client: "a", Out: 1},
				{Client: "b", In: 1},
				{Client: "a", Free: 1, Hold: true, In: 1},
				{Client: "a", Out: 1},
				{Client: "a", Free: 2, In: 1},
			},
		},
	}
}
