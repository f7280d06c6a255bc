package slo_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/slo/slotest"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store that forgets everything with the test, and may be told to fail.
type memory struct {
	mu         sync.Mutex
	steps      map[time.Duration]map[int64]slo.Step
	conditions []slo.Condition
	kinds      []slo.TopError
	broken     bool
	unreadable int // so many readings of steps fail
}

var errBroken = errors.New("no space left on device")

func (s *memory) do(ctx context.Context, work func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return errBroken
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	work()
	return nil
}

func (s *memory) fail(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

func (s *memory) PutSteps(ctx context.Context, steps []slo.Step) error {
	return s.do(ctx, func() {
		if s.steps == nil {
			s.steps = map[time.Duration]map[int64]slo.Step{}
		}
		for _, step := range steps {
			if s.steps[step.Length] == nil {
				s.steps[step.Length] = map[int64]slo.Step{}
			}
			step.Counts = slices.Clone(step.Counts)
			s.steps[step.Length][step.Start.Unix()] = step
		}
	})
}

func (s *memory) Steps(ctx context.Context, q slo.Query, visit func(slo.Step) error) error {
	var list []slo.Step
	unreadable := false
	err := s.do(ctx, func() {
		if unreadable = s.unreadable > 0; unreadable {
			s.unreadable--
			return
		}
		for _, step := range s.steps[q.Length] {
			if step.Start.Before(q.From) || !step.Start.Before(q.To) {
				continue
			}
			step.Counts = slices.DeleteFunc(slices.Clone(step.Counts), func(c slo.Counts) bool {
				return q.API != "" && c.API != q.API || q.Operation != "" && c.Operation != q.Operation
			})
			list = append(list, step)
		}
	})
	if unreadable {
		return errBroken
	}
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b slo.Step) int { return cmp.Compare(a.Start.Unix(), b.Start.Unix()) })
	for _, step := range list {
		if err := visit(step); err != nil {
			return err
		}
	}
	return nil
}

func (s *memory) PruneSteps(ctx context.Context, length time.Duration, before time.Time) error {
	return s.do(ctx, func() {
		for start, step := range s.steps[length] {
			if step.Start.Before(before) {
				delete(s.steps[length], start)
			}
		}
	})
}

func (s *memory) PutConditions(ctx context.Context, list []slo.Condition) error {
	return s.do(ctx, func() { s.conditions = slices.Clone(list) })
}

func (s *memory) Conditions(ctx context.Context) (list []slo.Condition, err error) {
	err = s.do(ctx, func() { list = slices.Clone(s.conditions) })
	return list, err
}

func (s *memory) PutTopErrors(ctx context.Context, list []slo.TopError) error {
	return s.do(ctx, func() { s.kinds = slices.Clone(list) })
}

func (s *memory) TopErrors(ctx context.Context) (list []slo.TopError, err error) {
	err = s.do(ctx, func() { list = slices.Clone(s.kinds) })
	return list, err
}

func TestTheStoreOfTheseTestsKeepsTheContract(t *testing.T) {
	slotest.Run(t, func(*testing.T) slo.Store { return &memory{} })
}

// bench is a Manager at work, within a bubble of synctest.
type bench struct {
	*slo.Manager
	t       *testing.T
	store   *memory
	notices *health.Registry
	stop    func()

	mu   sync.Mutex
	list []slo.Condition // of the last tick
	ever map[string]bool // alerts that ever fired, by name and operation
}

// work starts a Manager on what a store has.
func work(t *testing.T, store *memory, apis ...catalog.API) *bench {
	t.Helper()
	return workWith(t, store, slo.Deps{}, apis...)
}

func workWith(t *testing.T, store *memory, d slo.Deps, apis ...catalog.API) *bench {
	t.Helper()
	b := &bench{t: t, store: store, notices: &health.Registry{}, ever: map[string]bool{}}
	d.Log, d.Store, d.Health, d.Changed = slog.New(slog.DiscardHandler), store, b.notices, b.changed
	b.Manager = slo.New(d)
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.configure(apis...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	b.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(b.stop)
	synctest.Wait()
	return b
}

func (b *bench) configure(apis ...catalog.API) {
	b.t.Helper()
	commit, err := b.Prepare(slo.Config{APIs: apis})
	if err != nil {
		b.t.Fatal(err)
	}
	commit()
}

func (b *bench) changed(list []slo.Condition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = list
	for i := range list {
		if list[i].State != slo.Pending {
			b.ever[list[i].Alert+" "+list[i].Operation] = true
		}
	}
}

// now is what is wrong as of the last tick: "critical ErrorRateHigh GET / firing".
func (b *bench) now() []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, c := range b.list {
		list = append(list, c.Severity+" "+c.Alert+" "+c.Operation+" "+string(c.State))
	}
	return list
}

func (b *bench) want(list ...string) {
	b.t.Helper()
	if got := b.now(); !slices.Equal(got, list) {
		b.t.Errorf("at %s: got %q, want %q", time.Now().UTC().Format(time.DateTime), got, list)
	}
}

// one returns the only condition.
func (b *bench) one() slo.Condition {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.list) != 1 {
		b.t.Fatalf("%d conditions, want one: %+v", len(b.list), b.list)
	}
	return b.list[0]
}

// send observes requests that end now.
func (b *bench) send(route string, status, n int, took time.Duration) {
	for range n {
		b.Observe(exchange(route, status, time.Now(), took))
	}
}

// exchange is one that ended at a time.
func exchange(route string, status int, ended time.Time, took time.Duration) *observe.Exchange {
	return &observe.Exchange{
		Time: ended.Add(-took), Duration: took, Source: observe.SourceGateway, API: "orders", Operation: "GET " + route, Route: route,
		Method: "GET", Path: route, Status: status, Verdict: observe.Allowed, RequestID: "r1", Upstream: "http://127.0.0.1:8000",
	}
}

// traffic sends requests once a second for a while, of which a share fails.
func (b *bench) traffic(route string, rate int, failing float64, length time.Duration) {
	owed := 0.0
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(time.Second) {
		owed += float64(rate) * failing
		bad := int(owed)
		owed -= float64(bad)
		b.send(route, 200, rate-bad, 20*time.Millisecond)
		b.send(route, 500, bad, 5*time.Millisecond)
	}
}

func api() catalog.API { return catalog.API{Name: "orders", URL: "http://127.0.0.1:8000"} }

func with(objectives ...catalog.Objective) catalog.API {
	a := api()
	a.Objectives = objectives
	return a
}

func share(n float64) *units.Share {
	s := units.Share(n)
	return &s
}

// fired are the alerts that ever fired.
func (b *bench) fired() []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.ever))
}
