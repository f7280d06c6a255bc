package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/health"
)

// shelf is a Store without a disk.
type shelf struct {
	mu        sync.Mutex
	rows      []Delivery
	escalated []Escalated
}

func (s *shelf) PutDelivery(_ context.Context, d *Delivery, _ []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.ID == 0 {
		d.ID = int64(len(s.rows) + 1)
		s.rows = append(s.rows, Delivery{})
	}
	s.rows[d.ID-1] = *d
	return nil
}

func (s *shelf) PutEnded(ctx context.Context, list []*Delivery) error {
	for _, d := range list {
		if err := s.PutDelivery(ctx, d, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) Waiting(context.Context) ([]StoredDelivery, error) { return nil, nil }

func (s *shelf) Deliveries(_ context.Context, _ string, before int64, _ int) ([]Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Delivery
	for i := len(s.rows) - 1; i >= 0 && before == 0; i-- {
		list = append(list, s.rows[i])
	}
	return list, nil
}

func (s *shelf) PutEscalation(_ context.Context, id string, starts time.Time, receiver string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.escalated = append(s.escalated, Escalated{Alert: id, Starts: starts.Truncate(time.Millisecond), Receiver: receiver, At: at})
	return nil
}

func (s *shelf) Escalations(context.Context) ([]Escalated, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.escalated, nil
}

func (s *shelf) states() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for i := range s.rows {
		n[s.rows[i].State]++
	}
	return n
}

// present is which alerts there are.
type presentAlerts struct {
	mu    sync.Mutex
	list  map[string]*alert.Alert
	state map[string]State
}

func (p *presentAlerts) Alert(id string) (*alert.Alert, State, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.list[id]
	return a, p.state[id], ok
}

func (p *presentAlerts) Firing() []*alert.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*alert.Alert
	for id, a := range p.list {
		if p.state[id] == stateFiring {
			list = append(list, a)
		}
	}
	return list
}

func (p *presentAlerts) put(a *alert.Alert, state State) *alert.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := a.Fingerprint().String()
	p.list[id], p.state[id] = a, state
	return a
}

func (p *presentAlerts) fires(name string) *alert.Alert {
	return p.put(&alert.Alert{Alert: model.Alert{
		Labels: model.LabelSet{"alertname": model.LabelValue(name), "severity": "critical"}, StartsAt: time.Now(),
	}, UpdatedAt: time.Now()}, stateFiring)
}

func (p *presentAlerts) ends(a *alert.Alert) {
	over := *a
	over.EndsAt = time.Now()
	p.put(&over, stateResolved)
}

// sink is a notifier that does as its function says, and remembers when.
type sink struct {
	mu    sync.Mutex
	do    func(ctx context.Context, n int, alerts []*alert.Alert) (bool, error)
	at    []time.Duration // since start
	sent  [][]*alert.Alert
	keys  []string
	start time.Time
}

func (s *sink) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	s.mu.Lock()
	n := len(s.at)
	s.at = append(s.at, time.Since(s.start))
	s.sent = append(s.sent, alerts)
	key, _ := notify.GroupKey(ctx)
	s.keys = append(s.keys, key)
	do := s.do
	s.mu.Unlock()
	if do == nil {
		return false, nil
	}
	return do(ctx, n, alerts)
}

func (s *sink) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.at...)
}

type bench struct {
	*Outbox
	store  *shelf
	alerts *presentAlerts
	health *health.Registry
	stop   func()
}

// newBench runs an outbox whose receivers are sinks: "name/kind".
func newBench(t *testing.T, sinks map[string]*sink, settings Settings) *bench {
	t.Helper()
	b := &bench{store: &shelf{}, alerts: &presentAlerts{list: map[string]*alert.Alert{}, state: map[string]State{}}, health: &health.Registry{}}
	b.start(t, sinks, settings)
	return b
}

