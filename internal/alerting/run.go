package alerting

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/silence/silencepb"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protodelim"

	"lapwing.dev/lapwing/internal/units"
)

// Ready returns once Run tells people, or with the error of ctx.
func (m *Manager) Ready(ctx context.Context) error {
	select {
	case <-m.begun:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run tells people until ctx ends, and returns when everything that it started has
// ended. What is under way then is in the outbox. It may be called once.
func (m *Manager) Run(ctx context.Context) error {
	m.swapping.Lock()
	prepared := m.current.Load()
	if prepared == nil {
		m.swapping.Unlock()
		return errors.New("alerting has no configuration")
	}
	m.running = true
	g := &generation{plan: prepared.plan}
	m.start(g)
	m.current.Store(g)
	m.swapping.Unlock()
	m.ready.Store(true)
	close(m.begun)

	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	sent := make(chan error, 1)
	go func() { sent <- m.outbox.Run(sending) }()
	m.watch(ctx)

	m.ready.Store(false)
	m.swapping.Lock()
	m.running = false
	m.stop(m.current.Load())
	m.swapping.Unlock()
	stopSending() // after the groups, which bring to the outbox what they could not deliver
	err := <-sent
	if flushed := m.journal.flush(ctx); err == nil {
		err = flushed
	}
	return err
}

// watch does what time asks for.
func (m *Manager) watch(ctx context.Context) {
	ticks, prune := time.NewTicker(tickEvery), time.NewTicker(pruneEvery)
	defer ticks.Stop()
	defer prune.Stop()
	m.prune(ctx, time.Now())
	before := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks.C:
			if by := jump(before, now); by > leap || by < -leap {
				m.clockWasSet(ctx, before, now)
			}
			before = now
			m.tick(ctx, now)
		case now := <-prune.C:
			m.prune(ctx, now)
		}
	}
}

// tick notes ends that came by themselves, ends acknowledgements, forgets what
// ended long ago, and tries again to write what the disk refused.
func (m *Manager) tick(ctx context.Context, now time.Time) {
	var (
		over    []*alert.Alert
		gone    []model.Fingerprint
		refused []model.Fingerprint
		acks    []model.Fingerprint
	)
	for id, e := range m.book.all() {
		switch {
		case e.ended(now) && e.alert.EndsAt.Before(now.Add(-keptEnded)) && !e.dirty:
			gone = append(gone, id)
		case e.ended(now) && e.alert.EndsAt.After(e.alert.UpdatedAt):
			over = append(over, e.alert)
		case e.dirty:
			refused = append(refused, id)
		case e.ack != nil && !e.acked(now):
			acks = append(acks, id)
		}
	}
	m.expire(ctx, over, now)
	m.rewrite(ctx, refused)
	m.expireAcks(ctx, acks, now)
	if len(gone) > 0 {
		m.writing.Lock() // one that began again meanwhile is kept
		gone = slices.DeleteFunc(gone, func(id model.Fingerprint) bool {
			e, ok := m.book.get(id)
			return ok && !e.ended(now)
		})
		m.book.drop(gone)
		m.writing.Unlock()
		m.silencer.PostGC(gone)
	}
	if m.book.size() < MaxAlerts {
		unraise(m.deps.Health, noticeFull)
	}
	_ = m.journal.flush(ctx) // it says so where people look, and is tried again
}

