package slo

import (
	"fmt"
	"math"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/units"
)

// What is unusual is judged by the last ten whole minutes, and has to stay so for
// as long: people and cron jobs are not punctual.
const (
	judgedMinutes = 10
	unusualFor    = 10 * time.Minute

	usualWeeks    = 4
	hoursOfWeek   = 7 * 24
	deviations    = 4  // from the median, in standard deviations estimated by the MAD
	leastSpread   = .1 // of the median: past weeks that were all alike prove nothing
	madToSigma    = 1.4826
	leastSlower   = 20 * time.Millisecond
	coveredEnough = 30 * time.Minute // of an hour, for it to count as one
)

// unusual is an API's section `unusual`, filled in.
type unusual struct {
	alerts        bool
	weeks         int
	slower, spike float64
	drop          float64
	minRequests   float64 // within ten minutes
}

func newUnusual(u *catalog.Unusual) unusual {
	return unusual{
		alerts: deref(u.Enabled, true), weeks: deref(u.Weeks, 2),
		slower: deref(u.Slower, 1.5), spike: deref(u.Spike, 3), drop: float64(deref(u.Drop, .3)),
		minRequests: float64(count(u.MinRequests, 50)),
	}
}

// usual is what the hours of the last weeks were like.
type usual struct {
	hours [usualWeeks*hoursOfWeek + 3]hourOf
}

// hourOf is what one hour was like.
type hourOf struct {
	hour     int32 // since the Unix epoch: which one it is
	rate     float32
	requests uint32
	p95      uint32 // microseconds
}

func (u *usual) at(hour int64) *hourOf { return &u.hours[hour%int64(len(u.hours))] }

// learn takes an hour that is complete.
func (m *Manager) learn(s Step) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learnLocked(s)
}

func (m *Manager) learnLocked(s Step) {
	hour := s.Start.Unix() / 3600
	if s.Covered < coveredEnough || hour < m.slot.Load()*slotLength/3600-usualWeeks*hoursOfWeek-1 {
		return
	}
	apis := *m.operations.apis.Load()
	whole := map[string]*Counts{}
	for i := range s.Counts {
		c := &s.Counts[i]
		if apis[c.API] == nil {
			continue
		}
		if op := m.operations.find(c.API, c.Operation); op != nil {
			op.learn(hour, s.Covered, c)
		}
		if whole[c.API] == nil {
			whole[c.API] = &Counts{}
		}
		whole[c.API].Merge(c)
	}
	// Who had no requests is known to have had none, once he is known.
	none := Counts{}
	for op := range m.each() {
		if op.usual != nil && op.usual.at(hour).hour != int32(hour) { // #nosec G115 -- hours fit for 200,000 years
			op.learn(hour, s.Covered, &none)
		}
	}
	for _, subject := range m.subjects {
		if c := whole[subject.api]; c != nil {
			subject.learn(hour, s.Covered, c)
		} else if subject.usual != nil {
			subject.learn(hour, s.Covered, &none)
		}
	}
}

func (s *subject) learn(hour int64, covered time.Duration, c *Counts) {
	if s.usual == nil {
		s.usual = &usual{}
	}
	*s.usual.at(hour) = hourOf{
		hour: int32(hour), rate: float32(float64(c.Requests) / covered.Seconds()), // #nosec G115 -- as above
		requests: clip(c.Requests), p95: micros(quantiles(c.Latency, .95)[0]),
	}
}

// past is what is usual for an hour: the median of past weeks, how far they were
// from it, and the least and the most of the medians of its neighbours, because
// clocks are changed and nobody is punctual.
type past struct {
	median, sigma, least, most float64
}

