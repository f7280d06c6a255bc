package upstream

import (
	"net/http"
	"strconv"
	"time"
)

// judge turns what one attempt met into what it says of the server.
func judge(status int, err error, clientsFault bool) verdict {
	switch {
	case clientsFault:
		return void
	case err != nil:
		return failed
	case unavailable(status):
		return poor
	case status >= 500:
		return erred
	default:
		return good
	}
}

// unavailable are the answers by which a server, or a proxy on it, says that it
// cannot serve. A 500 says that it cannot serve this request: whoever knows a URL
// that fails must not be able to take servers out with it.
func unavailable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// settle tells server and pool how an attempt went.
func (p *Pool) settle(m *member, v verdict, why string) {
	s := m.server
	switch v {
	case void:
		return
	case good:
		if s.inARow.Load() != 0 {
			s.inARow.Store(0)
		}
		return
	case erred:
		s.failed.Add(1)
		return
	}
	s.failed.Add(1)
	inARow := s.inARow.Add(1)
	if p.cfg.Ejection.After > 0 && int(inARow) >= p.cfg.Ejection.After {
		p.eject(m, why)
	}
}

// eject takes a server out for a time, the longer the more often it happened
// lately, unless too many of the pool are out already.
//
// The count of failures in a row goes on: a server that comes back and fails
// at once is out again at once.
func (p *Pool) eject(m *member, why string) {
	now := p.registry.now()
	out := 1
	for i := range p.members {
		if other := &p.members[i]; other != m && (other.server.out(now) || other.checker != nil && other.checker.down.Load()) {
			out++
		}
	}
	if out >= len(p.members) || float64(out) > max(1, p.cfg.Ejection.MaxShare*float64(len(p.members))) {
		return
	}
	s, c := m.server, &p.cfg.Ejection
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out(now) {
		return
	}
	// One ejection is forgiven for each first time's length that it did well since.
	if back := time.Duration(s.until.Load()); s.ejected > 0 && back > 0 {
		s.ejected = max(s.ejected-int((now-back)/c.Time), 0)
	}
	s.ejected++
	s.total++
	s.why = why
	length := min(time.Duration(s.ejected)*c.Time, c.MaxTime)
	s.since.Store(int64(now + length))
	s.until.Store(int64(now + length))
	p.log.Warn("an upstream is taken out", "pool", p.cfg.Name, "upstream", s.origin, "for", length, "reason", why)
}

// reason puts a failed attempt into a few words without anything of the client's.
func reason(status int, err error) string {
	if err != nil {
		return err.Error()
	}
	return "it answered " + strconv.Itoa(status)
}
