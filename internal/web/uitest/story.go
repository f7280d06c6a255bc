package uitest

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// Story is one invented check: what it is, how it is, and how it was.
type Story struct {
	View    checks.View
	Base    time.Duration // usual latency
	TLS     bool
	Bad     []int         // days ago with failures
	Slow    []int         // days ago with degraded runs
	Days    int           // of history
	Run     time.Duration // of single runs, before now
	DownFor time.Duration // the last runs failed
	Flaky   bool          // the last run needed a retry
}

// Tell makes a source of stories. The same stories and now give the same source.
func Tell(now time.Time, stories ...Story) *Source {
	s := &Source{
		Daily: map[string][]checks.Rollup{}, Hourly: map[string][]checks.Rollup{}, Uptimes: map[string]checks.Uptime{},
		Runs: map[string][]checks.Result{}, Kept: map[string]map[checks.RunID]*checks.Evidence{},
	}
	for _, story := range stories {
		s.tell(now, story)
	}
	slices.SortStableFunc(s.Changes, func(a, b checks.Transition) int { return b.At.Compare(a.At) })
	return s
}

func (s *Source) tell(now time.Time, story Story) {
	v := story.View
	if v.Interval == 0 {
		v.Interval = 30 * time.Second
	}
	if v.Schedule == "" {
		v.Schedule = "every " + v.Interval.String()
	}
	if v.Timeout == 0 {
		v.Timeout = 10 * time.Second
	}
	if v.Method == "" {
		v.Method = "GET"
	}
	if len(v.StepViews) == 0 {
		v.StepViews = []checks.StepView{{Method: v.Method, Target: v.Target, Asserts: v.Asserts}}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(v.ID))
	r := rand.New(rand.NewPCG(h.Sum64(), 7))      // #nosec G404 -- invented data
	perDay := uint32(24 * time.Hour / v.Interval) // #nosec G115 -- intervals of seconds
	s.days(now, v.ID, story, r, perDay)
	s.runs(now, &v, story, r)
	s.Views = append(s.Views, v)
}

func (s *Source) days(now time.Time, id string, story Story, r *rand.Rand, perDay uint32) {
	var total checks.Uptime
	for ago := story.Days - 1; ago >= 0; ago-- {
		day := checks.Rollup{Start: checks.Daily.Start(now).AddDate(0, 0, -ago), Up: perDay}
		if slices.Contains(story.Bad, ago) {
			day.Down = perDay * (2 + r.Uint32N(6)) / 100
			day.Up -= day.Down
		}
		if slices.Contains(story.Slow, ago) {
			day.Degraded = perDay * (3 + r.Uint32N(5)) / 100
			day.Up -= day.Degraded
		}
		if ago == 3 {
			day.Flaky = 2
		}
		good := day.Up + day.Degraded
		day.LatencyMin, day.LatencyMax = story.Base/2, story.Base*6
		day.LatencySum = time.Duration(float64(story.Base) * (0.9 + 0.3*r.Float64()) * float64(good))
		s.Daily[id] = append(s.Daily[id], day)
		add := func(share *checks.Share, days int) {
			if ago < days {
				share.Good += uint64(good)
				share.Total += uint64(day.Runs())
			}
		}
		add(&total.Day, 1)
		add(&total.Week, 7)
		add(&total.Month, 30)
		add(&total.Quarter, 90)
		add(&total.Year, 365)
	}
	if total.Year.Total > 0 {
		s.Uptimes[id] = total
	}
	for ago := min(story.Days*24, 24*30) - 1; ago >= 0; ago-- {
		hour := checks.Rollup{Start: checks.Hourly.Start(now).Add(-time.Duration(ago) * time.Hour), Up: perDay / 24}
		if slices.Contains(story.Bad, ago/24) && ago%24 == 9 {
			hour.Down = hour.Up / 2
			hour.Up -= hour.Down
		}
		if ago == 5 {
			hour.Flaky = r.Uint32N(3)
		}
		wave := 1 + 0.25*math.Sin(float64(ago)/24*2*math.Pi)
		hour.LatencyMin, hour.LatencyMax = story.Base/2, story.Base*5
		hour.LatencySum = time.Duration(float64(story.Base) * wave * (0.9 + 0.2*r.Float64()) * float64(hour.Up))
		s.Hourly[id] = append(s.Hourly[id], hour)
	}
}

