package tail_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"lapwing.dev/lapwing/internal/ingest/tail"
	"lapwing.dev/lapwing/internal/ingest/tailtest"
)

// memory is a store that forgets when the test ends.
type memory struct {
	mu   sync.Mutex
	logs map[string]map[int64]tail.Position
}

func (m *memory) Positions(_ context.Context, log string) ([]tail.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []tail.Position
	for _, id := range slices.Sorted(maps.Keys(m.logs[log])) {
		list = append(list, m.logs[log][id])
	}
	return list, nil
}

func (m *memory) SavePositions(_ context.Context, log string, changed []tail.Position, gone []int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs == nil {
		m.logs = map[string]map[int64]tail.Position{}
	}
	if m.logs[log] == nil {
		m.logs[log] = map[int64]tail.Position{}
	}
	for _, p := range changed {
		m.logs[log][p.ID] = p
	}
	for _, id := range gone {
		delete(m.logs[log], id)
	}
	return nil
}

func TestMemoryKeepsTheContract(t *testing.T) {
	tailtest.Run(t, func(*testing.T) tail.Store { return &memory{} })
}
