package limit

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Adapt bounds how many requests run at the same time by how latency answers to
// it. Every tier with an upstream of its own learns its own bound.
type Adapt struct {
	Min       int64         // lowest bound; 0 means 4
	Max       int64         // highest bound; 0 means 1000
	Initial   int64         // first bound; 0 means 20, within Min and Max
	Tolerance float64       // latency may be this many times its long average before the bound falls; 0 means 1.5
	Smoothing float64       // weight of a new bound against the one before, 0 to 1; 0 means 0.2
	Window    time.Duration // latencies are averaged over it before the bound moves; 0 means 100 ms
}

// Validate says why it cannot adapt, or returns nil.
func (a Adapt) Validate() error {
	a = a.withDefaults()
	switch {
	case a.Min < 1 || a.Max < a.Min:
		return fmt.Errorf("adaptive concurrency from %d to %d: it needs 1 ≤ min ≤ max", a.Min, a.Max)
	case a.Initial < a.Min || a.Initial > a.Max:
		return fmt.Errorf("adaptive concurrency begins at %d, outside of %d to %d", a.Initial, a.Min, a.Max)
	case !(a.Tolerance >= 1):
		return fmt.Errorf("adaptive concurrency: tolerance %v must be 1 or more", a.Tolerance)
	case !(a.Smoothing > 0 && a.Smoothing <= 1):
		return fmt.Errorf("adaptive concurrency: smoothing %v must be above 0 and not above 1", a.Smoothing)
	case a.Window <= 0:
		return fmt.Errorf("adaptive concurrency: window %v must be longer than zero", a.Window)
	}
	return nil
}

func (a Adapt) withDefaults() Adapt {
	if a.Min == 0 {
		a.Min = 4
	}
	if a.Max == 0 {
		a.Max = max(1000, a.Min)
	}
	if a.Initial == 0 {
		a.Initial = min(max(20, a.Min), a.Max)
	}
	if a.Tolerance == 0 {
		a.Tolerance = 1.5
	}
	if a.Smoothing == 0 {
		a.Smoothing = 0.2
	}
	if a.Window == 0 {
		a.Window = 100 * time.Millisecond
	}
	return a
}

const (
	minSamples  = 10       // a window goes on until it has as many
	longWeight  = 1. / 600 // of one window in the long average
	dropBackoff = 0.9
)

// adaptive bounds concurrency by the law of Gradient2 of Netflix's
// concurrency-limits: the bound is multiplied with how much the latency of a
// window is above its long average, and a queue of its square root is added,
// by which it grows as long as latency bears it. A window with drops lowers the
// bound by a tenth.
type adaptive struct {
	running atomic.Int64
	bound   atomic.Int64

	mu      sync.Mutex
	conf    Adapt
	exact   float64 // bound, not rounded
	long    float64 // average latency of long, ns
	begun   int64   // of the window
	samples int64
	sum     float64
	peak    int64 // most running in the window
	dropped bool
}

func newAdaptive(conf Adapt) *adaptive {
	a := &adaptive{exact: float64(conf.Initial)}
	a.configure(conf)
	return a
}

func (a *adaptive) configure(conf Adapt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conf = conf
	a.set(a.exact)
}

func (a *adaptive) set(bound float64) {
	a.exact = min(max(bound, float64(a.conf.Min)), float64(a.conf.Max))
	a.bound.Store(int64(a.exact))
}

// take counts one more that runs, unless the bound is reached.
func (a *adaptive) take() bool {
	if a.running.Add(1) > a.bound.Load() {
		a.running.Add(-1)
		return false
	}
	return true
}

// cancel counts one less, of which nothing is learnt.
func (a *adaptive) cancel() { a.running.Add(-1) }

// done counts one less and learns from it.
func (a *adaptive) done(latency time.Duration, dropped bool, now int64) {
	running := a.running.Add(-1) + 1
	if latency <= 0 && !dropped {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.samples == 0 && !a.dropped {
		a.begun = now
	}
	if latency > 0 {
		a.samples++
		a.sum += float64(latency)
	}
	a.peak = max(a.peak, running)
	a.dropped = a.dropped || dropped
	if now-a.begun < int64(a.conf.Window) || a.samples < minSamples && !a.dropped {
		return
	}
	a.learn()
	a.samples, a.sum, a.peak, a.dropped = 0, 0, 0, false
}

// learn moves the bound at the end of a window.
func (a *adaptive) learn() {
	if a.samples > 0 {
		short := a.sum / float64(a.samples)
		if a.long == 0 {
			a.long = short
		}
		a.long += (short - a.long) * longWeight
		if a.long > 2*short {
			a.long *= 0.95 // it has become much faster: forget the old times sooner
		}
		// A bound that nobody reaches says nothing about what is too much.
		if !a.dropped && float64(a.peak) >= a.exact/2 {
			gradient := min(max(a.conf.Tolerance*a.long/short, 0.5), 1)
			next := a.exact*gradient + math.Sqrt(a.exact)
			a.set(a.exact*(1-a.conf.Smoothing) + next*a.conf.Smoothing)
		}
	}
	if a.dropped {
		a.set(a.exact * dropBackoff)
	}
}
