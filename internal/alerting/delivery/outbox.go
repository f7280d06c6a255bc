package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
)

// Alerts is what the outbox asks about alerts. Methods may be called at any time
// and concurrently, and must not wait for the outbox.
type Alerts interface {
	// Alert returns an alert as it is now, and its state; false when it is
	// forgotten, which means that it is over. The caller must not change it.
	Alert(id string) (*alert.Alert, State, bool)
	// Firing returns the alerts that fire and are neither acknowledged nor
	// suppressed: those that may be escalated.
	Firing() []*alert.Alert
}

// Publisher carries events to browsers that are looking. It must not block.
type Publisher interface {
	Publish(kind string, data any)
}

// Deps are what an outbox works with.
type Deps struct {
	Log         *slog.Logger
	Store       Store
	Alerts      Alerts
	Health      *health.Registry  // may be nil
	Publisher   Publisher         // may be nil
	ExternalURL func() string     // how people reach this server, for links; without a slash at the end
	Told        func(d *Delivery) // called after each delivery's first try and at its end; must be quick; may be nil
}

// Settings are the parts of the configuration that may change while it runs.
type Settings struct {
	GiveUp time.Duration // default 24 h
	Steps  []Step
}

// DefaultGiveUp is how long a notification is tried again.
const DefaultGiveUp = 24 * time.Hour

// Outbox tries notifications until receivers take them. Build makes receivers of
// a configuration, Use makes them the ones in force; Run does the rest.
type Outbox struct {
	log        *slog.Logger
	deps       Deps
	counts     *counts
	escalation *escalation
	desktop    *desktop
	failed     failed
	history    chan *Delivery
	attention  chan *lane // lanes that need a worker

	mu        sync.Mutex
	receivers *Receivers
	settings  Settings
	lanes     map[channelKey]*lane
	running   bool
	storeDown bool
}

// New returns an outbox without receivers.
func New(d Deps) *Outbox {
	o := &Outbox{
		log: d.Log.With("part", "delivery"), deps: d,
		counts: newCounts(), escalation: newEscalation(), desktop: newDesktop(d.Publisher),
		history: make(chan *Delivery, historyQueue), attention: make(chan *lane, 1024),
		receivers: &Receivers{}, settings: Settings{GiveUp: DefaultGiveUp},
		lanes: map[channelKey]*lane{},
	}
	if o.deps.ExternalURL == nil {
		o.deps.ExternalURL = func() string { return "" }
	}
	return o
}

// Use makes receivers and settings the ones in force. What waits is tried at once:
// the reload may have been about a wrong address. What waits for a receiver that
// is no more is given up when its turn comes. It cannot fail.
func (o *Outbox) Use(r *Receivers, s Settings) {
	if s.GiveUp <= 0 {
		s.GiveUp = DefaultGiveUp
	}
	o.mu.Lock()
	o.receivers, o.settings = r, s
	for key, l := range o.lanes {
		if l.reopen() == 0 && r.channel(key) == nil {
			delete(o.lanes, key)
		}
	}
	o.mu.Unlock()
	o.notice()
}

// reopen has everything tried at once, and returns how much waits.
func (l *lane) reopen() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fails, l.until, l.said = 0, time.Time{}, ""
	for _, it := range l.waiting {
		it.next = time.Time{}
	}
	l.rouse()
	return len(l.waiting)
}

// lane returns the way to a channel.
func (o *Outbox) lane(key channelKey) *lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.lanes[key]
	if l == nil {
		l = newLane(key)
		o.lanes[key] = l
	}
	return l
}

func (o *Outbox) channel(key channelKey) *channel {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.receivers.channel(key)
}

func (o *Outbox) giveUp() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.settings.GiveUp
}

// Load reads what waits for its next try, and what was escalated. It goes before Run.
func (o *Outbox) Load(ctx context.Context) error {
	waiting, err := o.deps.Store.Waiting(ctx)
	if err != nil {
		return fmt.Errorf("read waiting notifications: %w", err)
	}
	now := time.Now()
	for i := range waiting {
		w := &waiting[i]
		if w.State != Waiting {
			continue
		}
		n, index, err := restore(w.Payload, w.Reason)
		if err != nil {
			o.log.Error("a waiting notification cannot be read", "id", w.ID, "error", err)
			o.end(ctx, &item{record: w.Delivery}, Failed, err.Error())
			continue
		}
		it := &item{record: w.Delivery, news: n, born: age(w.Created, now)}
		// Everything is tried soon after a start, whatever the clock did meanwhile.
		it.next = now.Add(min(max(w.Next.Sub(now), 0), firstPause))
		l := o.lane(channelKey{w.Receiver, w.Kind, index})
		if old := l.of(n.groupKey); old != nil {
			if old.record.ID > it.record.ID {
				old, it = it, old
			}
			o.end(ctx, old, Superseded, "")
		}
		l.put(it)
		o.attend(l)
	}
	return o.loadEscalations(ctx)
}

