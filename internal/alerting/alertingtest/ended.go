package alertingtest

import (
	"context"

	"lapwing.dev/lapwing/internal/alerting"
)

// PutEnded implements alerting.Store.
func (m *Memory) PutEnded(ctx context.Context, list []*alerting.Delivery) error {
	for _, d := range list {
		if err := m.PutDelivery(ctx, d, nil); err != nil {
			return err
		}
	}
	return nil
}
