package limits

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// Bounds of a simulation, so that no log needs more memory than these say.
const (
	longestLine    = 64 << 10 // bytes of a line of the log
	outOfOrder     = 50_000   // lines that are put in order: a log has requests as they ended
	clientsCounted = 100_000
	inWork         = 200_000 // requests at the same time; beyond, the next to end does so early
	defaultTop     = 10
)

// others stands for the clients after the first clientsCounted.
const others = "(others)"

// Simulation says what to replay, and how.
type Simulation struct {
	Config Config
	Names  []string                     // of the limits that hold for every request
	Logs   []io.Reader                  // access logs, oldest first: lines of observe.DecodeJSON, gzip or not
	From   time.Time                    // earlier requests are left out; zero: none are
	Top    int                          // most clients in the report; 0 means 10
	Keep   func(*observe.Exchange) bool // nil: every request
}

// Report is what limits would have done.
type Report struct {
	From     time.Time `json:"from"` // of the first request
	To       time.Time `json:"to"`   // of the last
	Requests int64     `json:"requests"`
	Skipped  int64     `json:"skipped"` // lines that are no requests that limits decide about
	Outcome
	ClientCount int            `json:"client_count"`
	Clients     []ClientReport `json:"clients"` // those that were held back most
	Limits      []LimitReport  `json:"limits"`
	Notes       []string       `json:"notes"` // what the log does not tell
}

// Outcome is how many requests were let in, and how.
type Outcome struct {
	Allowed     int64          `json:"allowed"`
	Delayed     int64          `json:"delayed"`
	Rejected    int64          `json:"rejected"`
	LongestWait units.Duration `json:"longest_wait"`
}

// ClientReport is one client.
type ClientReport struct {
	Client string `json:"client"`
	Tier   string `json:"tier,omitempty"` // of the last request
	Outcome
}

// LimitReport is one limit.
type LimitReport struct {
	Name       string `json:"name"`
	Delayed    uint64 `json:"delayed"`
	Rejected   uint64 `json:"rejected"`
	Shadowed   uint64 `json:"shadowed"` // would have been held back, were it not for its mode
	TestRefuse uint64 `json:"test_rejected"`
	Exempt     uint64 `json:"exempt"`
}

// Simulate replays logs in the time that they tell. Nothing waits, and nothing
// that is in force is touched. It ends early with the error of ctx.
func Simulate(ctx context.Context, s Simulation) (*Report, error) {
	if err := s.Config.Validate().Err(); err != nil {
		return nil, err
	}
	r, err := newReplay(&s)
	if err != nil {
		return nil, err
	}
	for i, log := range s.Logs {
		if err := r.read(ctx, log); err != nil {
			return nil, fmt.Errorf("log %d: %w", i+1, err)
		}
	}
	for r.early.Len() > 0 {
		r.play(ctx)
	}
	r.finish(ctx)
	return r.summary(s.Top), nil
}

// replay is a simulation in progress.
type replay struct {
	sim     *Simulation
	limiter *limit.Limiter
	rules   *limit.Rules
	now     int64 // of the limiter, ns since the Unix epoch
	early   exchanges
	running events
	order   int64
	clients map[string]*ClientReport
	report  Report
}

func newReplay(s *Simulation) (*replay, error) {
	r := &replay{sim: s, clients: map[string]*ClientReport{}}
	r.limiter = limit.New(limit.Options{
		Bytes: int(s.Config.Limiter.Memory), MaxWaiting: s.Config.Limiter.Waiting,
		Now: func() int64 { return r.now },
	})
	set, err := newSet(s.Config, r.limiter)
	if err != nil {
		return nil, err
	}
	// A log has the tier of a request and not what it was found by.
	for i := range set.tiers {
		name, when := set.tiers[i].Name, set.tiers[i].When
		set.tiers[i].When = func(q *limit.Request) bool {
			if c, ok := q.Token.(*caller); ok && c.tier != "" {
				return c.tier == name
			}
			return when == nil || when(q)
		}
	}
	if r.rules, err = set.Rules(s.Names); err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	r.report.Notes = s.notes()
	return r, nil
}