func (b *bench) start(t *testing.T, sinks map[string]*sink, settings Settings) {
	t.Helper()
	b.Outbox = New(Deps{Log: slog.New(slog.DiscardHandler), Store: b.store, Alerts: b.alerts, Health: b.health})
	r := &Receivers{integrations: map[string][]notify.Integration{}, channels: map[channelKey]*channel{}, kinds: map[string][]string{}, order: map[string][]*channel{}}
	for name, s := range sinks {
		receiver, kind, _ := strings.Cut(name, "/")
		s.start = time.Now()
		r.add(&channel{key: channelKey{receiver, kind, 0}, notifier: s, resolved: true, clean: newCleaner(), outbox: b.Outbox})
	}
	b.Use(r, settings)
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (b *bench) tell(t *testing.T, name, group string, alerts ...*alert.Alert) {
	t.Helper()
	receiver, kind, _ := strings.Cut(name, "/")
	ctx := notify.WithGroupLabels(notify.WithGroupKey(t.Context(), group), model.LabelSet{"group": model.LabelValue(group)})
	if _, err := b.channel(channelKey{receiver, kind, 0}).Notify(notify.WithReceiverName(ctx, receiver), alerts...); err != nil {
		t.Error(err)
	}
}

func fails(context.Context, int, []*alert.Alert) (bool, error) {
	return true, errors.New("unexpected status code 500")
}

func TestTheTimeBetweenTriesGrowsToFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := &sink{do: fails}
		b := newBench(t, map[string]*sink{"team/webhook": dead}, Settings{GiveUp: 2 * time.Hour})
		b.tell(t, "team/webhook", "g", b.alerts.fires("A"))
		time.Sleep(90 * time.Minute)
		times := dead.times()
		pause := time.Second
		for i := 1; i < len(times); i++ {
			got := times[i] - times[i-1]
			if got > pause || got < pause*4/5-time.Millisecond {
				t.Errorf("pause %d is %s; want at most %s, and a fifth less at most", i, got, pause)
			}
			pause = min(pause*2, 5*time.Minute)
		}
		if len(times) < 20 || len(times) > 35 {
			t.Errorf("%d tries in 90 minutes", len(times))
		}
		if n := b.health.List(); len(n) != 1 || !strings.Contains(n[0].Text, "team (webhook): it answered 500") {
			t.Errorf("notices: %v", n)
		}
		time.Sleep(time.Hour)
		if diff := cmp.Diff(map[string]int{Failed: 1}, b.store.states()); diff != "" {
			t.Error("not given up: ", diff)
		}
		n := len(dead.times())
		time.Sleep(time.Hour)
		if len(dead.times()) != n {
			t.Error("tried again after it was given up")
		}

		dead.mu.Lock()
		dead.do = nil
		dead.mu.Unlock()
		if err := b.Retry(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{Delivered: 1}, b.store.states()); diff != "" {
			t.Error("by hand: ", diff)
		}
		if n := b.health.List(); len(n) != 0 {
			t.Errorf("notices: %v", n)
		}
		b.stop()
	})
}

func TestAReceiverThatHangsIsLeftAlone(t *testing.T) {
	for name, hang := range map[string]func(context.Context) error{
		"it heeds the deadline": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"it does not":           func(context.Context) error { time.Sleep(10 * time.Minute); return errors.New("late") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hung := &sink{do: func(ctx context.Context, _ int, _ []*alert.Alert) (bool, error) { return true, hang(ctx) }}
				well := &sink{}
				b := newBench(t, map[string]*sink{"team/email": hung, "other/webhook": well}, Settings{})
				start := time.Now()
				b.tell(t, "team/email", "g", b.alerts.fires("A"))
				if took := time.Since(start); took > 11*time.Second {
					t.Errorf("the pipeline waited %s", took)
				}
				start = time.Now()
				b.tell(t, "team/email", "h", b.alerts.fires("B"))
				b.tell(t, "other/webhook", "g", b.alerts.fires("C"))
				if took := time.Since(start); took > time.Second {
					t.Errorf("others waited %s", took)
				}
				if len(well.times()) != 1 {
					t.Error("the other receiver was not told")
				}
				rows, _ := b.store.Deliveries(t.Context(), "", 0, 0)
				if last := rows[len(rows)-1]; last.Error != "no answer within 10s" {
					t.Errorf("it says %q", last.Error)
				}
				time.Sleep(2 * time.Hour)
				if l := b.lane(channelKey{"team", "email", 0}); l.hung > maxHung+maxAtOnce {
					t.Errorf("%d calls hang", l.hung)
				}
				b.stop()
				time.Sleep(time.Hour) // the calls end
			})
		})
	}
}

