package checks

import (
	"context"
	"log/slog"
	"time"

	"lapwing.dev/lapwing/internal/health"
)

const (
	queueSize    = 8192                   // finished runs that wait to be recorded
	batchWindow  = 100 * time.Millisecond // how long results wait for company before they are written
	batchSize    = 2048
	pendingLimit = 50_000 // results kept for a store that refuses them

	storeNotice = "history_not_written"
)

// recorder is the only writer of the history, and the only place where states
// change. Results are shown after the store has them on disk. When the store
// refuses (a full disk), watching goes on: states are shown, the results wait
// in memory for the store to come back, and a health notice says so.
type recorder struct {
	log     *slog.Logger
	store   Store
	health  *health.Registry
	queue   chan finished
	missed  chan Missed
	apply   func(batch []finished, into *Batch) // judges the states, in order, and adds what is to be stored
	publish func(batch []finished)              // called when the batch is on disk
	dropped func(n int)

	pending Batch // refused by the store, to be tried again
	failing bool
}

// run records until ctx ends, then writes what is left.
func (r *recorder) run(ctx context.Context) {
	for {
		batch, more := r.collect(ctx)
		r.record(ctx, batch)
		if !more {
			return
		}
	}
}

// collect waits for a first result and then a moment for more. more is false
// when ctx has ended and the queue is empty.
func (r *recorder) collect(ctx context.Context) (batch []finished, more bool) {
	var window <-chan time.Time
	if r.failing {
		timer := time.NewTimer(time.Second)
		defer timer.Stop()
		window = timer.C // try again even when nothing new comes
	}
	for len(batch) < batchSize {
		select {
		case f := <-r.queue:
			if len(batch) == 0 {
				timer := time.NewTimer(batchWindow)
				defer timer.Stop()
				window = timer.C
			}
			batch = append(batch, f)
		case m := <-r.missed:
			r.pending.Missed = append(r.pending.Missed, m)
			if window == nil {
				timer := time.NewTimer(batchWindow)
				defer timer.Stop()
				window = timer.C
			}
		case <-window:
			return batch, true
		case <-ctx.Done():
			return r.drain(batch), false
		}
	}
	return batch, true
}

func (r *recorder) drain(batch []finished) []finished {
	for {
		select {
		case f := <-r.queue:
			batch = append(batch, f)
		case m := <-r.missed:
			r.pending.Missed = append(r.pending.Missed, m)
		default:
			return batch
		}
	}
}

// record applies, writes and publishes one batch.
func (r *recorder) record(ctx context.Context, batch []finished) {
	r.apply(batch, &r.pending)
	err := r.write(ctx)
	for i := range batch {
		batch[i].unstored = err
	}
	r.publish(batch)
}

// write hands what is pending to the store. The write is not cut off by a stop:
// what ran is kept.
func (r *recorder) write(ctx context.Context) error {
	if r.pending.Empty() {
		return nil
	}
	writeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := r.store.Append(writeCtx, &r.pending)
	if err == nil {
		if r.failing {
			r.failing = false
			r.health.Clear(storeNotice)
			r.log.Info("history is written again")
		}
		r.pending.reset()
		return nil
	}
	if !r.failing {
		r.failing = true
		r.log.Error("history could not be written; results wait in memory", "error", err)
	}
	r.health.Raise(health.Notice{
		Code: storeNotice, Severity: health.Failing, Title: "Check results are not stored",
		Text: "Checks go on, but their results wait in memory: " + err.Error() + ". Free some space or repair the data folder; nothing else is needed.",
	})
	if over := len(r.pending.Results) - pendingLimit; over > 0 {
		r.pending.Results = append(r.pending.Results[:0], r.pending.Results[over:]...)
		r.dropped(over)
	}
	limit(&r.pending.Evidence, 500)
	limit(&r.pending.Transitions, 10_000)
	limit(&r.pending.Missed, 10_000)
	return err
}

// limit keeps the newest n elements.
func limit[T any](list *[]T, n int) {
	if over := len(*list) - n; over > 0 {
		*list = append((*list)[:0], (*list)[over:]...)
	}
}

// reset empties the batch, keeps moderate buffers, and lets go of what they held.
func (b *Batch) reset() {
	if cap(b.Results) > 2*batchSize {
		*b = Batch{}
		return
	}
	clear(b.Results)
	clear(b.Evidence)
	b.Results, b.Transitions, b.Evidence, b.Missed = b.Results[:0], b.Transitions[:0], b.Evidence[:0], b.Missed[:0]
}
