package slo

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// The bounds of top errors.
const (
	// MaxKinds of failures are known; the one that was not seen for longest goes
	// when there is another.
	MaxKinds = 1000

	liveKinds   = 12       // of an operation, between two ticks
	kindSteps   = 288      // steps of five minutes: a day
	kindsStored = fineStep // how often
)

// liveErrors count the failures of one operation by status and class, without a lock.
type liveErrors [liveKinds]struct {
	key   atomic.Uint32 // answerKey; 0 for none
	n     atomic.Uint32
	known atomic.Bool // there is an example since the last tick
}

// answerKey packs status and class so that it is never zero.
func answerKey(status int, class observe.ErrorClass) uint32 {
	if status < 0 || status > 999 {
		status = 0
	}
	return uint32(status)<<8 | uint32(slices.Index(errorClasses[:], class)+2) // #nosec G115 -- bounded
}

func (l *liveErrors) key(i int) (status int, class observe.ErrorClass) {
	k := l[i].key.Load()
	if n := int(k&0xff) - 2; n >= 0 {
		class = errorClasses[n]
	}
	return int(k >> 8), class
}

var errorClasses = [...]observe.ErrorClass{
	observe.NoError, observe.ErrorConnect, observe.ErrorTimeout, observe.ErrorReset, observe.ErrorProtocol,
	observe.ErrorNoUpstream, observe.ErrorClientGone, observe.ErrorRequestBody, observe.ErrorInternal,
}

// topErrors knows the kinds of failures.
type topErrors struct {
	mu     sync.Mutex
	kinds  map[kindKey]*kind
	stored time.Time
	fresh  bool // something changed since they were stored
}

type kindKey struct {
	api, operation string
	status         int
	class          observe.ErrorClass
	fingerprint    string
}

// kind is one kind of failure, with counts of the last day.
type kind struct {
	TopError
	head  int64 // the newest step of five minutes
	steps [kindSteps]uint32
}

func newTopErrors() *topErrors { return &topErrors{kinds: map[kindKey]*kind{}} }

// observe counts a failure that has just happened.
func (t *topErrors) observe(op *operation, e *observe.Exchange) {
	key := answerKey(e.Status, e.Error)
	for i := range op.errors {
		c := &op.errors[i]
		have := c.key.Load()
		if have == 0 && c.key.CompareAndSwap(0, key) {
			have = key
		} else if have == 0 {
			have = c.key.Load()
		}
		if have != key {
			continue
		}
		c.n.Add(1)
		if !c.known.Load() && c.known.CompareAndSwap(false, true) {
			t.add(kindOf(op, e.Status, e.Error), e.Time, 0, "", exampleOf(e))
		}
		return
	}
	t.add(kindOf(op, e.Status, e.Error), e.Time, 1, "", nil)
}

// observeLate counts one that happened a while ago.
func (t *topErrors) observeLate(op *operation, e *observe.Exchange) {
	t.add(kindOf(op, e.Status, e.Error), e.Time, 1, "", exampleOf(e))
}

// message counts a message of an error log.
func (t *topErrors) message(apiName, operation, text string, at time.Time) {
	fingerprint := fingerprintOf(text)
	if fingerprint == "" {
		return
	}
	text = cutText(strings.ToValidUTF8(text, "\uFFFD"), maxMessage)
	t.add(kindKey{api: apiName, operation: cutText(operation, maxName), fingerprint: fingerprint}, at, 1, text, nil)
}

func kindOf(op *operation, status int, class observe.ErrorClass) kindKey {
	return kindKey{api: op.api, operation: op.name, status: status, class: class}
}

// add counts failures of a kind.
func (t *topErrors) add(key kindKey, at time.Time, n uint32, message string, example *Example) {
	if now := time.Now(); at.IsZero() || at.After(now) {
		at = now
	}
	at = at.UTC()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = true
	k := t.kinds[key]
	if k == nil {
		if len(t.kinds) >= MaxKinds {
			t.forget()
		}
		key.operation, key.fingerprint = strings.Clone(key.operation), strings.Clone(key.fingerprint)
		k = &kind{TopError: TopError{
			API: key.api, Operation: key.operation, Status: key.status, Class: string(key.class), Fingerprint: key.fingerprint, First: at,
		}, head: at.Unix() / 300}
		t.kinds[key] = k
	}
	if at.Before(k.First) {
		k.First = at
	}
	if !at.Before(k.Last) {
		k.Last = at
		if message != "" {
			k.Message = message
		}
		if example != nil {
			k.Example = *example
		}
	}
	k.count(at.Unix()/300, n)
}