func TestARefusalThatLastsDelaysNoOtherMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picky := &sink{do: func(_ context.Context, _ int, alerts []*alert.Alert) (bool, error) {
			if alerts[0].Name() == "Poison" {
				return false, errors.New("unexpected status code 400: bad message")
			}
			return false, nil
		}}
		b := newBench(t, map[string]*sink{"team/webhook": picky}, Settings{})
		b.tell(t, "team/webhook", "p", b.alerts.fires("Poison"))
		start := time.Now()
		b.tell(t, "team/webhook", "g", b.alerts.fires("A"))
		if time.Since(start) > 0 {
			t.Error("the other message waited")
		}
		time.Sleep(2 * historyBatch)
		if diff := cmp.Diff(map[string]int{Waiting: 1, Delivered: 1}, b.store.states()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(25 * time.Hour)
		if diff := cmp.Diff(map[string]int{Failed: 1, Delivered: 1}, b.store.states()); diff != "" {
			t.Error(diff)
		}
		b.stop()
	})
}

func TestAMessageOnWhichAReceiverFailsDoesNotKeepTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crashes := &sink{do: func(_ context.Context, n int, alerts []*alert.Alert) (bool, error) {
			if n < 4 || alerts[0].Name() == "Poison" {
				return true, errors.New("unexpected status code 500")
			}
			return false, nil
		}}
		b := newBench(t, map[string]*sink{"team/webhook": crashes}, Settings{})
		b.tell(t, "team/webhook", "p", b.alerts.fires("Poison"))
		for i := range 5 {
			b.tell(t, "team/webhook", strconv.Itoa(i), b.alerts.fires(fmt.Sprint("A", i)))
		}
		time.Sleep(30 * time.Minute)
		if diff := cmp.Diff(map[string]int{Waiting: 1, Delivered: 5}, b.store.states()); diff != "" {
			t.Error(diff)
		}
		b.stop()
	})
}

func TestAStormBecomesASummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat, machine := &sink{}, &sink{}
		b := newBench(t, map[string]*sink{"team/slack": chat, "team/webhook": machine}, Settings{})
		for i := range 200 {
			a := b.alerts.fires(fmt.Sprint("A", i))
			b.tell(t, "team/slack", fmt.Sprint("g", i), a)
			b.tell(t, "team/webhook", fmt.Sprint("g", i), a)
		}
		if n := len(chat.times()); n != perMinutePeople {
			t.Errorf("people got %d messages at once", n)
		}
		if n := len(machine.times()); n != 200 {
			t.Errorf("programs got %d messages", n)
		}
		time.Sleep(3 * time.Minute)
		if n := len(chat.times()); n != perMinutePeople+1 {
			t.Errorf("people got %d messages after all", n)
		}
		chat.mu.Lock()
		last, key := chat.sent[len(chat.sent)-1], chat.keys[len(chat.keys)-1]
		chat.mu.Unlock()
		if len(last) != 170 || key != "summary of team" {
			t.Errorf("the summary %q has %d alerts", key, len(last))
		}
		if diff := cmp.Diff(map[string]int{Delivered: 200 + perMinutePeople + 1, Superseded: 170}, b.store.states()); diff != "" {
			t.Error(diff)
		}
		b.stop()
	})
}

