package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/limit"
)

// Pauses between attempts to reach a store that is away.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// batch is the most counters in one call that nobody waits for.
const batch = 128

// notice is the code of the warning that the store is away.
const notice = "limits_store_away"

// Run connects, keeps the connection, and tells the store what was counted
// without it. It blocks until ctx ends and everything that it started has
// ended; what this server holds is given back before.
func (s *Store) Run(ctx context.Context) error {
	var helpers sync.WaitGroup
	helping, stop := context.WithCancel(context.WithoutCancel(ctx))
	helpers.Go(func() { s.tell(helping) })
	if s.leases != nil {
		helpers.Go(func() { s.refill(helping) })
	}
	s.watch(ctx)
	stop()
	helpers.Wait()
	s.leave()
	return nil
}

// watch keeps the store up as long as it answers, until ctx ends.
func (s *Store) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if !s.reach(ctx) {
			return
		}
		s.attend(ctx)
	}
}

// reach tries until the store answers, and lets requests in. It reports false
// when ctx ends before.
func (s *Store) reach(ctx context.Context) bool {
	pause := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
		pause = min(max(2*pause, firstPause), lastPause)
		err := s.try(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		s.away(err)
	}
	drain(s.breaker.opened)
	state, _, outages, _ := s.breaker.get()
	was := s.breaker.close()
	s.up.Store(true)
	if s.health != nil {
		s.health.Clear(notice)
	}
	if state == Away {
		s.log.Info("the store of limits answers again", "away", was.Round(time.Millisecond), "outages", outages)
	}
	return true
}

// try connects if need be, tells that this server is alive, and makes the
// store's count of its requests in work right.
func (s *Store) try(ctx context.Context) error {
	if s.conn.Load() == nil {
		client, err := rueidis.NewClient(s.client)
		if err != nil {
			return fmt.Errorf("connect to the store of limits: %w", err)
		}
		s.conn.Store(&connection{client})
	}
	// Once as slowly as it likes, so that a new connection can be made; then
	// within what a request would wait.
	if err := s.heartbeat(ctx, dialTimeout); err != nil {
		return err
	}
	if err := s.heartbeat(ctx, s.budget); err != nil {
		return err
	}
	if err := s.rehearse(ctx); err != nil {
		return err
	}
	return s.resync(ctx)
}

// rehearse runs the script once: a store that speaks the protocol may still not
// run it.
func (s *Store) rehearse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	take := limit.Take{Policy: "rehearsal", Key: 1, Cost: 1, Enforced: true, Rate: limit.RateSpec{Rate: limit.PerSecond(1000), Burst: 1 << 30}}
	_, allowed, _, err := s.run(ctx, s.conn.Load(), modeTake, []item{{take: &take}})
	if err == nil && !allowed {
		err = errReply
	}
	return err
}

// resync tells the store how many requests are in work here, whatever it
// believes, and what was let in and settled while it was away.
func (s *Store) resync(ctx context.Context) error {
	if err := s.correct(ctx, true); err != nil {
		return err
	}
	s.meanwhile.settle(s.ledger)
	return s.flush(ctx)
}

// correct makes the store's count of requests in work right: of all counters, or
// of those about which there is a doubt.
func (s *Store) correct(ctx context.Context, every bool) error {
	takes := s.work.snapshot(s.ledger, every)
	for len(takes) > 0 {
		n := min(len(takes), batch)
		items := make([]item, n)
		for i := range items {
			items[i] = item{take: &takes[i], set: true}
		}
		if err := s.add(ctx, items); err != nil {
			s.doubt(items)
			return err
		}
		takes = takes[n:]
	}
	return nil
}

// attend looks after a store that is up, until it is away or ctx ends.
func (s *Store) attend(ctx context.Context) {
	beat, sweep := time.NewTicker(beatEvery), time.NewTicker(leaseSweep)
	defer beat.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.breaker.opened:
			return
		case <-beat.C:
			err := s.heartbeat(ctx, dialTimeout)
			if err == nil {
				err = s.correct(ctx, false)
			}
			if err != nil && ctx.Err() == nil {
				s.away(err)
			}
		case <-sweep.C:
			if s.leases != nil {
				s.Settle(ctx, s.leases.unused(s.leases.now(), leaseIdle))
			}
		}
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// away keeps requests from the store until it answers again.
func (s *Store) away(reason error) {
	s.up.Store(false)
	if !s.breaker.open(reason) {
		return
	}
	s.log.Warn("the store of limits is away; each limit does what its on_outage says", "error", reason)
	if s.health != nil {
		s.health.Raise(health.Notice{
			Code: notice, Severity: health.Warning, Title: "The store of limits does not answer",
			Text: "Redis does not answer in time, so servers do not share limits: each limit does what its on_outage says. Requests are not held up. It is tried again all the time.",
		})
	}
}