// phases shares a latency out.
func phases(total time.Duration, tls bool, r *rand.Rand) probe.Phases {
	p := probe.Phases{DNS: total * 4 / 100, Connect: total * 8 / 100, Transfer: total * 5 / 100}
	if tls {
		p.TLS = total * 22 / 100
	}
	p.DNS = time.Duration(float64(p.DNS) * (0.5 + r.Float64()))
	p.TTFB = total - p.DNS - p.Connect - p.TLS - p.Transfer
	return p
}

func (s *Source) runs(now time.Time, v *checks.View, story Story, r *rand.Rand) {
	if story.Run == 0 {
		return
	}
	count := int(story.Run / v.Interval)
	start := now.Add(-time.Duration(r.Int64N(int64(v.Interval)))).Truncate(time.Millisecond)
	before := checks.Up
	var results []checks.Result // oldest first
	for i := count - 1; i >= 0; i-- {
		at := start.Add(-time.Duration(i) * v.Interval)
		total := time.Duration(float64(story.Base) * math.Exp(r.NormFloat64()*0.18))
		if r.IntN(150) == 0 {
			total *= 4
		}
		a := checks.Attempt{Phases: phases(total, story.TLS, r), Status: checks.Up, Code: 200, Size: 1830 + r.Int64N(900)}
		res := checks.Result{Check: v.ID, Run: checks.RunID(at.UnixMilli()), Status: checks.Up, State: checks.Up}
		switch {
		case now.Sub(at) < story.DownFor:
			a.Status, a.Code, a.Class, a.Reason = checks.Down, 503, probe.ClassAssertion, v.Reason
			a.Size = 61
			res.Status, res.State = checks.Down, checks.Down
		case v.State == checks.Degraded && now.Sub(at) < 11*time.Minute:
			a.Status, a.Class, a.Reason = checks.Degraded, probe.ClassAssertion, v.Reason
			res.Status, res.State = checks.Degraded, checks.Degraded
		}
		res.Attempts = []checks.Attempt{a}
		flaky := story.Flaky && i == 0 || res.Status == checks.Up && r.IntN(400) == 0
		if flaky {
			failed := a
			failed.Status, failed.Code, failed.Class, failed.Reason = checks.Down, 0, probe.ClassConnect, "connection reset by peer"
			failed.Phases = probe.Phases{DNS: a.Phases.DNS, Connect: a.Phases.Connect}
			failed.Size = 0
			a.Offset = 2*time.Second + failed.Phases.Total()
			res.Attempts = []checks.Attempt{failed, a}
		}
		if res.State != before {
			s.Changes = append(s.Changes, checks.Transition{Check: v.ID, At: at, From: before, To: res.State, Reason: a.Reason, Run: res.Run})
		}
		if res.State != before || flaky {
			s.keep(v, &res)
		}
		before = res.State
		results = append(results, res)
		latency := res.Latency()
		if res.Status == checks.Down {
			latency = 0
		}
		v.Recent = append(v.Recent, latency)
	}
	if n := len(v.Recent); n > 24 {
		v.Recent = v.Recent[n-24:]
	}
	for _, ago := range story.Bad {
		if ago > 0 {
			at := now.AddDate(0, 0, -ago)
			s.Changes = append(s.Changes,
				checks.Transition{Check: v.ID, At: at, From: checks.Up, To: checks.Down, Reason: "status = 502, want 200..299", Run: checks.RunID(at.UnixMilli())},
				checks.Transition{Check: v.ID, At: at.Add(27 * time.Minute), From: checks.Down, To: checks.Up, Run: checks.RunID(at.Add(27 * time.Minute).UnixMilli())})
		}
	}
	slices.Reverse(results)
	s.Runs[v.ID] = results
	if len(results) > 0 {
		last := results[0]
		v.Last = &last
		v.Next = last.At().Add(v.Interval)
	}
	v.Flaky = story.Flaky
}

