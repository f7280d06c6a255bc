package demo

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// Seed is the invented past of one check.
type Seed struct {
	Rollups     map[checks.Step][]checks.Rollup // oldest first: daily ones of 90 days, hourly ones of 30
	Results     []checks.Result                 // of the last 24 hours, oldest first
	Transitions []checks.Transition             // oldest first
}

// How far the history reaches and how dense it is. Every figure in it is counted
// from the same invented runs, so roll-ups, results and transitions agree.
const (
	historyDays  = 90
	hourlyDays   = 30
	resultsReach = 24 * time.Hour
	// Runs are invented this far apart, and each is counted as often as the check
	// would have run meanwhile, so that live runs weigh as much as invented ones.
	historyStep = 3 * time.Minute
	// This far back there is a run at every interval, as there will be live: it is
	// what the chart of the last hour shows.
	denseReach = 65 * time.Minute
)

// History invents what happened in the 90 days before now, by check name (which
// for the demo's checks is also the check's ID). The same seed and now give the
// same history.
func History(now time.Time, seed uint64) map[string]Seed {
	history := make(map[string]Seed, len(profiles))
	for _, p := range profiles {
		random := rand.New(rand.NewPCG(seed, hash(p.name))) //nolint:gosec // invented figures
		past := past{profile: p, random: random, episodes: episodesOf(p, now, random)}
		history[p.name] = past.run(now)
	}
	return history
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum64()
}

// past is one check while its history is invented.
type past struct {
	profile  profile
	random   *rand.Rand
	episodes []episode // by their begin
	seed     Seed
	state    checks.Status
	hourly   []checks.Rollup
	daily    []checks.Rollup
	attempts []checks.Attempt // of the present run; copied when the run is kept
}

func (p *past) run(now time.Time) Seed {
	end := now.Add(-p.profile.every) // the next run is a live one
	phase := time.Duration(hash(p.profile.name) % uint64(historyStep))
	first := 0 // episodes before it have ended
	step := historyStep
	for at := now.AddDate(0, 0, -historyDays).Truncate(historyStep).Add(phase); at.Before(end); at = at.Add(step) {
		for first < len(p.episodes) && !at.Before(p.episodes[first].to) {
			first++
		}
		if now.Sub(at) <= denseReach {
			step = p.profile.every
		}
		p.add(p.result(at, p.active(first, at)), now, uint32(step/p.profile.every)) //nolint:gosec // 36 at most
	}
	p.seed.Rollups = map[checks.Step][]checks.Rollup{checks.Hourly: p.hourly, checks.Daily: p.daily}
	return p.seed
}

// active returns the worst episode at a time, or nil.
func (p *past) active(first int, at time.Time) *episode {
	var worst *episode
	for i := first; i < len(p.episodes) && !p.episodes[i].from.After(at); i++ {
		if e := &p.episodes[i]; at.Before(e.to) && (worst == nil || e.status > worst.status) {
			worst = e
		}
	}
	return worst
}

// add counts a run, as often as it stands for, and keeps it when it is young enough.
func (p *past) add(r checks.Result, now time.Time, times uint32) {
	at := r.At()
	age := now.Sub(at)
	p.daily = count(p.daily, checks.Daily, at, &r, times)
	if age < hourlyDays*24*time.Hour {
		p.hourly = count(p.hourly, checks.Hourly, at, &r, times)
	}
	if age < resultsReach {
		kept := r
		kept.Attempts = slices.Clone(r.Attempts)
		p.seed.Results = append(p.seed.Results, kept)
	}
	if r.State != p.state {
		p.seed.Transitions = append(p.seed.Transitions, checks.Transition{
			Check: r.Check, At: at, From: p.state, To: r.State, Reason: r.Last().Reason, Run: r.Run,
		})
		p.state = r.State
	}
}