func TestWhatIsSilencedOrAcknowledgedMeanwhileWaits(t *testing.T) {
	for _, state := range []State{stateAcknowledged, stateSuppressed} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := &sink{do: func(_ context.Context, n int, _ []*alert.Alert) (bool, error) {
					if n == 0 {
						return true, errors.New("unexpected status code 500")
					}
					return false, nil
				}}
				b := newBench(t, map[string]*sink{"team/webhook": to}, Settings{})
				a := b.alerts.fires("A")
				b.tell(t, "team/webhook", "g", a)
				b.alerts.put(a, state)
				time.Sleep(time.Hour)
				if n := len(to.times()); n != 1 {
					t.Errorf("%d tries while it was %s", n, state)
				}
				b.alerts.put(a, stateFiring)
				time.Sleep(2 * holdPause)
				if diff := cmp.Diff(map[string]int{Delivered: 1}, b.store.states()); diff != "" {
					t.Error(diff)
				}
				b.stop()
			})
		})
	}
}

func TestNewerNewsInterruptALaterTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &sink{do: func(ctx context.Context, n int, _ []*alert.Alert) (bool, error) {
			switch n {
			case 0:
				return true, errors.New("unexpected status code 502")
			case 1:
				<-ctx.Done()
				return true, ctx.Err()
			}
			return false, nil
		}}
		b := newBench(t, map[string]*sink{"team/webhook": slow}, Settings{})
		a := b.alerts.fires("A")
		b.tell(t, "team/webhook", "g", a)
		time.Sleep(2 * time.Second) // the second try hangs
		start := time.Now()
		b.alerts.ends(a)
		over, _, _ := b.alerts.Alert(a.Fingerprint().String())
		b.tell(t, "team/webhook", "g", over)
		if time.Since(start) > 0 {
			t.Error("newer news waited for older ones")
		}
		time.Sleep(2 * historyBatch)
		if n := len(slow.times()); n != 3 {
			t.Errorf("%d tries", n)
		}
		if diff := cmp.Diff(map[string]int{Delivered: 1, Superseded: 1}, b.store.states()); diff != "" {
			t.Error(diff)
		}
		b.stop()
	})
}

