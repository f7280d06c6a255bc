package remote

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	promconfig "github.com/prometheus/prometheus/config"
	promremote "github.com/prometheus/prometheus/storage/remote"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/secret"
)

const (
	flushWithin = 2 * time.Second  // what is under way when a queue ends
	watchEvery  = time.Second      // how often queues are looked at
	slack       = 20 * time.Second // by which a mark is behind what a queue says: the log is read a little later than it is written
	stalled     = 20 * time.Minute // behind: the write-ahead log does not reach back forever
	told        = 2 * time.Minute  // behind: people are told
	tailFor     = 15 * time.Second // samples may be written so much later than their time
	noticeCode  = "remote_write_behind"
)

// session is one Run: it alone decides which receivers are fed by the queue, and
// which from the store.
type session struct {
	*Remote
	writer *promremote.WriteStorage
	group  sync.WaitGroup
	ctx    context.Context //nolint:containedctx // Run's, for the length of Run
	plan   *plan
	lanes  map[string]*lane // by key

	unsaved bool // the marks could not be written

	resumedTo chan *lane // has been sent everything up to now
	ended     chan *lane // has been sent what came while its queue began
}

// lane is the way to one receiver.
type lane struct {
	*receiver
	cancel context.CancelFunc // what is sent from the store; nil when nothing is
	done   chan struct{}      // closed when that has ended
	began  chan struct{}      // closed when the queue was told to begin
	live   bool               // the queue feeds it

	progress progress // of the queue
}

func (s *session) run(ctx context.Context) {
	s.ctx = ctx
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			s.watch()
			s.group.Wait()
			s.clear()
			return
		case <-s.changed:
			s.mu.Lock()
			next := s.next
			s.mu.Unlock()
			s.change(next)
		case l := <-s.resumedTo:
			s.goLive(l)
		case l := <-s.ended:
			l.cancel = nil
		case <-ticker.C:
			s.watch()
			s.save()
		}
	}
}

// save keeps the marks. A disk that is full is told once.
func (s *session) save() {
	err := s.marks.save(false)
	if err != nil && !s.unsaved {
		s.log.Error("what receivers have cannot be written down; after a restart more is sent twice", "error", err)
	}
	s.unsaved = err != nil || s.unsaved && s.marks.unsaved()
}

// change goes over to another plan.
func (s *session) change(p *plan) {
	s.watch() // the marks of what ends now
	s.plan = p
	s.redactor.Store(secret.NewRedactor(p.secrets...))
	keys, fresh := map[string]bool{}, []*lane(nil)
	for _, r := range p.receivers {
		keys[r.key] = true
		old := s.lanes[r.key]
		if old != nil && old.same(r) {
			continue
		}
		if old != nil {
			s.halt(old)
		}
		l := &lane{receiver: r, progress: progress{limit: float64(r.QueueConfig.MaxSamplesPerSend)}}
		s.lanes[r.key] = l
		fresh = append(fresh, l)
	}
	for key, l := range s.lanes {
		if !keys[key] {
			s.halt(l)
			delete(s.lanes, key)
		}
	}
	s.marks.keep(keys)
	for _, l := range fresh {
		if _, known := s.marks.get(l.key); known {
			s.resume(l)
			continue
		}
		s.marks.advance(l.key, time.Now().UnixMilli()) // a new receiver gets what comes from now on
		l.live = true
	}
	s.apply()
	if err := s.marks.save(true); err != nil {
		s.log.Error("remote write will not know after a restart what it has sent", "error", err)
	}
}

// halt ends what is sent from the store; the queue ends with the next apply.
func (s *session) halt(l *lane) {
	if l.cancel != nil {
		l.cancel()
		<-l.done
	}
	for _, vec := range []interface{ DeleteLabelValues(...string) bool }{s.resumed, s.refused, s.behind} {
		vec.DeleteLabelValues(l.Name)
	}
}

// apply makes the queues those of the live lanes.
func (s *session) apply() {
	cfg := &promconfig.Config{}
	cfg.GlobalConfig.ExternalLabels = s.plan.labels
	for _, r := range s.plan.receivers {
		if s.lanes[r.key].live {
			cfg.RemoteWriteConfigs = append(cfg.RemoteWriteConfigs, r.RemoteWriteConfig)
		}
	}
	s.changing.Store(true)
	err := s.writer.ApplyConfig(cfg)
	s.changing.Store(false)
	if err != nil { // the clients could be made when the plan was read
		s.log.Error("remote_write cannot be applied", "error", err)
	}
	s.Notify()
}

