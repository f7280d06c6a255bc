package history

import (
	"math"
	"math/rand/v2"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// Invented runs with the spread of real ones.
type network func(rng *rand.Rand) probe.Phases

func lan(rng *rand.Rand) probe.Phases {
	return probe.Phases{Connect: between(rng, 100, 500), TTFB: between(rng, 300, 5000), Transfer: between(rng, 10, 80)}
}

func internet(rng *rand.Rand) probe.Phases {
	ttfb := 110_000 * math.Exp(0.47*rng.NormFloat64())
	return probe.Phases{
		DNS: between(rng, 5_000, 40_000), Connect: normal(rng, 20_000, 2_500), TLS: normal(rng, 40_000, 5_000),
		TTFB: time.Duration(ttfb * float64(time.Microsecond)), Transfer: between(rng, 1_000, 10_000),
	}
}

func between(rng *rand.Rand, from, to int) time.Duration {
	return time.Duration(from+rng.IntN(to-from))*time.Microsecond + time.Duration(rng.IntN(1000))
}

func normal(rng *rand.Rand, mean, deviation float64) time.Duration {
	return time.Duration(max(0, mean+deviation*rng.NormFloat64()) * float64(time.Microsecond))
}

// invent returns n runs, ten seconds and a little jitter apart; 1 % fail.
func invent(rng *rand.Rand, n int, net network) []checks.Result {
	list := make([]checks.Result, n)
	for i := range list {
		at := int64(1_790_000_000_000) + int64(i)*10_000 + int64(3*math.Abs(rng.NormFloat64()))
		list[i] = checks.Result{Check: "orders", Run: checks.RunID(at), Status: checks.Up, State: checks.Up, Attempts: []checks.Attempt{
			{Phases: net(rng), Status: checks.Up, Code: 200, Size: int64(1800 + rng.IntN(40))},
		}}
		if rng.IntN(100) == 0 {
			list[i].Status, list[i].State = checks.Down, checks.Down
			list[i].Attempts = []checks.Attempt{
				{Phases: probe.Phases{TTFB: 10 * time.Second}, Status: checks.Down, Class: probe.ClassTimeout, Reason: "no answer within 10s"},
				{Offset: 11 * time.Second, Phases: net(rng), Status: checks.Down, Code: 503, Size: 20, Class: probe.ClassAssertion, Reason: "status == 200 does not hold: status = 503"},
			}
		}
	}
	return list
}

// strange returns runs at the edges of every field.
func strange(rng *rand.Rand, n int) []checks.Result {
	texts := []string{"", "no answer", "grün ☃", "\x00\xff", string(make([]byte, 2000))}
	durations := []time.Duration{0, 1, time.Microsecond, time.Hour, -time.Second, math.MaxInt64}
	list := make([]checks.Result, n)
	run := checks.RunID(rng.Int64N(1 << 42))
	for i := range list {
		run += checks.RunID(rng.Int64N(60_000)) - 20_000 // the clock jumps back now and then
		list[i] = checks.Result{Check: "orders", Run: run, Status: checks.Status(rng.IntN(5)), State: checks.Status(rng.IntN(5))}
		for range 1 + rng.IntN(3) {
			list[i].Attempts = append(list[i].Attempts, checks.Attempt{
				Offset: durations[rng.IntN(len(durations))],
				Phases: probe.Phases{
					DNS: durations[rng.IntN(len(durations))], Connect: durations[rng.IntN(len(durations))],
					TLS: time.Duration(rng.Int64()), TTFB: time.Duration(rng.Int64N(1 << 40)), Transfer: durations[rng.IntN(len(durations))],
				},
				Status: checks.Status(rng.IntN(5)),
				Code:   rng.IntN(1200) - 100,
				Size:   rng.Int64() >> rng.IntN(63),
				Class:  probe.Class([]string{"", "dns", "assertion", "not-yet-known"}[rng.IntN(4)]),
				Reason: texts[rng.IntN(len(texts))],
			})
		}
	}
	return list
}

func kept(list []checks.Result) []checks.Result {
	out := make([]checks.Result, len(list))
	for i := range list {
		out[i] = Kept(&list[i], nil)
	}
	return out
}