// keep invents what was said in a run.
func (s *Source) keep(v *checks.View, res *checks.Result) {
	e := &checks.Evidence{Check: v.ID, Run: res.Run, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}
	for i := range res.Attempts {
		a := &res.Attempts[i]
		step := checks.StepEvidence{
			Curl: fmt.Sprintf("curl -sS -X %s -H 'Accept: application/json' -H 'Authorization: Bearer [redacted]' '%s'", v.Method, v.Target),
			Request: checks.Message{Line: v.Method + " " + v.Target, Headers: []checks.Header{
				{Name: "Accept", Value: "application/json"},
				{Name: "Authorization", Value: "Bearer [redacted]"},
				{Name: "Traceparent", Value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
				{Name: "User-Agent", Value: "lapwing/0.1.0"},
			}},
			Phases: a.Phases, RemoteAddr: "127.0.0.1:8000", Class: a.Class,
		}
		if a.Code != 0 {
			body := `{"orders":[{"id":1,"total":"12.50"},{"id":2,"total":"8.00"}],"next":null}`
			line := fmt.Sprintf("HTTP/1.1 %d OK", a.Code)
			if a.Code == 503 {
				line, body = "HTTP/1.1 503 Service Unavailable", `{"detail":"the payment provider does not answer","retry_after":30}`
			}
			step.Response = &checks.Message{Line: line, Headers: []checks.Header{
				{Name: "Content-Type", Value: "application/json"},
				{Name: "Content-Length", Value: strconv.Itoa(len(body))},
				{Name: "Server", Value: "uvicorn"},
				{Name: "Set-Cookie", Value: "session=[redacted]; Path=/; HttpOnly"},
			}, Body: body, Size: int64(len(body))}
			step.Assertions = []checks.Outcome{
				{Assertion: "status in 200..299", Holds: a.Code < 300, Detail: detail(a.Code >= 300, fmt.Sprintf("status = %d", a.Code))},
				{Assertion: "latency < 300ms", Holds: a.Status != checks.Degraded, Degrades: true, Detail: detail(a.Status == checks.Degraded, "latency = "+a.Phases.Total().Round(time.Millisecond).String())},
			}
		} else {
			step.Error = a.Reason
		}
		steps := []checks.StepEvidence{step}
		if len(v.StepViews) > 1 {
			steps = journey(v, &step, a)
		}
		e.Attempts = append(e.Attempts, checks.AttemptEvidence{Steps: steps})
	}
	if s.Kept[v.ID] == nil {
		s.Kept[v.ID] = map[checks.RunID]*checks.Evidence{}
	}
	s.Kept[v.ID][res.Run] = e
}

// journey invents the steps of an attempt: the third failed if any did, and what
// does not run always is skipped after it.
func journey(v *checks.View, like *checks.StepEvidence, a *checks.Attempt) []checks.StepEvidence {
	var steps []checks.StepEvidence
	for i, view := range v.StepViews {
		failed := a.Status == checks.Down
		step := checks.StepEvidence{Name: view.Name, Curl: like.Curl, Request: like.Request, Response: like.Response, RemoteAddr: like.RemoteAddr}
		step.Request.Line = view.Method + " " + view.Target
		step.Phases = probe.Phases{TTFB: a.Phases.Total() / time.Duration(len(v.StepViews))}
		for _, assertion := range view.Asserts {
			step.Assertions = append(step.Assertions, checks.Outcome{Assertion: assertion, Holds: true, Detail: "status = 200"})
		}
		if failed && i == 2 {
			step.Assertions[0].Holds, step.Assertions[0].Detail = false, "status = 503"
			step.Error, step.Class = "status = 503, want 201", probe.ClassAssertion
		}
		if failed && i > 2 && !view.Always {
			step = checks.StepEvidence{Name: view.Name, Skipped: true}
		}
		steps = append(steps, step)
	}
	return steps
}

func detail(shown bool, text string) string {
	if shown {
		return text
	}
	return ""
}