// resume sends from the store what came since the mark.
func (s *session) resume(l *lane) {
	from, _ := s.marks.get(l.key)
	ctx, cancel := context.WithCancel(s.ctx)
	l.cancel, l.done, l.began = cancel, make(chan struct{}), make(chan struct{})
	f := newFeed(s.Remote, l.receiver, from)
	s.group.Go(func() {
		defer cancel()
		defer close(l.done)
		if f.catchUp(ctx) != nil {
			return // ctx has ended
		}
		select {
		case s.resumedTo <- l:
			<-l.began
		case <-ctx.Done():
			return
		}
		if f.tail(ctx) != nil {
			return
		}
		select {
		case s.ended <- l:
		case <-ctx.Done():
		}
	})
}

// goLive lets the queue go on with what comes from now on.
func (s *session) goLive(l *lane) {
	l.live = true
	l.progress = progress{limit: float64(l.QueueConfig.MaxSamplesPerSend)}
	s.apply()
	close(l.began)
}

// watch moves the marks by what the queues say, and tells who is behind.
func (s *session) watch() {
	if s.plan == nil {
		return
	}
	now := time.Now()
	s.marks.notAfter(now.UnixMilli())
	queues := s.queues()
	var late []string
	for _, r := range s.plan.receivers {
		l, behind := s.lanes[r.key], time.Duration(0)
		q := queues[r.Name]
		if l.live && l.cancel == nil {
			if reached := l.progress.look(now, q); reached > 0 {
				s.marks.advance(l.key, reached)
			}
		}
		if mark, known := s.marks.get(l.key); known && (q.pending > 0 || !l.live) {
			behind = now.Sub(time.UnixMilli(mark))
		}
		s.behind.WithLabelValues(r.Name).Set(max(0, behind-2*slack).Seconds())
		if behind > told {
			late = append(late, fmt.Sprintf("%s has nothing newer than %s", r.Name, now.Add(-behind).UTC().Format("2006-01-02 15:04 MST")))
		}
		if behind > stalled && l.live && l.cancel == nil {
			s.log.Warn("receiver is far behind; what it has missed will be sent from the store", "remote_name", r.Name)
			l.live = false
			s.apply()
			s.resume(l)
		}
	}
	s.tell(late)
}

func (s *session) tell(late []string) {
	if s.deps.Notices == nil {
		return
	}
	if len(late) == 0 {
		s.deps.Notices.Clear(noticeCode)
		return
	}
	slices.Sort(late)
	s.deps.Notices.Raise(health.Notice{
		Code: noticeCode, Severity: health.Warning, Title: "Metrics do not arrive",
		Text: "Of remote_write: " + strings.Join(late, "; ") + ". What is missing waits on disk and is sent when the receiver takes it; the log has the reason.",
	})
}

// clear takes back what was told: nobody looks after it any more.
func (s *session) clear() {
	if s.deps.Notices != nil {
		s.deps.Notices.Clear(noticeCode)
	}
}

func (s *session) queues() map[string]queue {
	found := map[string]queue{}
	families, err := s.registry.Gather()
	if err != nil {
		s.log.Debug("some metrics of queues could not be read", "error", err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := labelOf(m, "remote_name")
			q := found[name]
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			switch strings.TrimPrefix(family.GetName(), "prometheus_remote_storage_") {
			case "samples_pending", "histograms_pending", "exemplars_pending":
				q.pending += value
			case "samples_total", "histograms_total", "exemplars_total":
				q.attempts += value
			case "samples_retried_total", "histograms_retried_total", "exemplars_retried_total":
				q.retried += value
			case "shards":
				q.shards = value
			case "queue_highest_timestamp_seconds":
				q.highest = int64(value * 1000)
			default:
				continue
			}
			found[name] = q
		}
	}
	return found
}

func labelOf(m *dto.Metric, name string) string {
	for _, label := range m.GetLabel() {
		if label.GetName() == name {
			return label.GetValue()
		}
	}
	return ""
}
