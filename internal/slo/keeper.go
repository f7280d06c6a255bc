package slo

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/health"
)

// The bounds of what waits for a store that does not take it.
const (
	retryAfter   = 30 * time.Second
	stopWithin   = 5 * time.Second
	maxWaiting   = 600 // steps of five minutes: two days
	mergedAtOnce = 64  // steps that are read, changed and written together
)

// keeper writes to the store, so that nobody who counts or judges waits for a disk.
type keeper struct {
	log     *slog.Logger
	store   Store
	health  *health.Registry
	learned func(Step) // told of each hour that is complete, without k.mu

	wake chan struct{} // has one element when there is something to write
	done chan struct{} // closed when nothing more will come

	mu      sync.Mutex
	puts    map[int64]Step                 // of five minutes, by start
	lates   map[int64]map[stepPlace]Counts // to be added to stored steps, by start
	hours   map[int64]bool                 // to be rolled up
	state   []Condition
	changed bool // state is to be written
	kinds   []TopError
	jobs    []func(context.Context) // readings that somebody waits for
	pruned  time.Time
	lost    uint64 // steps that were given up
}

func newKeeper(log *slog.Logger, store Store, notices *health.Registry) *keeper {
	return &keeper{
		log: log, store: store, health: notices, wake: make(chan struct{}, 1), done: make(chan struct{}),
		puts: map[int64]Step{}, lates: map[int64]map[stepPlace]Counts{}, hours: map[int64]bool{}, learned: func(Step) {},
	}
}

// put stores a step of five minutes in the place of what was stored of it.
func (k *keeper) put(s Step) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.puts[s.Start.Unix()] = s
	for len(k.puts) > maxWaiting {
		delete(k.puts, slices.Min(slices.Collect(maps.Keys(k.puts))))
		k.lost++
	}
	k.call()
}

// late adds counts to a step that was put before. It waits for the next put.
func (k *keeper) late(start int64, list []Counts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.lates[start]
	if of == nil {
		of = map[stepPlace]Counts{}
		k.lates[start] = of
	}
	for i := range list {
		c := &list[i]
		if c.Requests == 0 {
			continue
		}
		sum, found := of[stepPlace{c.API, c.Operation}]
		if !found {
			of[stepPlace{c.API, c.Operation}] = c.clone()
			continue
		}
		sum.Merge(c)
		of[stepPlace{c.API, c.Operation}] = sum
	}
}

// roll makes the step of an hour of its steps of five minutes.
func (k *keeper) roll(hour int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hours[hour] = true
	k.call()
}

// conditions stores what is to be known after a restart, at once.
func (k *keeper) conditions(list []Condition) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.changed = list, true
	k.call()
}

// top stores the kinds of failures with the next put.
func (k *keeper) top(list []TopError) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if list != nil {
		k.kinds = list
	}
}

// do runs something that reads the store, on the goroutine that writes it.
func (k *keeper) do(job func(context.Context)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jobs = append(k.jobs, job)
	k.call()
}

func (k *keeper) call() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// close lets run end when it has written everything.
func (k *keeper) close() { close(k.done) }

// run writes until close; what ctx's end interrupts is written then.
func (k *keeper) run(ctx context.Context) {
	retry := time.NewTimer(retryAfter)
	defer retry.Stop()
	for {
		select {
		case <-k.done:
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			defer cancel()
			if err := k.flush(last); err != nil {
				k.log.Error("counts of the last minutes are lost", "error", err)
			}
			return
		case <-k.wake:
		case <-retry.C:
		}
		k.work(ctx)
		switch err := k.flush(ctx); {
		case err == nil:
			k.health.Clear("slo_store")
		case ctx.Err() == nil:
			k.log.Warn("counts and conditions cannot be stored; they wait in memory", "error", err)
			k.health.Raise(health.Notice{
				Code: "slo_store", Severity: health.Failing, Title: "Error budgets are not stored",
				Text: "Counts for error budgets wait in memory and would be lost in a restart: " + err.Error(),
			})
		}
		retry.Reset(retryAfter)
	}
}

// work runs the jobs that wait.
func (k *keeper) work(ctx context.Context) {
	k.mu.Lock()
	jobs := k.jobs
	k.jobs = nil
	k.mu.Unlock()
	for _, job := range jobs {
		job(ctx)
	}
}

// flush writes what waits. What the store refuses keeps waiting.
func (k *keeper) flush(ctx context.Context) error {
	if err := k.writeState(ctx); err != nil {
		return err
	}
	if err := k.writePuts(ctx); err != nil {
		return err // and nothing may be added to steps that are not there
	}
	if err := k.writeLates(ctx); err != nil {
		return err
	}
	if err := k.writeHours(ctx); err != nil {
		return err
	}
	return k.prune(ctx)
}