// age returns a time as long ago on the monotonic clock as created is on the wall
// clock; a creation in the future is one of now.
func age(created, now time.Time) time.Time { return now.Add(-max(now.Sub(created), 0)) }

// Run tries again what waits, and escalates what nobody acknowledged, until ctx ends.
func (o *Outbox) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	o.setRunning(true)
	workers.Go(func() { o.escalate(ctx) })
	workers.Go(func() { o.record(ctx) })
	for {
		select {
		case l := <-o.attention:
			if l.hire() {
				workers.Go(func() { o.work(ctx, l) })
			}
		case <-ctx.Done():
			workers.Wait()
			o.setRunning(false)
			o.write(o.queued(nil))
			return nil
		}
	}
}

// hire begins a worker's shift, unless one is at work.
func (l *lane) hire() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.working || len(l.waiting) == 0 {
		return false
	}
	l.working = true
	return true
}

// attend asks for a worker for a lane.
func (o *Outbox) attend(l *lane) {
	l.mu.Lock()
	working := l.working
	l.mu.Unlock()
	if working {
		return
	}
	select {
	case o.attention <- l:
	default: // so many lanes wait for one that Run is not there yet; sweep finds them
	}
}

func (o *Outbox) setRunning(running bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running = running
}

// Retry tries a delivery that waits, or that was given up a while ago, at once. It
// is fault.NotFound when there is none by this ID.
func (o *Outbox) Retry(ctx context.Context, id int64) error {
	o.mu.Lock()
	lanes := slices.Collect(maps.Values(o.lanes))
	o.mu.Unlock()
	for _, l := range lanes {
		l.mu.Lock()
		for _, it := range l.waiting {
			if it.record.ID == id {
				it.next, l.until = time.Time{}, time.Time{}
				l.mu.Unlock()
				l.rouse()
				o.attend(l)
				return nil
			}
		}
		l.mu.Unlock()
	}
	return o.revive(ctx, id)
}

// revive makes an item wait again that was given up.
func (o *Outbox) revive(ctx context.Context, id int64) error {
	it := o.failed.take(id)
	if it == nil {
		return fault.NotFound("no notification %d waits; only one that waits or was given up lately can be tried again", id)
	}
	key := it.key
	c := o.channel(key)
	if c == nil {
		return fault.NotFound("receiver %q is no longer configured", key.receiver)
	}
	now := time.Now()
	again := &item{record: it.item.record, news: it.item.news, born: now}
	again.record.State, again.record.Next = Waiting, now.UTC()
	l := o.lane(key)
	if l.of(again.news.groupKey) != nil {
		return fault.Conflict("newer news of the same group wait already")
	}
	o.keep(ctx, c, again)
	l.put(again)
	o.attend(l)
	return nil
}

// Waiting returns how many notifications wait for their next try, by receiver.
func (o *Outbox) Waiting() map[string]int {
	o.mu.Lock()
	lanes := slices.Collect(maps.Values(o.lanes))
	o.mu.Unlock()
	list := map[string]int{}
	for _, l := range lanes {
		l.mu.Lock()
		if n := len(l.waiting); n > 0 {
			list[l.key.receiver] += n
		}
		l.mu.Unlock()
	}
	return list
}

// Collectors returns the outbox's own counters.
func (o *Outbox) Collectors() []prometheus.Collector {
	return append(o.counts.collectors(), waitingGauge{o})
}

// noticeAfter is how many tries in a row a receiver may fail before people are told.
const noticeAfter = 3

// notice tells on the settings page which receivers do not take anything.
func (o *Outbox) notice() {
	if o.deps.Health == nil {
		return
	}
	const code = "notifications_undelivered"
	o.mu.Lock()
	lanes := slices.Collect(maps.Values(o.lanes))
	o.mu.Unlock()
	var bad []string
	for _, l := range lanes {
		l.mu.Lock()
		if l.fails >= noticeAfter {
			bad = append(bad, fmt.Sprintf("%s (%s): %s", l.key.receiver, l.key.kind, l.said))
		}
		l.mu.Unlock()
	}
	if len(bad) == 0 {
		o.deps.Health.Clear(code)
		return
	}
	slices.Sort(bad)
	o.deps.Health.Raise(health.Notice{
		Code: code, Severity: health.Failing, Title: "Notifications do not get through",
		Text: "These receivers take nothing; what they miss is kept and tried again: " + strings.Join(bad, "; "),
	})
}
