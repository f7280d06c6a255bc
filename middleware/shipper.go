package middleware

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

const (
	grace      = 5 * time.Second // to send what is left when Run's context has ended
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// shipper sends exchanges to the server, one batch after the other. A batch that
// did not arrive is tried again, while the ring fills and then drops.
type shipper struct {
	ring    *ring
	post    *poster
	onError func(error)
	every   time.Duration
	sent    atomic.Uint64

	started atomic.Bool
	closing chan struct{} // closed by the first close
	done    chan struct{} // closed when run has ended
	once    sync.Once

	batch     batch     // of run
	complains time.Time // of run: when onError was last called
}

func newShipper(o *Options) *shipper {
	return &shipper{
		ring: newRing(o.Buffer), post: newPoster(o), onError: o.OnError, every: o.Interval,
		closing: make(chan struct{}), done: make(chan struct{}),
	}
}

func (s *shipper) observe(e *observe.Exchange) { s.ring.push(e) }

func (s *shipper) stats() Stats {
	waiting, lost := s.ring.figures()
	return Stats{Sent: s.sent.Load(), Dropped: lost, Waiting: waiting}
}

// run sends until ctx ends or close is called, and beside is to be done until
// then.
func (s *shipper) run(ctx context.Context, beside func(context.Context)) error {
	if s.started.Swap(true) {
		return errors.New("middleware: Run or Close was called before")
	}
	s.work(ctx, context.WithoutCancel(ctx), beside)
	return nil
}

// close ends run and waits for it. Where run was never called it does its work.
func (s *shipper) close(ctx context.Context) error {
	s.once.Do(func() { close(s.closing) })
	if !s.started.Swap(true) {
		s.work(ctx, ctx, func(context.Context) {})
	}
	select {
	case <-s.done:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work sends until running ends or close is called; sending ends what it still
// tries to do then.
func (s *shipper) work(running, sending context.Context, beside func(context.Context)) {
	defer close(s.done)
	defer s.post.close()
	defer s.ring.close()
	running, stop := context.WithCancel(running)
	defer stop()
	sending, abort := context.WithCancel(sending)
	defer abort()

	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { beside(running) })
	group.Go(func() {
		select {
		case <-running.Done():
		case <-s.closing:
		}
		stop()
		last := time.NewTimer(grace)
		defer last.Stop()
		select {
		case <-last.C:
			abort()
		case <-sending.Done():
		}
	})
	s.loop(running, sending)
	stop()
	abort()
}

// loop sends a batch whenever one is full or the interval has passed.
func (s *shipper) loop(running, sending context.Context) {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for running.Err() == nil {
		select {
		case <-running.Done():
		case <-s.closing:
		case <-ticker.C:
		case <-s.ring.wake:
		}
		for running.Err() == nil && s.fill() {
			s.deliver(running, sending)
		}
		select {
		case <-s.closing:
			s.last(sending)
			return
		default:
		}
	}
	s.last(sending)
}

// fill makes the next batch unless there is one that has not arrived.
func (s *shipper) fill() bool { return s.batch.count > 0 || s.batch.fill(s.ring) }

// deliver tries to send the batch until it arrives, the server refuses it for
// good, or running ends.
func (s *shipper) deliver(running, sending context.Context) {
	backoff := minBackoff
	for {
		pause, err := s.send(sending)
		if s.batch.count == 0 {
			return
		}
		s.complain(err)
		if pause == 0 {
			pause = backoff/2 + rand.N(backoff) //nolint:gosec // so that many do not come at once; nobody gains by guessing
			backoff = min(2*backoff, maxBackoff)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-running.Done():
			timer.Stop()
			return
		}
	}
}

// last sends what is left, with one attempt for each batch, until one fails.
func (s *shipper) last(sending context.Context) {
	for s.fill() {
		if _, err := s.send(sending); err != nil && s.batch.count > 0 {
			waiting, _ := s.ring.figures()
			s.ring.drop(uint64(s.batch.count))
			s.onError(fmt.Errorf("%d exchanges are lost at the end: %w", s.batch.count+waiting, err))
			return
		}
	}
}

// send tries once. The batch is empty afterwards when it has arrived, or never
// will.
func (s *shipper) send(ctx context.Context) (pause time.Duration, err error) {
	untold := s.ring.untold()
	answer, err := s.post.send(ctx, &s.batch, untold)
	switch {
	case err == nil:
		refused := min(answer.Rejected, s.batch.count)
		s.ring.told(untold)
		s.sent.Add(uint64(s.batch.count - refused)) //nolint:gosec // not negative
		if refused > 0 {
			s.ring.drop(uint64(refused))
			s.complain(fmt.Errorf("the server refused %d of %d exchanges: %s", refused, s.batch.count, answer.reason()))
		}
	case answer.final:
		s.ring.drop(uint64(s.batch.count)) //nolint:gosec // not negative
		s.complain(err)
	default:
		return answer.pause, err
	}
	s.batch.reset()
	return 0, err
}

// complain tells of an error, once a second at most.
func (s *shipper) complain(err error) {
	if now := time.Now(); now.Sub(s.complains) >= time.Second {
		s.complains = now
		s.onError(err)
	}
}