func (k *keeper) writeState(ctx context.Context) error {
	k.mu.Lock()
	state, changed, kinds := k.state, k.changed, k.kinds
	k.changed, k.kinds = false, nil
	k.mu.Unlock()
	var err error
	if changed {
		err = k.store.PutConditions(ctx, state)
	}
	if err == nil && kinds != nil {
		changed, err = false, k.store.PutTopErrors(ctx, kinds)
	}
	if err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.changed = k.changed || changed // what is written then is the state of then
		if k.kinds == nil {
			k.kinds = kinds
		}
	}
	return err
}

func (k *keeper) writePuts(ctx context.Context) error {
	k.mu.Lock()
	steps := slices.SortedFunc(maps.Values(k.puts), byStart)
	k.puts = map[int64]Step{}
	k.mu.Unlock()
	if len(steps) == 0 {
		return nil
	}
	err := k.store.PutSteps(ctx, steps)
	if err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, s := range steps {
			if _, newer := k.puts[s.Start.Unix()]; !newer {
				k.puts[s.Start.Unix()] = s
			}
		}
	}
	return err
}

func (k *keeper) writeLates(ctx context.Context) error {
	k.mu.Lock()
	waiting := k.lates
	k.lates = map[int64]map[stepPlace]Counts{}
	k.mu.Unlock()
	for starts := range slices.Chunk(slices.Sorted(maps.Keys(waiting)), mergedAtOnce) {
		if err := k.merge(ctx, starts, waiting); err != nil {
			for start, of := range waiting {
				k.late(start, slices.Collect(maps.Values(of)))
			}
			return err
		}
		for _, start := range starts {
			delete(waiting, start)
			if hour := start - start%3600; hour+3600 <= time.Now().Unix() {
				k.mu.Lock()
				k.hours[hour] = true
				k.mu.Unlock()
			}
		}
	}
	return nil
}

// merge adds what came late to stored steps, and stores them again.
func (k *keeper) merge(ctx context.Context, starts []int64, late map[int64]map[stepPlace]Counts) error {
	steps := make([]Step, 0, len(starts))
	for _, start := range starts {
		from := time.Unix(start, 0).UTC()
		step, found, err := k.read(ctx, Query{Length: fineStep, From: from, To: from.Add(fineStep)})
		if err != nil {
			return err
		}
		if !found { // nobody was counting, but somebody wrote a log
			step = Step{Start: from, Length: fineStep, Covered: fineStep}
		}
		index := make(map[stepPlace]int, len(step.Counts))
		for i := range step.Counts {
			index[stepPlace{step.Counts[i].API, step.Counts[i].Operation}] = i
		}
		step.merge(slices.Collect(maps.Values(late[start])), index)
		steps = append(steps, step)
	}
	return k.store.PutSteps(ctx, steps)
}

// read sums stored steps to one.
func (k *keeper) read(ctx context.Context, q Query) (sum Step, found bool, err error) {
	sum.Start, sum.Length = q.From, q.To.Sub(q.From)
	index := map[stepPlace]int{}
	err = k.store.Steps(ctx, q, func(s Step) error {
		found = true
		sum.Covered += s.Covered
		sum.merge(s.Counts, index)
		return nil
	})
	return sum, found, err
}

func (k *keeper) writeHours(ctx context.Context) error {
	k.mu.Lock()
	hours := slices.Sorted(maps.Keys(k.hours))
	k.mu.Unlock()
	for _, hour := range hours {
		from := time.Unix(hour, 0).UTC()
		sum, found, err := k.read(ctx, Query{Length: fineStep, From: from, To: from.Add(time.Hour)})
		if err != nil {
			return err
		}
		if found {
			if err := k.store.PutSteps(ctx, []Step{sum}); err != nil {
				return err
			}
			k.learned(sum)
		}
		k.mu.Lock()
		delete(k.hours, hour)
		k.mu.Unlock()
	}
	return nil
}

// prune forgets old steps once an hour, and not before the clock has gone evenly
// for an hour: one that is set ahead for a moment must not cost a budget its
// history.
func (k *keeper) prune(ctx context.Context) error {
	now := time.Now()
	passed := now.Sub(k.pruned) // by the monotonic clock
	switch {
	case k.pruned.IsZero() || jumped(now.Round(0).Sub(k.pruned.Round(0)), passed):
		k.pruned = now
		return nil
	case passed < time.Hour:
		return nil
	}
	if err := k.store.PruneSteps(ctx, fineStep, now.Add(-KeepFine)); err != nil {
		return err
	}
	if err := k.store.PruneSteps(ctx, time.Hour, now.Add(-KeepHourly)); err != nil {
		return err
	}
	k.pruned = now
	return nil
}

// jumped reports whether the wall clock has gone otherwise than time has.
func jumped(wall, passed time.Duration) bool { return (wall - passed).Abs() > 10*time.Minute }

func byStart(a, b Step) int { return cmp.Compare(a.Start.Unix(), b.Start.Unix()) }