func (k *kind) count(step int64, n uint32) {
	k.Count += uint64(n)
	if step-k.head >= kindSteps {
		k.steps, k.head = [kindSteps]uint32{}, step
	}
	for k.head < step {
		k.head++
		k.steps[k.head%kindSteps] = 0
	}
	if step > k.head-kindSteps {
		k.steps[step%kindSteps] = plus(k.steps[step%kindSteps], n)
	}
}

// since is how many there were since a time: to five minutes, and for at most a
// day before the last one.
func (k *kind) since(at time.Time) uint64 {
	if !k.First.Before(at) {
		return k.Count
	}
	var sum uint64
	for step := max(at.Unix()/300, k.head-kindSteps+1); step <= k.head; step++ {
		sum += uint64(k.steps[step%kindSteps])
	}
	return sum
}

// forget removes the kind that was not seen for longest.
func (t *topErrors) forget() {
	var oldest kindKey
	var at time.Time
	for key, k := range t.kinds {
		if at.IsZero() || k.Last.Before(at) {
			oldest, at = key, k.Last
		}
	}
	delete(t.kinds, oldest)
}

// tick takes what the live counters of an operation hold.
func (t *topErrors) tick(op *operation, now time.Time) {
	for i := range op.errors {
		c := &op.errors[i]
		if c.key.Load() == 0 {
			return
		}
		c.known.Store(false)
		if n := c.n.Swap(0); n > 0 {
			status, class := op.errors.key(i)
			t.add(kindOf(op, status, class), now, n, "", nil)
		}
	}
}

func exampleOf(e *observe.Exchange) *Example {
	x := &Example{
		At: e.Time.UTC(), Method: strings.Clone(e.Method), Path: strings.Clone(e.Path), Status: e.Status, Duration: e.Duration,
		RequestID: strings.Clone(e.RequestID), Upstream: strings.Clone(e.Upstream), Source: string(e.Source),
	}
	if e.TraceID != [16]byte{} {
		x.TraceID = hex.EncodeToString(e.TraceID[:])
	}
	return x
}

// list returns what is to be stored; nil when it was stored a moment ago.
func (t *topErrors) list(now time.Time, last bool) []TopError {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.fresh || !last && now.Sub(t.stored) < kindsStored {
		return nil
	}
	t.fresh, t.stored = false, now
	list := make([]TopError, 0, len(t.kinds))
	for _, k := range t.kinds {
		list = append(list, k.TopError)
	}
	sortTop(list)
	return list
}

// restore takes up what was known before a restart.
func (t *topErrors) restore(list []TopError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list[:min(len(list), MaxKinds)] {
		e := list[i]
		key := kindKey{e.API, e.Operation, e.Status, observe.ErrorClass(e.Class), e.Fingerprint}
		t.kinds[key] = &kind{TopError: e, head: e.Last.Unix() / 300}
	}
}

// TopErrors returns kinds of failures since a time, most frequent first, at most
// most; api and operation "" for all. What came before a restart counts only for
// times before the kind was first seen.
func (m *Manager) TopErrors(apiName, operation string, since time.Time, most int) []TopError {
	t := m.top
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []TopError
	for _, k := range t.kinds {
		if apiName != "" && k.API != apiName || operation != "" && k.Operation != operation || k.Last.Before(since) {
			continue
		}
		e := k.TopError
		if e.Count = k.since(since); e.Count > 0 {
			list = append(list, e)
		}
	}
	sortTop(list)
	return list[:min(len(list), max(most, 0))]
}

func sortTop(list []TopError) {
	slices.SortFunc(list, func(a, b TopError) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), b.Last.Compare(a.Last), cmp.Compare(a.API, b.API), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}