// expire notes that alerts ended because nobody put them again.
func (m *Manager) expire(ctx context.Context, over []*alert.Alert, now time.Time) {
	if len(over) == 0 {
		return
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	var write []Stored
	changes := map[model.Fingerprint]entry{}
	before := map[model.Fingerprint]entry{}
	for _, a := range over {
		id := a.Fingerprint()
		e, ok := m.book.get(id)
		if !ok || !e.ended(now) || !e.alert.EndsAt.After(e.alert.UpdatedAt) {
			continue
		}
		before[id] = entry{alert: toModel(&Alert{Labels: stringMap(a.Labels), Starts: e.alert.StartsAt}, now)}
		ended := *e.alert
		ended.UpdatedAt = now
		e.alert, e.ack = &ended, nil
		changes[id] = e
		write = append(write, toStored(id, &e))
	}
	dirty := m.storeAlerts(ctx, write) != nil
	for id, e := range changes {
		e.dirty, e.stored = dirty, e.alert.EndsAt
		changes[id] = e
	}
	m.book.put(changes)
	for id, e := range changes {
		m.publish(id, before[id], e, now)
	}
}

// rewrite tries again to write what the disk refused.
func (m *Manager) rewrite(ctx context.Context, refused []model.Fingerprint) {
	if len(refused) == 0 {
		return
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	changes := map[model.Fingerprint]entry{}
	var write []Stored
	for _, id := range refused {
		if e, ok := m.book.get(id); ok && e.dirty {
			write = append(write, toStored(id, &e))
			e.dirty, e.stored = false, e.alert.EndsAt
			changes[id] = e
		}
	}
	if m.storeAlerts(ctx, write) == nil {
		m.book.put(changes)
	}
}

// expireAcks ends acknowledgements whose time is over.
func (m *Manager) expireAcks(ctx context.Context, ids []model.Fingerprint, now time.Time) {
	if len(ids) == 0 {
		return
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	for _, id := range ids {
		e, ok := m.book.get(id)
		if !ok || e.ack == nil || e.acked(now) {
			continue
		}
		by := e.ack.By
		if m.endAck(ctx, id, &e); e.ack != nil {
			continue
		}
		m.book.put(map[model.Fingerprint]entry{id: e})
		m.log.Info("an acknowledgement is over", "alert", id.String(), "name", e.alert.Name(), "acknowledged_by", by)
		m.announce(id, &e, now)
	}
}

// prune forgets what is old.
func (m *Manager) prune(ctx context.Context, now time.Time) {
	history := 90 * units.Day
	if g := m.current.Load(); g != nil {
		history = g.plan.history
	}
	if err := m.store.Prune(ctx, now.Add(-history), mostKept); err != nil && ctx.Err() == nil {
		m.log.Warn("old alerts could not be forgotten", "error", err)
	}
	m.settled.prune(now)
	if _, err := m.silences.GC(); err != nil {
		m.log.Warn("old silences could not be forgotten", "error", err)
	}
	if _, err := m.nflog.GC(); err != nil {
		m.log.Warn("what was told long ago could not be forgotten", "error", err)
	}
}

// loadBlobs gives Alertmanager's packages what they knew, and then listens to what
// they learn.
func (m *Manager) loadBlobs(ctx context.Context) error {
	for _, k := range []struct {
		kind string
		take func(key string, data []byte) error
	}{
		{kindSilence, func(_ string, data []byte) error { return m.silences.Merge(data) }},
		{kindLog, func(_ string, data []byte) error { return m.nflog.Merge(data) }},
		{kindSettled, m.settled.load},
	} {
		blobs, err := m.store.Blobs(ctx, k.kind)
		if err != nil {
			return err
		}
		for key, data := range blobs {
			if err := k.take(key, data); err != nil {
				m.log.Warn("a piece of what alerting knew cannot be read and is left out", "kind", k.kind, "key", key, "error", err)
			}
		}
	}
	m.silences.SetBroadcast(m.noteSilence)
	m.nflog.SetBroadcast(m.noteLog)
	return nil
}

// noteSilence takes a silence as Alertmanager would tell it to its cluster: a new
// one, a changed one, or one that is ended.
func (m *Manager) noteSilence(data []byte) {
	var s silencepb.MeshSilence
	if err := protodelim.UnmarshalFrom(bytes.NewReader(data), &s); err != nil {
		m.log.Error("a silence cannot be stored", "error", err)
		return
	}
	made := s.GetSilence()
	m.log.Info("a silence is set", "silence", made.GetId(), "by", made.GetCreatedBy(), "from", made.GetStartsAt().AsTime(), "until", made.GetEndsAt().AsTime(), "comment", made.GetComment())
	m.journal.note(Blob{Kind: kindSilence, Key: made.GetId(), Data: data, Expires: s.GetExpiresAt().AsTime()})
}

// noteLog does the same with an entry of the notification log.
func (m *Manager) noteLog(data []byte) {
	var e nflogpb.MeshEntry
	if err := protodelim.UnmarshalFrom(bytes.NewReader(data), &e); err != nil {
		m.log.Error("what was told cannot be stored", "error", err)
		return
	}
	to := e.GetEntry().GetReceiver()
	key := strings.Join([]string{string(e.GetEntry().GetGroupKey()), to.GetGroupName(), to.GetIntegration(), strconv.FormatUint(uint64(to.GetIdx()), 10)}, "\x1f")
	m.journal.note(Blob{Kind: kindLog, Key: key, Data: data, Expires: e.GetExpiresAt().AsTime()})
}
