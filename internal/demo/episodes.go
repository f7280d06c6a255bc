package demo

import (
	"math/rand/v2"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// profile is how a check behaves on a good day.
type profile struct {
	name   string
	every  time.Duration // as in demo.yaml
	median time.Duration // of the time to first byte
	code   int           // of a good answer
	size   int64         // of its body
	flakes float64       // share of runs that pass only after a retry
	phase  string        // what its degrading assertion looks at
	limit  time.Duration // above which it degrades; 0: never
}

var profiles = [...]profile{
	{name: "health", every: 5 * time.Second, median: 2 * time.Millisecond, code: 200, size: 36, phase: "latency", limit: 250 * time.Millisecond},
	{name: "orders-list", every: 5 * time.Second, median: 16 * time.Millisecond, code: 200, size: 940, phase: "latency", limit: 300 * time.Millisecond},
	{name: "order-detail", every: 10 * time.Second, median: 11 * time.Millisecond, code: 200, size: 190},
	{name: "order-not-found", every: 10 * time.Second, median: 10 * time.Millisecond, code: 404, size: 34},
	{name: "items-list", every: 10 * time.Second, median: 9 * time.Millisecond, code: 200, size: 560},
	{name: "item-detail", every: 10 * time.Second, median: 6 * time.Millisecond, code: 200, size: 68},
	{name: "search", every: 5 * time.Second, median: 31 * time.Millisecond, code: 200, size: 260, phase: "ttfb", limit: 150 * time.Millisecond},
	{name: "login-journey", every: 10 * time.Second, median: 55 * time.Millisecond, code: 200, size: 420},
	{name: "login-refused", every: 10 * time.Second, median: 27 * time.Millisecond, code: 401, size: 39},
	{name: "inventory", every: 5 * time.Second, median: 13 * time.Millisecond, code: 200, size: 230, flakes: 0.12},
	{name: "daily-report", every: 10 * time.Second, median: 190 * time.Millisecond, code: 200, size: 58, phase: "latency", limit: 300 * time.Millisecond},
	{name: "refunds", every: 5 * time.Second, median: 7 * time.Millisecond, code: 200, size: 120},
}

// episode is a time in which a check was not well.
type episode struct {
	from, to time.Time
	status   checks.Status
	code     int
	class    probe.Class
	reason   string
	slower   float64
}

// brokeAgo is how long ago the check that is down now broke.
const brokeAgo = 40 * time.Minute

// episodesOf invents the bad times of one check, by their begin.
func episodesOf(p profile, now time.Time, random *rand.Rand) []episode {
	b := book{now: now}
	b.everybody()
	switch p.name {
	case "orders-list", "order-detail", "order-not-found", "search", "login-journey":
		b.badDeploy(p)
	}
	switch p.name {
	case "search":
		b.slowMornings(random, 0.3)
	case "daily-report":
		b.slowMornings(random, 0.5)
		b.add(now.Add(-76*time.Hour), 77*time.Hour, degraded())
	case "login-journey":
		b.add(b.day(17, 16, 20), 34*time.Minute, failed(401, "step me: status = 401; expected status == 200"))
	case "inventory":
		b.add(b.day(12, 20, 5), 18*time.Minute, status(502))
		b.add(b.day(52, 5, 40), 27*time.Minute, status(502))
	case "refunds":
		b.add(b.day(57, 11, 30), 22*time.Minute, status(503))
		b.add(b.day(31, 2, 10), 25*time.Minute, status(503))
		b.add(b.day(5, 18, 44), 71*time.Minute, status(503))
		b.add(now.Add(-brokeAgo), brokeAgo+time.Hour, status(503))
	}
	if p.name != "health" { // one bad moment of its own
		b.add(b.day(10+random.IntN(70), random.IntN(24), random.IntN(60)), time.Duration(4+random.IntN(9))*time.Minute, status(503))
	}
	return byBegin(b.episodes)
}

// book collects episodes.
type book struct {
	now      time.Time
	episodes []episode
}

// day is a time of the day (UTC) some days ago.
func (b *book) day(ago, hour, minute int) time.Time {
	y, m, d := b.now.UTC().Date()
	return time.Date(y, m, d-ago, hour, minute, 0, 0, time.UTC)
}

func (b *book) add(from time.Time, length time.Duration, e episode) {
	e.from, e.to = from, from.Add(length)
	b.episodes = append(b.episodes, e)
}

// everybody was down together: the machine, and once the network.
func (b *book) everybody() {
	refused := episode{status: checks.Down, class: probe.ClassConnect, reason: "connection refused", slower: 1}
	b.add(b.day(68, 22, 40), 22*time.Minute, refused)
	b.add(b.day(41, 3, 12), 25*time.Minute, refused)
	b.add(b.day(9, 14, 5), 6*time.Minute, episode{
		status: checks.Down, class: probe.ClassTimeout, reason: "no answer within 2s: waiting for the first byte", slower: 1,
	})
}

// badDeploy is one day on which a release failed, was rolled back, and failed again.
func (b *book) badDeploy(p profile) {
	b.add(b.day(23, 9, 42), 49*time.Minute, status(500))
	b.add(b.day(23, 11, 5), 73*time.Minute, status(500))
	if p.limit > 0 {
		b.add(b.day(23, 12, 18), 44*time.Minute, degraded())
	}
}

// slowMornings are some weekdays on which the first hour is slow.
func (b *book) slowMornings(random *rand.Rand, share float64) {
	for ago := historyDays; ago >= 1; ago-- {
		at := b.day(ago, 7, 5).Add(time.Duration(random.IntN(30)) * time.Minute)
		length := time.Duration(15+random.IntN(40)) * time.Minute
		weekend := at.Weekday() == time.Saturday || at.Weekday() == time.Sunday
		if random.Float64() < share && !weekend {
			b.add(at, length, degraded())
		}
	}
}

func failed(code int, reason string) episode {
	return episode{status: checks.Down, code: code, class: probe.ClassAssertion, reason: reason, slower: 1.2}
}

func status(code int) episode {
	reason := map[int]string{
		500: "status = 500; expected status == 200",
		502: "status = 502; expected status == 200",
		503: "status = 503; expected status == 200",
	}[code]
	return failed(code, reason)
}

// degraded answers, but late; the reason is told with the figure.
func degraded() episode {
	return episode{status: checks.Degraded, code: 200, class: probe.ClassAssertion, slower: 1}
}
