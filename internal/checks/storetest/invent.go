package storetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// dice rolls the same in each run of a story.
func dice(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, seed)) // #nosec G404 -- invented results, repeatable on purpose
}

// noon is when the stories begin: a Monday.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// up is a run that passed.
func up(check string, at time.Time) checks.Result {
	return checks.Result{Check: check, Run: checks.RunID(at.UnixMilli()), Status: checks.Up, State: checks.Up, Attempts: []checks.Attempt{{
		Phases: probe.Phases{Connect: 200 * time.Microsecond, TTFB: 3 * time.Millisecond, Transfer: 40 * time.Microsecond},
		Status: checks.Up, Code: 200, Size: 1834,
	}}}
}

// down is a run that failed.
func down(check string, at time.Time) checks.Result {
	return checks.Result{Check: check, Run: checks.RunID(at.UnixMilli()), Status: checks.Down, State: checks.Down, Attempts: []checks.Attempt{{
		Phases: probe.Phases{Connect: 200 * time.Microsecond, TTFB: 9 * time.Millisecond},
		Status: checks.Down, Code: 503, Size: 20, Class: probe.ClassAssertion, Reason: "status == 200 does not hold: status = 503",
	}}}
}

// flaky is a run that passed at the second try.
func flaky(check string, at time.Time) checks.Result {
	r := up(check, at)
	first := down(check, at).Attempts[0]
	r.Attempts = append([]checks.Attempt{first}, r.Attempts...)
	r.Attempts[1].Offset = 2 * time.Second
	return r
}

// some is a run of any kind.
func some(rng *rand.Rand, check string, at time.Time) checks.Result {
	r := up(check, at)
	switch rng.IntN(12) {
	case 0:
		r = down(check, at)
	case 1:
		r = flaky(check, at)
	case 2:
		r.Status, r.State, r.Attempts[0].Status = checks.Degraded, checks.Degraded, checks.Degraded
		r.Attempts[0].Class, r.Attempts[0].Reason = probe.ClassAssertion, fmt.Sprintf("latency < 5ms does not hold: latency = %dms", rng.IntN(1000))
	}
	last := r.Last()
	last.Phases.TTFB = time.Duration(rng.IntN(5_000_000)) * time.Microsecond
	last.Size = rng.Int64N(1 << 20)
	return r
}

func evidenceOf(check string, at time.Time, body string) checks.Evidence {
	return checks.Evidence{
		Check: check, Run: checks.RunID(at.UnixMilli()), TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Attempts: []checks.AttemptEvidence{{Steps: []checks.StepEvidence{{
			Curl:     "curl http://127.0.0.1:8000/orders",
			Request:  checks.Message{Line: "GET http://127.0.0.1:8000/orders", Headers: []checks.Header{{Name: "Accept", Value: "*/*"}}},
			Response: &checks.Message{Line: "HTTP/1.1 503 Service Unavailable", Headers: []checks.Header{}, Body: body, Size: int64(len(body))},
			Phases:   probe.Phases{TTFB: time.Millisecond},
		}}}},
	}
}
