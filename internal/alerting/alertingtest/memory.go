package alertingtest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
)

// Memory is a Store in memory, for tests whose clock is not the machine's. The zero
// value is ready. What was put into it stays there for the next Manager, as a disk
// would keep it.
type Memory struct {
	mu          sync.Mutex
	fail        error
	writes      int
	alerts      map[string]alerting.Stored
	acks        map[string]alerting.Ack
	blobs       map[blobKey]alerting.Blob
	deliveries  []alerting.StoredDelivery // by ID - 1
	escalations map[escalationKey]alerting.Escalated
}

type blobKey struct{ kind, key string }

type escalationKey struct{ alert, receiver string }

// Fail has every write fail from now on, or succeed again (nil).
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Writes returns how many calls have written.
func (m *Memory) Writes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

func (m *Memory) write(do func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.writes++
	do()
	return nil
}

// PutAlerts implements alerting.Store.
func (m *Memory) PutAlerts(_ context.Context, alerts []alerting.Stored) error {
	return m.write(func() {
		if m.alerts == nil {
			m.alerts = map[string]alerting.Stored{}
		}
		for i := range alerts {
			s := copyOf(&alerts[i])
			m.alerts[s.ID] = s
			if s.Ended() {
				delete(m.acks, s.ID)
			}
		}
	})
}

// Alerts implements alerting.Store.
func (m *Memory) Alerts(_ context.Context, endedAfter time.Time) ([]alerting.Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []alerting.Stored
	for _, s := range m.alerts {
		if !s.Ended() || s.Alert.Ends.After(endedAfter) {
			list = append(list, copyOf(&s))
		}
	}
	return list, nil
}

// Alert implements alerting.Store.
func (m *Memory) Alert(_ context.Context, id string) (alerting.Stored, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.alerts[id]
	return copyOf(&s), ok, nil
}

// PutAck implements alerting.Store.
func (m *Memory) PutAck(_ context.Context, ack alerting.Ack) error {
	return m.write(func() {
		if m.acks == nil {
			m.acks = map[string]alerting.Ack{}
		}
		m.acks[ack.Alert] = ack
	})
}

// DropAck implements alerting.Store.
func (m *Memory) DropAck(_ context.Context, alert string) error {
	return m.write(func() { delete(m.acks, alert) })
}

// Acks implements alerting.Store.
func (m *Memory) Acks(context.Context) ([]alerting.Ack, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.acks), func(a, b alerting.Ack) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Alert, b.Alert))
	}), nil
}

// PutBlobs implements alerting.Store.
func (m *Memory) PutBlobs(_ context.Context, blobs []alerting.Blob) error {
	return m.write(func() {
		if m.blobs == nil {
			m.blobs = map[blobKey]alerting.Blob{}
		}
		for _, b := range blobs {
			b.Data = bytes.Clone(b.Data)
			m.blobs[blobKey{b.Kind, b.Key}] = b
		}
	})
}

// Blobs implements alerting.Store.
func (m *Memory) Blobs(_ context.Context, kind string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string][]byte{}
	for key, b := range m.blobs {
		if key.kind == kind {
			found[key.key] = bytes.Clone(b.Data)
		}
	}
	return found, nil
}

// PutDelivery implements alerting.Store.
func (m *Memory) PutDelivery(_ context.Context, d *alerting.Delivery, payload []byte) error {
	return m.write(func() {
		if d.ID == 0 {
			d.ID = int64(len(m.deliveries)) + 1
			m.deliveries = append(m.deliveries, alerting.StoredDelivery{})
		}
		kept := alerting.StoredDelivery{Delivery: *d, Payload: bytes.Clone(payload)}
		kept.Alerts = slices.Clone(d.Alerts)
		m.deliveries[d.ID-1] = kept
	})
}

// Waiting implements alerting.Store.
func (m *Memory) Waiting(context.Context) ([]alerting.StoredDelivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []alerting.StoredDelivery
	for i := range m.deliveries {
		if m.deliveries[i].Payload != nil {
			list = append(list, m.deliveries[i])
		}
	}
	return list, nil
}

// Deliveries implements alerting.Store.
func (m *Memory) Deliveries(_ context.Context, receiver string, before int64, most int) ([]alerting.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []alerting.Delivery
	for i := len(m.deliveries) - 1; i >= 0 && len(list) < most; i-- {
		d := m.deliveries[i].Delivery
		if d.ID != 0 && (receiver == "" || d.Receiver == receiver) && (before == 0 || d.ID < before) {
			list = append(list, d)
		}
	}
	return list, nil
}

// PutEscalation implements alerting.Store.
func (m *Memory) PutEscalation(_ context.Context, alert string, starts time.Time, receiver string, at time.Time) error {
	return m.write(func() {
		if m.escalations == nil {
			m.escalations = map[escalationKey]alerting.Escalated{}
		}
		m.escalations[escalationKey{alert, receiver}] = alerting.Escalated{Alert: alert, Starts: starts, Receiver: receiver, At: at}
	})
}

// Escalations implements alerting.Store.
func (m *Memory) Escalations(context.Context) ([]alerting.Escalated, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.escalations), func(a, b alerting.Escalated) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Alert, b.Alert), strings.Compare(a.Receiver, b.Receiver))
	}), nil
}

// Prune implements alerting.Store.
func (m *Memory) Prune(_ context.Context, before time.Time, most int) error {
	return m.write(func() {
		ended := slices.DeleteFunc(slices.Collect(maps.Values(m.alerts)), func(s alerting.Stored) bool { return !s.Ended() })
		slices.SortFunc(ended, func(a, b alerting.Stored) int { return b.Alert.Ends.Compare(a.Alert.Ends) })
		for i := range ended {
			if i >= most || ended[i].Alert.Ends.Before(before) {
				delete(m.alerts, ended[i].ID)
			}
		}
		maps.DeleteFunc(m.acks, func(id string, _ alerting.Ack) bool { _, ok := m.alerts[id]; return !ok })
		maps.DeleteFunc(m.blobs, func(_ blobKey, b alerting.Blob) bool { return b.Expires.Before(time.Now()) })
		maps.DeleteFunc(m.escalations, func(_ escalationKey, e alerting.Escalated) bool {
			_, ok := m.alerts[e.Alert]
			return !ok && e.At.Before(before)
		})
		over := 0
		for i := range slices.Backward(m.deliveries) {
			if d := &m.deliveries[i]; d.Payload == nil && d.ID != 0 {
				if over++; over > most || d.Created.Before(before) {
					*d = alerting.StoredDelivery{}
				}
			}
		}
	})
}

// copyOf is an alert that shares nothing, with times as precise as they are kept.
func copyOf(s *alerting.Stored) alerting.Stored {
	c := *s
	c.Alert.Labels, c.Alert.Annotations = maps.Clone(s.Alert.Labels), maps.Clone(s.Alert.Annotations)
	for _, t := range []*time.Time{&c.Alert.Starts, &c.Alert.Ends, &c.Updated} {
		if !t.IsZero() {
			*t = t.Truncate(time.Millisecond).UTC()
		}
	}
	return c
}