// past returns what is usual; false while fewer weeks are known than it takes.
func (u *usual) past(now int64, weeks int, value func(*hourOf) (float64, bool)) (p past, found bool) {
	p.least = math.Inf(1)
	for _, neighbour := range [...]int64{0, -1, 1} {
		var values []float64
		for week := int64(1); week <= usualWeeks; week++ {
			hour := now/3600 + neighbour - week*hoursOfWeek
			if h := u.at(hour); int64(h.hour) == hour {
				if v, counts := value(h); counts {
					values = append(values, v)
				}
			}
		}
		if len(values) < weeks {
			if neighbour == 0 {
				return past{}, false
			}
			continue
		}
		middle := median(values)
		if neighbour == 0 {
			p.median = middle
			for i := range values {
				values[i] = math.Abs(values[i] - middle)
			}
			p.sigma = max(median(values)*madToSigma, leastSpread*middle)
		}
		p.least, p.most = min(p.least, middle), max(p.most, middle)
	}
	return p, true
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// judgeUnusual looks at latency, spike and drop.
func (m *Manager) judgeUnusual(now time.Time, s *subject, u *unusual) {
	if !u.alerts {
		s.unusualAlarms = [3]alarm{}
		return
	}
	if s.usual == nil || now.Sub(m.began) < (judgedMinutes+1)*time.Minute {
		return // what was not seen is not unusual
	}
	for i, read := range [...]func(int64, *unusual) reading{s.readSlower, s.readSpike, s.readDrop} {
		s.unusualAlarms[i].look(now, read(now.Unix(), u), unusualFor, unusualFor)
	}
}

// ratePast is what is usual of the rate, requests per second.
func (s *subject) ratePast(now int64, u *unusual) (past, bool) {
	return s.usual.past(now, u.weeks, func(h *hourOf) (float64, bool) { return float64(h.rate), true })
}

func (s *subject) rate() float64 {
	c := s.minutes.last(judgedMinutes)
	return float64(c.requests) / (judgedMinutes * 60)
}

func (s *subject) readSpike(now int64, u *unusual) reading {
	p, found := s.ratePast(now, u)
	if !found {
		return unknown
	}
	rate, least := s.rate(), u.minRequests/(judgedMinutes*60)
	limit := u.spike * max(p.most, least)
	switch {
	case rate >= limit && rate-p.most >= deviations*p.sigma:
		return holds
	case rate >= calmBelow*limit:
		return between
	}
	return calm
}

func (s *subject) readDrop(now int64, u *unusual) reading {
	p, found := s.ratePast(now, u)
	if !found {
		return unknown
	}
	rate := s.rate()
	switch {
	case p.least < u.minRequests/(judgedMinutes*60):
		return calm // at this hour there is never much
	case rate <= u.drop*p.least && p.least-rate >= deviations*p.sigma:
		return holds
	case rate*calmBelow <= u.drop*p.least:
		return between
	}
	return calm
}

// latencyPast is what is usual of the p95, in seconds.
func (s *subject) latencyPast(now int64, u *unusual) (past, bool) {
	return s.usual.past(now, u.weeks, func(h *hourOf) (float64, bool) {
		return float64(h.p95) / 1e6, float64(h.requests) >= u.minRequests
	})
}

func (s *subject) readSlower(now int64, u *unusual) reading {
	p, found := s.latencyPast(now, u)
	if !found {
		return unknown
	}
	p95 := s.p95().Seconds()
	limit := u.slower * p.most
	switch {
	case s.sum.requests == 0:
		return nothing
	case float64(s.sum.requests) < u.minRequests:
		return between
	case p95 >= limit && p95-p.most >= max(deviations*p.sigma, leastSlower.Seconds()):
		return holds
	case p95 >= calmBelow*limit:
		return between
	}
	return calm
}

func (s *subject) p95() time.Duration { return quantiles(s.latency.sum[:], .95)[0] }

// collectUnusual lists what is unusual: what is so of the whole API is not told
// of its operations again.
func (m *Manager) collectUnusual(list []Condition, a *api, ops []*operation, now time.Time) []Condition {
	for i, name := range [...]string{LatencyRegression, TrafficSpike, TrafficDrop} {
		add := func(s *subject, u *unusual) {
			if of := &s.unusualAlarms[i]; of.state != "" && s.usual != nil {
				c := of.condition(name, Warning, s.api, s.name)
				s.describeUnusual(&c, u, now)
				list = append(list, c)
			}
		}
		add(a.whole, &a.policy.unusual)
		if a.whole.unusualAlarms[i].on() {
			continue
		}
		for _, op := range ops {
			add(&op.subject, &a.policy.unusual)
		}
	}
	return list
}

// describeUnusual says in words what is unusual.
func (s *subject) describeUnusual(c *Condition, u *unusual, now time.Time) {
	who := s.title()
	c.Page = pageOf(s.api, s.method, s.route, c.Since.Add(-time.Hour), now)
	c.Requests, c.Errors = uint64(s.sum.requests), uint64(s.sum.errors)
	if c.Alert == LatencyRegression {
		p, _ := s.latencyPast(now.Unix(), u)
		c.Value, c.Threshold = s.p95().Seconds(), u.slower*p.most
		c.Summary = fmt.Sprintf("%s is slow: p95 %s, usual for this hour are %s", who, seconds(c.Value), seconds(p.median))
		c.Description = fmt.Sprintf("Of %s in %s, 5 %% took longer than %s. At this hour of past weeks it was %s. An alert begins at %s. It began %s.",
			requests(c.Requests), units.Duration(s.over), seconds(c.Value), seconds(p.median), seconds(c.Threshold), clock(c.Since))
		if c.State == NoData {
			c.Summary = fmt.Sprintf("%s was slow, and has had no requests since %s", who, clock(c.Quiet))
		}
		return
	}
	p, _ := s.ratePast(now.Unix(), u)
	c.Value = s.rate()
	perMinute := func(rate float64) string { return factor(rate*60) + " requests a minute" }
	switch {
	case c.Alert == TrafficSpike:
		c.Threshold = u.spike * max(p.most, u.minRequests/(judgedMinutes*60))
		c.Summary = fmt.Sprintf("%s has unusually many requests: %s, usual for this hour are %s", who, perMinute(c.Value), factor(p.median*60))
	case c.Value == 0:
		c.Threshold = u.drop * p.least
		c.Summary = fmt.Sprintf("%s has no requests any more; usual for this hour are %s", who, perMinute(p.median))
	default:
		c.Threshold = u.drop * p.least
		c.Summary = fmt.Sprintf("%s has unusually few requests: %s, usual for this hour are %s", who, perMinute(c.Value), factor(p.median*60))
	}
	c.Description = fmt.Sprintf("Over the last %d minutes there were %s. At this hour of past weeks there were %s, and between %s and %s around it. An alert begins at %s. It began %s.",
		judgedMinutes, perMinute(c.Value), factor(p.median*60), factor(p.least*60), factor(p.most*60), factor(c.Threshold*60), clock(c.Since))
}

// seconds writes seconds as people read them: 320ms, 1.2s.
func seconds(n float64) string {
	d := time.Duration(n * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