func TestNobodyAcknowledges(t *testing.T) {
	severe, err := labels.NewMatcher(labels.MatchEqual, "severity", "critical")
	if err != nil {
		t.Fatal(err)
	}
	steps := []Step{
		{Match: labels.Matchers{severe}, After: 10 * time.Minute, To: "on-call"},
		{After: 30 * time.Minute, To: "boss"},
	}
	sinks := func() map[string]*sink {
		return map[string]*sink{"team/webhook": {}, "on-call/pagerduty": {}, "boss/email": {}}
	}
	t.Run("the next is told, once, and of the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			to := sinks()
			b := newBench(t, to, Settings{Steps: steps})
			a := b.alerts.fires("A")
			time.Sleep(time.Hour) // nobody was told of it yet: nothing to escalate
			if len(to["on-call/pagerduty"].times())+len(to["boss/email"].times()) > 0 {
				t.Fatal("escalated before anybody was told")
			}
			b.tell(t, "team/webhook", "g", a)
			time.Sleep(9*time.Minute + 50*time.Second)
			if len(to["on-call/pagerduty"].times()) > 0 {
				t.Fatal("too early")
			}
			time.Sleep(time.Minute)
			onCall := to["on-call/pagerduty"]
			if len(onCall.times()) != 1 {
				t.Fatalf("on-call was told %d times", len(onCall.times()))
			}
			if note := onCall.sent[0][0].Annotations[noteEscalation]; note != "Nobody acknowledged this within 10m. team was told first, 10m ago." {
				t.Errorf("it says %q", note)
			}
			time.Sleep(2 * time.Hour)
			if n := len(to["boss/email"].times()); n != 1 || len(onCall.times()) != 1 {
				t.Errorf("boss was told %d times, on-call %d times", n, len(onCall.times()))
			}
			if diff := cmp.Diff([]string{"boss", "on-call"}, b.Escalated(a.Fingerprint().String())); diff != "" {
				t.Error(diff)
			}
			b.alerts.ends(a)
			time.Sleep(time.Minute)
			if n := len(onCall.times()); n != 2 || !onCall.sent[1][0].Resolved() || onCall.keys[0] != onCall.keys[1] {
				t.Errorf("on-call was not told of the end: %d messages, of %v", n, onCall.keys)
			}
			b.stop()
		})
	})
	t.Run("somebody does in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			to := sinks()
			b := newBench(t, to, Settings{Steps: steps})
			a := b.alerts.fires("A")
			b.tell(t, "team/webhook", "g", a)
			time.Sleep(5 * time.Minute)
			b.alerts.put(a, stateAcknowledged)
			time.Sleep(2 * time.Hour)
			if len(to["on-call/pagerduty"].times())+len(to["boss/email"].times()) > 0 {
				t.Error("escalated all the same")
			}
			b.stop()
		})
	})
	t.Run("a restart neither forgets nor repeats", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			to := sinks()
			b := newBench(t, to, Settings{Steps: steps})
			a := b.alerts.fires("A")
			b.tell(t, "team/webhook", "g", a)
			time.Sleep(11 * time.Minute)
			b.stop()
			if n := len(to["on-call/pagerduty"].times()); n != 1 {
				t.Fatalf("on-call was told %d times", n)
			}
			to = sinks()
			b.start(t, to, Settings{Steps: steps})
			time.Sleep(20 * time.Minute)
			if n, m := len(to["on-call/pagerduty"].times()), len(to["boss/email"].times()); n != 0 || m != 1 {
				t.Errorf("after the restart on-call was told %d times and boss %d times", n, m)
			}
			b.alerts.ends(a)
			time.Sleep(time.Minute)
			if n := len(to["on-call/pagerduty"].times()); n != 1 {
				t.Errorf("on-call was told of the end %d times", n)
			}
			b.stop()
		})
	})
	t.Run("it begins again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			to := sinks()
			b := newBench(t, to, Settings{Steps: steps})
			a := b.alerts.fires("A")
			b.tell(t, "team/webhook", "g", a)
			time.Sleep(11 * time.Minute)
			b.alerts.ends(a)
			time.Sleep(time.Minute)
			b.tell(t, "team/webhook", "g", b.alerts.fires("A"))
			time.Sleep(11 * time.Minute)
			if n := len(to["on-call/pagerduty"].times()); n != 3 {
				t.Errorf("on-call was told %d times, not of the begin, the end and the second begin", n)
			}
			b.stop()
		})
	})
}

func TestAClockThatJumpsGivesNothingUp(t *testing.T) {
	for name, created := range map[string]time.Duration{"it was set back": 48 * time.Hour, "it was set forward": -48 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, map[string]*sink{"team/webhook": {}}, Settings{})
				defer b.stop()
				now := time.Now()
				n := &news{groupKey: "g", alerts: []*alert.Alert{b.alerts.fires("A")}, begun: now}
				payload, err := n.save(0)
				if err != nil {
					t.Fatal(err)
				}
				stored := StoredDelivery{Delivery: Delivery{
					ID: 1, Receiver: "team", Kind: "webhook", Reason: ReasonNotify, State: Waiting,
					Created: now.Add(created), Next: now.Add(created),
				}, Payload: payload}
				b.store.rows = append(b.store.rows, stored.Delivery)
				o := New(Deps{Log: slog.New(slog.DiscardHandler), Store: loaded{b.store, stored}, Alerts: b.alerts})
				r := &Receivers{channels: map[channelKey]*channel{}, integrations: map[string][]notify.Integration{}, kinds: map[string][]string{}, order: map[string][]*channel{}}
				to := &sink{}
				r.add(&channel{key: channelKey{"team", "webhook", 0}, notifier: to, clean: newCleaner(), outbox: o, resolved: true})
				o.Use(r, Settings{})
				if err := o.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- o.Run(ctx) }()
				time.Sleep(5 * time.Second)
				if len(to.times()) != 1 {
					t.Errorf("%d tries soon after the start", len(to.times()))
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

type loaded struct {
	*shelf
	one StoredDelivery
}

func (l loaded) Waiting(context.Context) ([]StoredDelivery, error) {
	return []StoredDelivery{l.one}, nil
}