// count adds a run to the last roll-up of a list, or begins the next.
func count(list []checks.Rollup, step checks.Step, at time.Time, r *checks.Result, times uint32) []checks.Rollup {
	if n := len(list); n == 0 || at.Sub(list[n-1].Start) >= step.Length() {
		list = append(list, checks.Rollup{Start: step.Start(at)})
	}
	var one checks.Rollup
	one.Add(r)
	one.Up, one.Degraded, one.Down, one.Flaky = times*one.Up, times*one.Degraded, times*one.Down, times*one.Flaky
	one.LatencySum *= time.Duration(times)
	list[len(list)-1].Merge(&one)
	return list
}

// result invents one run.
func (p *past) result(at time.Time, e *episode) checks.Result {
	r := checks.Result{Check: p.profile.name, Run: checks.RunID(at.UnixMilli()), Status: checks.Up}
	attempt := p.attempt(at, e)
	p.attempts = p.attempts[:0]
	if e == nil && p.random.Float64() < p.profile.flakes {
		failed := checks.Attempt{
			Phases: p.phases(at, 1), Status: checks.Down, Code: 502, Size: 64,
			Class: probe.ClassAssertion, Reason: "status = 502; expected status == 200",
		}
		attempt.Offset = failed.Phases.Total() + 200*time.Millisecond
		p.attempts = append(p.attempts, failed)
	}
	p.attempts = append(p.attempts, attempt)
	r.Attempts = p.attempts
	r.Status = attempt.Status
	r.State = r.Status
	return r
}

func (p *past) attempt(at time.Time, e *episode) checks.Attempt {
	if e == nil {
		return checks.Attempt{Phases: p.phases(at, 1), Status: checks.Up, Code: p.profile.code, Size: p.profile.size}
	}
	a := checks.Attempt{Phases: p.phases(at, e.slower), Status: e.status, Code: e.code, Class: e.class, Reason: e.reason, Size: p.profile.size}
	switch e.class {
	case probe.ClassConnect:
		a.Phases, a.Size = probe.Phases{Connect: a.Phases.Connect}, 0
	case probe.ClassTimeout:
		a.Phases.TTFB, a.Phases.Transfer, a.Size = 2*time.Second-a.Phases.Connect, 0, 0
	case probe.ClassAssertion:
		if e.status == checks.Degraded {
			p.degrade(&a)
		}
	}
	return a
}

// degrade makes the attempt slow enough for its assertion to fail, and says so:
// up to twice the limit, as the API's slow endpoint is.
func (p *past) degrade(a *checks.Attempt) {
	limit := p.profile.limit
	x := p.random.Float64()
	a.Phases.TTFB = limit*7/6 + time.Duration(float64(limit)*5/6*x*x)
	measured := a.Phases.TTFB
	if p.profile.phase == "latency" {
		measured = a.Phases.Total()
	}
	a.Reason = p.profile.phase + " = " + measured.Round(time.Millisecond).String() +
		"; expected " + p.profile.phase + " < " + limit.String()
}

// phases are log-normal around the profile's median, and a little longer by day.
func (p *past) phases(at time.Time, slower float64) probe.Phases {
	hour := float64(at.Unix()%86400) / 3600
	byDay := 1 + 0.18*math.Sin((hour-8)/24*2*math.Pi)
	ttfb := float64(p.profile.median) * byDay * slower * math.Exp(0.3*p.random.NormFloat64())
	if p.profile.limit > 0 && slower == 1 {
		ttfb = min(ttfb, 0.9*float64(p.profile.limit)) // a good run stays below its limit
	}
	return probe.Phases{
		Connect:  time.Duration(120_000 + p.random.Int64N(240_000)),
		TTFB:     time.Duration(ttfb),
		Transfer: time.Duration(40_000 + p.random.Int64N(160_000)),
	}
}

// byBegin orders episodes.
func byBegin(list []episode) []episode {
	slices.SortStableFunc(list, func(a, b episode) int { return a.from.Compare(b.from) })
	return list
}
