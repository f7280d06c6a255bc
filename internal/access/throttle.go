package access

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// Failed logins that are forgiven: so many at once, then one more per interval.
//
// With passwords of twelve characters one guess per second is hopeless, so the
// limit over all addresses is there for the CPU. Whoever commands many
// addresses can use it up and so keep the password form closed; sessions and
// tokens are not touched by it.
const (
	addressBurst    = 5
	addressInterval = 20 * time.Second
	globalBurst     = 60
	globalInterval  = time.Second

	// maxAddresses bounds the memory. Addresses beyond share one bucket.
	maxAddresses = 4096
)

// bucket holds failures that drain with time. The zero value is empty.
type bucket struct {
	level float64
	at    time.Time
	told  time.Time // until when nobody need be told that it is full
}

// drained is the level at now.
func (b *bucket) drained(now time.Time, interval time.Duration) float64 {
	return max(0, b.level-float64(now.Sub(b.at))/float64(interval))
}

// add changes the level by n.
func (b *bucket) add(now time.Time, interval time.Duration, n float64) {
	b.level, b.at = max(0, b.drained(now, interval)+n), now
}

// wait is how long until one more fits; 0 when it does now.
func (b *bucket) wait(now time.Time, interval time.Duration, burst float64) time.Duration {
	over := b.drained(now, interval) + 1 - burst
	if over <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(over * float64(interval)))
}

// full reports whether its being full for the given time is news: the first
// refusal of each period is.
func (b *bucket) full(now time.Time, wait time.Duration) (news bool) {
	if now.Before(b.told) {
		return false
	}
	b.told = now.Add(wait)
	return true
}

// loginThrottle slows guessing down, per address and over all of them.
type loginThrottle struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*bucket
	overflow  bucket
	global    bucket
}

// take counts one attempt as failed before it is made, so that many at the same
// time cannot all pass; refund takes it back when the password was right. With
// an error, news says that it is the first of its period.
func (t *loginThrottle) take(addr netip.Addr) (refund func(), news bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	own := t.bucket(network(addr), now)
	if wait := own.wait(now, addressInterval, addressBurst); wait > 0 {
		return nil, own.full(now, wait), throttled(wait, "too many failed logins")
	}
	if wait := t.global.wait(now, globalInterval, globalBurst); wait > 0 {
		return nil, t.global.full(now, max(wait, addressInterval)), throttled(wait, "too many failed logins")
	}
	own.add(now, addressInterval, 1)
	t.global.add(now, globalInterval, 1)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		now := time.Now()
		own.add(now, addressInterval, -1)
		t.global.add(now, globalInterval, -1)
	}, false, nil
}

// bucket returns the address's bucket. The caller holds mu.
func (t *loginThrottle) bucket(from netip.Prefix, now time.Time) *bucket {
	if b, ok := t.addresses[from]; ok {
		return b
	}
	if len(t.addresses) >= maxAddresses {
		for other, b := range t.addresses {
			if b.drained(now, addressInterval) == 0 {
				delete(t.addresses, other)
			}
		}
	}
	if len(t.addresses) >= maxAddresses {
		return &t.overflow
	}
	if t.addresses == nil {
		t.addresses = map[netip.Prefix]*bucket{}
	}
	b := &bucket{at: now}
	t.addresses[from] = b
	return b
}

// network is what one party is taken to own: an IPv4 address, or an IPv6 /64.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil { // no address at all: a Unix socket
		return netip.Prefix{}
	}
	return prefix
}

// throttled is the error for a caller that must wait.
func throttled(wait time.Duration, why string) error {
	seconds := int(math.Ceil(wait.Seconds()))
	return &fault.Error{
		Kind:       fault.KindUnavailable,
		Code:       "throttled", // 429
		Message:    fmt.Sprintf("%s; try again in %d s", why, seconds),
		RetryAfter: time.Duration(seconds) * time.Second,
	}
}

// tellRetryAfter sets the header of an error that says when to come back.
func tellRetryAfter(w http.ResponseWriter, err error) {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
}
