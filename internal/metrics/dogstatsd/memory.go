package dogstatsd

import dto "github.com/prometheus/client_model/go"

// memory is what the agent was told of everything that counts up: a counter is
// sent as what it grew by. It knows as many series as there are.
type memory struct {
	begun  bool
	round  uint64
	values map[string]*told
	shapes map[string]*shape // of histograms, at the last round
}

type told struct {
	value float64
	round uint64 // in which it was seen last
}

type shape struct {
	buckets []bucket
	round   uint64
}

// growth is a counter's new value, to be noted when the agent got it.
type growth struct {
	key   string
	value float64
}

// begin notes the present values, as if they had been sent.
func (m *memory) begin(families func(func(*dto.MetricFamily))) {
	m.begun = true
	w := &writer{packer: &packer{}, memory: m, noting: true}
	families(w.family)
}

// grown returns by how much a counter has grown since the agent was told of it.
// One that is lower than it was began anew, and so did one that is new: it was
// not there when the memory began.
func (m *memory) grown(key string, value float64) float64 {
	t := m.values[key]
	if t == nil {
		return value
	}
	t.round = m.round
	if value < t.value {
		t.value = 0
	}
	return value - t.value
}

func (m *memory) note(list []growth) {
	for _, g := range list {
		m.set(g.key, g.value)
	}
}

func (m *memory) set(key string, value float64) {
	if m.values == nil {
		m.values = map[string]*told{}
	}
	if t := m.values[key]; t != nil {
		t.value, t.round = value, m.round
		return
	}
	m.values[key] = &told{value, m.round}
}

// since returns the buckets of what a histogram counted since the last round,
// and remembers the present ones.
func (m *memory) since(key string, now []bucket) []bucket {
	if m.shapes == nil {
		m.shapes = map[string]*shape{}
	}
	last := m.shapes[key]
	m.shapes[key] = &shape{now, m.round}
	if last == nil {
		return now
	}
	return minus(now, last.buckets)
}

// forget drops the series that are not there any more.
func (m *memory) forget() {
	for key, t := range m.values {
		if t.round != m.round {
			delete(m.values, key)
		}
	}
	for key, s := range m.shapes {
		if s.round != m.round {
			delete(m.shapes, key)
		}
	}
}