// failed looks at the failure of one call: what is wrong with its keys alone
// (somebody else's value, of another type) is no reason to leave the store.
func (s *Store) failed(err error) {
	if reply, ok := errors.AsType[*rueidis.RedisError](err); ok && strings.HasPrefix(reply.Error(), "WRONGTYPE") {
		s.log.Warn("the store of limits has a value that is not ours under a key of ours", "error", err)
		return
	}
	s.away(err)
}

// heartbeat tells that this server is alive, and learns how many there are.
func (s *Store) heartbeat(ctx context.Context, within time.Duration) error {
	return s.beatFor(ctx, lifeSign, within)
}

func (s *Store) beatFor(ctx context.Context, alive, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn := s.conn.Load()
	if conn == nil {
		return ErrAway
	}
	ttl := strconv.FormatInt(alive.Milliseconds(), 10)
	nodes, err := s.beat.Exec(ctx, conn, []string{s.prefix + "nodes"}, []string{s.node, ttl}).AsInt64()
	if err != nil {
		return fmt.Errorf("reach the store of limits: %w", err)
	}
	s.nodes.Store(max(nodes, 1))
	return nil
}

// tell sends the ledger to the store as it fills.
func (s *Store) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.ledger.full:
		}
		if !s.up.Load() {
			continue // resync will, and wakes us
		}
		if err := s.flush(ctx); err != nil && ctx.Err() == nil {
			s.away(err)
		}
	}
}

// flush sends everything in the ledger; what cannot be sent stays there.
func (s *Store) flush(ctx context.Context) error {
	for {
		takes := s.ledger.draw(batch)
		if len(takes) == 0 {
			return nil
		}
		items := make([]item, len(takes))
		for i := range takes {
			items[i] = item{take: &takes[i]}
		}
		err := s.add(ctx, items)
		if err != nil {
			s.ledger.restore(takes)
		}
		s.ledger.told(takes)
		if err != nil {
			return err
		}
	}
}

// add changes counters without asking.
func (s *Store) add(ctx context.Context, items []item) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn := s.conn.Load()
	if conn == nil {
		return ErrAway
	}
	_, _, _, err := s.run(ctx, conn, modeAdd, items)
	return err
}

// refill fills leases up ahead of need.
func (s *Store) refill(ctx context.Context) {
	for {
		var names []name
		select {
		case <-ctx.Done():
			return
		case n := <-s.leases.refills:
			names = append(names, n)
		}
		for len(names) < batch {
			select {
			case n := <-s.leases.refills:
				names = append(names, n)
				continue
			default:
			}
			break
		}
		if err := s.refillAll(ctx, names); err != nil && ctx.Err() == nil && !errors.Is(err, ErrAway) {
			s.away(err)
		}
	}
}

func (s *Store) refillAll(ctx context.Context, names []name) error {
	takes := make([]limit.Take, 0, len(names))
	items := make([]item, 0, len(names))
	asked := make([]name, 0, len(names))
	for _, n := range names {
		if t, want, ok := s.leases.refill(n); ok {
			takes = append(takes, t)
			items = append(items, item{take: &takes[len(takes)-1], want: want})
			asked = append(asked, n)
		}
	}
	if len(items) == 0 {
		return nil
	}
	conn := s.conn.Load()
	var verdicts []verdict
	err := ErrAway
	if conn != nil && s.up.Load() {
		call, cancel := context.WithTimeout(ctx, dialTimeout)
		_, _, verdicts, err = s.run(call, conn, modeTake, items)
		cancel()
	}
	now := s.leases.now()
	for i, n := range asked {
		if err != nil {
			s.leases.refilled(n, nil, now)
			continue
		}
		s.leases.refilled(n, &verdicts[i], now)
	}
	return err
}

// leave gives back what this server holds, as far as the store answers, and
// ends the connection.
func (s *Store) leave() {
	conn := s.conn.Load()
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if s.up.Swap(false) {
		if s.leases != nil {
			s.Settle(ctx, s.leases.unused(s.leases.now(), -1))
		}
		err := s.flush(ctx)
		if err == nil {
			err = s.beatFor(ctx, 0, stopWithin)
		}
		if err != nil {
			s.log.Warn("limits that this server holds in the store come back by themselves, as it did not answer", "error", err)
		}
	}
	conn.Close()
	s.background.Wait()
}
