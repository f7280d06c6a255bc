package limittest

import (
	"sync"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
)

// Answer is what a request got.
type Answer struct {
	Rejected   bool
	RetryAfter time.Duration // of a rejection
	Waited     time.Duration // until it was let in
}

// Driver makes requests by the way that is tested.
type Driver struct {
	// Take makes one request of a client, whole, and returns what it got. It is
	// called from several goroutines.
	Take func(client string) (Answer, error)

	// Hold makes one request of a client that runs, when it is let in, until end
	// is called. nil: cases that hold requests are skipped.
	Hold func(client string) (a Answer, end func(), err error)

	// Advance lets time pass; nil is time.Sleep.
	Advance func(time.Duration)
}

// Drive plays one case. Its counters must be new.
func Drive(t *testing.T, c Case, d Driver) {
	t.Helper()
	if d.Advance == nil {
		d.Advance = time.Sleep
	}
	p := play{t: t, driver: d, held: make(map[string][]func())}
	defer p.end()
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.Hold && d.Hold == nil {
			t.Skip("this driver cannot hold requests")
		}
		if s.After > 0 {
			d.Advance(s.After)
		}
		p.step(i+1, s)
	}
}

type play struct {
	t      *testing.T
	driver Driver
	beside sync.WaitGroup
	mu     sync.Mutex
	held   map[string][]func()
}

func (p *play) end() {
	p.beside.Wait()
	for _, ends := range p.held {
		for _, end := range ends {
			end()
		}
	}
}

func (p *play) step(number int, s *Step) {
	for range s.Free {
		ends := p.held[s.Client]
		if len(ends) == 0 {
			p.t.Errorf("step %d: no request of %s is held", number, s.Client)
			return
		}
		ends[0]()
		p.held[s.Client] = ends[1:]
	}
	got := make([]Answer, max(s.AtOnce, 1))
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = p.request(number, s) })
	}
	check := func() {
		all.Wait()
		p.check(number, s, got)
	}
	if s.Beside {
		p.beside.Go(check)
		// The requests of the step are to be there before those of the next.
		p.driver.Advance(50 * time.Millisecond)
		return
	}
	check()
}

func (p *play) request(number int, s *Step) Answer {
	if !s.Hold {
		a, err := p.driver.Take(s.Client)
		if err != nil {
			p.t.Errorf("step %d: %v", number, err)
		}
		return a
	}
	a, end, err := p.driver.Hold(s.Client)
	if err != nil {
		p.t.Errorf("step %d: %v", number, err)
	}
	if end != nil && !a.Rejected {
		p.mu.Lock()
		p.held[s.Client] = append(p.held[s.Client], end)
		p.mu.Unlock()
	}
	return a
}

func (p *play) check(number int, s *Step, got []Answer) {
	in, out, waited := 0, 0, time.Duration(0)
	for _, a := range got {
		if !a.Rejected {
			in++
			waited = max(waited, a.Waited)
			continue
		}
		out++
		least, most := s.Retry[0], s.Retry[1]
		if a.RetryAfter <= 0 || a.RetryAfter < least || most > 0 && a.RetryAfter > most {
			p.t.Errorf("step %d: %s was told to come again after %v, want %v to %v", number, s.Client, a.RetryAfter, least, most)
		}
	}
	if in != s.In || out != s.Out {
		p.t.Errorf("step %d: of %d requests of %s %d were let in and %d rejected, want %d and %d",
			number, len(got), s.Client, in, out, s.In, s.Out)
	}
	least, most := s.Waited[0], s.Waited[1]
	if most == 0 {
		most = Slack
	}
	if in > 0 && (waited < least || waited > most) {
		p.t.Errorf("step %d: the last of %s waited %v, want %v to %v", number, s.Client, waited, least, most)
	}
}

// Request is the request of a client as the policies of the cases count it.
func Request(client string) *limit.Request {
	return &limit.Request{Method: "GET", Path: "/", Headers: headers{client}}
}

type headers struct{ client string }

// Get implements limit.Values.
func (h headers) Get(name string) string {
	if name == ClientHeader {
		return h.client
	}
	return ""
}