// notes says what the log does not tell of what the limits ask for.
func (s *Simulation) notes() []string {
	notes := []string{}
	unseen := func(text string) bool {
		for _, word := range []string{"header", "cookie", "token"} {
			if strings.Contains(strings.ReplaceAll(text, "token.sub", ""), word) {
				return true
			}
		}
		return false
	}
	for i := range s.Config.Limits {
		l := &s.Config.Limits[i]
		if !slices.Contains(s.Names, l.Name) {
			continue
		}
		for _, part := range l.Key {
			if unseen(part) {
				notes = append(notes, fmt.Sprintf("limit %q counts by %s, which an access log does not have: such requests are counted by address", l.Name, part))
			}
		}
		for j := range l.Exempt {
			if unseen(l.Exempt[j].When) {
				notes = append(notes, fmt.Sprintf("limit %q exempts by what an access log does not have: %s", l.Name, l.Exempt[j].When))
			}
		}
		if l.Cost.ResponseHeader != "" {
			notes = append(notes, fmt.Sprintf("limit %q charges by the header %s, which an access log does not have", l.Name, l.Cost.ResponseHeader))
		}
	}
	for i := range s.Config.Tiers {
		if t := &s.Config.Tiers[i]; unseen(t.When) {
			notes = append(notes, fmt.Sprintf("tier %q is taken from the log, where a request has one", t.Name))
		}
	}
	return notes
}

var errNotALog = errors.New("no line of it is a request; it should be an access log of Lapwing, one JSON object a line")

// read takes in one log.
func (r *replay) read(ctx context.Context, log io.Reader) error {
	buffered := bufio.NewReaderSize(log, 64<<10)
	if magic, err := buffered.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		unzip, err := gzip.NewReader(buffered)
		if err != nil {
			return err
		}
		buffered = bufio.NewReaderSize(unzip, 64<<10)
	}
	lines, requests := 0, 0
	for {
		line, err := readLine(buffered)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			lines++
			if r.take(ctx, line) {
				requests++
			}
		}
		if err != nil {
			break
		}
		if lines%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if lines > 0 && requests == 0 && r.report.Requests == 0 && r.early.Len() == 0 && r.report.Skipped == int64(lines) {
		return errNotALog
	}
	return nil
}

// readLine reads one line; what is longer than longestLine is left out. The
// error is io.EOF at the end, perhaps with a last line.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) <= longestLine {
			line = append(line, part...)
		} else {
			line = append(line[:0], "too long"...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// take puts a line in its place in time and plays what is due.
func (r *replay) take(ctx context.Context, line []byte) bool {
	var e observe.Exchange
	if observe.DecodeJSON(line, &e) != nil || e.Time.IsZero() || e.Time.Unix() < 0 || e.Time.Year() > 2200 {
		r.report.Skipped++
		return false
	}
	switch e.Verdict {
	case observe.Blocked, observe.Unauthorized, observe.Invalid: // never got as far as a limit
		r.report.Skipped++
		return true
	case observe.Allowed, observe.Delayed, observe.Rejected:
	}
	if e.Time.Before(r.sim.From) || r.sim.Keep != nil && !r.sim.Keep(&e) {
		r.report.Skipped++
		return true
	}
	heap.Push(&r.early, arrival{
		at: e.Time.UnixNano(), service: max(e.Duration-e.Phases.Queued, 0), latency: e.Phases.Connect + e.Phases.Wait, status: e.Status,
		request: limit.Request{Method: e.Method, Path: e.Path, Operation: e.Operation, API: e.API, Client: e.Client, Token: callerOf(&e)},
		name:    clientOf(&e),
	})
	if r.early.Len() > outOfOrder {
		r.play(ctx)
	}
	return true
}

// clientOf names who sent a request.
func clientOf(e *observe.Exchange) string {
	switch {
	case e.ClientKey != "":
		return e.ClientKey
	case e.Client.IsValid():
		return e.Client.String()
	}
	return "unknown"
}

// caller is what a log knows of who sent a request; it stands for the token.
type caller struct{ sub, tier string }

// Get implements limit.Values.
func (c *caller) Get(name string) string {
	if name == "sub" {
		return c.sub
	}
	return ""
}

func callerOf(e *observe.Exchange) *caller {
	c := &caller{tier: e.Tier}
	if sub, found := strings.CutPrefix(e.ClientKey, "sub:"); found {
		c.sub = sub
	}
	return c
}

// play decides about the earliest request.
func (r *replay) play(ctx context.Context) {
	a := heap.Pop(&r.early).(arrival) //nolint:forcetypeassert // what the heap consists of
	if key, found := strings.CutPrefix(a.name, "key:"); found {
		a.request.APIKey = key
	}
	r.until(ctx, a.at)
	r.now = max(r.now, a.at)
	if r.report.Requests == 0 {
		r.report.From = time.Unix(0, a.at).UTC()
	}
	r.report.To = time.Unix(0, r.now).UTC()
	r.report.Requests++
	d := new(limit.Decision)
	r.rules.Decide(ctx, &a.request, d)
	client := r.client(a.name)
	client.Tier = d.Tier
	for _, o := range []*Outcome{&r.report.Outcome, &client.Outcome} {
		o.count(d)
	}
	if d.Verdict == limit.Refuse {
		return
	}
	e := event{at: r.now + int64(d.Delay), order: r.order, decision: d, after: a.service, latency: a.latency, status: a.status}
	r.order++
	if d.Verdict == limit.Allow {
		e.at, e.ends = e.at+int64(a.service), true
	}
	heap.Push(&r.running, e)
	if r.running.Len() > inWork {
		first := heap.Pop(&r.running).(event) //nolint:forcetypeassert // what the heap consists of
		first.decision.Done(limit.Feedback{})
	}
}

func (o *Outcome) count(d *limit.Decision) {
	switch d.Verdict {
	case limit.Allow:
		o.Allowed++
	case limit.Delay:
		o.Delayed++
		o.LongestWait = max(o.LongestWait, units.Duration(d.Delay))
	case limit.Refuse:
		o.Rejected++
	}
}

func (r *replay) client(name string) *ClientReport {
	if c := r.clients[name]; c != nil {
		return c
	}
	if len(r.clients) >= clientsCounted {
		name = others
		if c := r.clients[name]; c != nil {
			return c
		}
	}
	c := &ClientReport{Client: name}
	r.clients[name] = c
	return c
}

// until lets requests go on and end that do so before a time.
func (r *replay) until(ctx context.Context, at int64) {
	for r.running.Len() > 0 && r.running[0].at <= at {
		e := heap.Pop(&r.running).(event) //nolint:forcetypeassert // what the heap consists of
		r.now = max(r.now, e.at)
		if e.ends {
			e.decision.Done(limit.Feedback{Status: e.status, Latency: e.latency})
			continue
		}
		// Its time has come, so this does not wait.
		if e.decision.Wait(ctx) == nil {
			e.at, e.ends = e.at+int64(e.after), true
			heap.Push(&r.running, e)
		}
	}
}

// finish lets everything end.
func (r *replay) finish(ctx context.Context) {
	for r.running.Len() > 0 {
		r.until(ctx, r.running[0].at)
	}
}

func (r *replay) summary(top int) *Report {
	r.report.ClientCount = len(r.clients)
	clients := make([]ClientReport, 0, len(r.clients))
	for _, c := range r.clients {
		clients = append(clients, *c)
	}
	slices.SortFunc(clients, func(a, b ClientReport) int {
		return cmp.Or(
			cmp.Compare(b.Rejected, a.Rejected), cmp.Compare(b.Delayed, a.Delayed),
			cmp.Compare(b.Allowed, a.Allowed), strings.Compare(a.Client, b.Client),
		)
	})
	if top <= 0 {
		top = defaultTop
	}
	r.report.Clients = clients[:min(len(clients), top)]
	r.report.Limits = []LimitReport{}
	for _, name := range r.sim.Names {
		for _, s := range r.limiter.Snapshot() {
			if s.Name == name {
				r.report.Limits = append(r.report.Limits, LimitReport{
					Name: name, Delayed: s.Delayed, Rejected: s.RejectedAll(), Shadowed: s.Shadowed, TestRefuse: s.Tested[1], Exempt: s.Exempt,
				})
			}
		}
	}
	return &r.report
}

// Override replaces the rate of a limit, for a simulation of what is not
// configured yet: "per-client=100/minute".
func (c *Config) Override(text string) error {
	name, rate, found := strings.Cut(text, "=")
	if !found {
		return fault.Invalid("%q does not say which limit gets which rate; write per-client=100/minute", text)
	}
	parsed, err := limit.ParseRate(rate)
	if err != nil {
		return fault.Invalid("%w", err)
	}
	c.Limits = slices.Clone(c.Limits)
	for i := range c.Limits {
		if c.Limits[i].Name == name {
			c.Limits[i].Rate = parsed
			return nil
		}
	}
	return fault.Invalid("there is no limit %q; the limits are %s", name, strings.Join(c.limitNames(), ", "))
}

// arrival is one request of a log.
type arrival struct {
	at               int64
	service, latency time.Duration
	status           int
	request          limit.Request
	name             string
}

// exchanges is a heap by time.
type exchanges []arrival

func (h exchanges) Len() int           { return len(h) }
func (h exchanges) Less(i, j int) bool { return h[i].at < h[j].at }
func (h exchanges) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *exchanges) Push(x any) { *h = append(*h, x.(arrival)) } //nolint:forcetypeassert // what the heap consists of

// Pop implements heap.Interface.
func (h *exchanges) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = arrival{}
	*h = old[:len(old)-1]
	return x
}

// event is when a request goes on that waits, or ends.
type event struct {
	at, order int64
	ends      bool
	decision  *limit.Decision
	after     time.Duration // how long it is in work
	latency   time.Duration
	status    int
}

// events is a heap by time; of the same time, the first that came.
type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *events) Push(x any) { *h = append(*h, x.(event)) } //nolint:forcetypeassert // what the heap consists of

// Pop implements heap.Interface.
func (h *events) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return x
}
