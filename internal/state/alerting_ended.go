package state

import (
	"context"
	"database/sql"
	"encoding/json"

	"lapwing.dev/lapwing/internal/alerting"
)

// PutEnded implements alerting.Store.
func (s *AlertStore) PutEnded(ctx context.Context, list []*alerting.Delivery) error {
	const add = `INSERT INTO alert_delivery (receiver, kind, reason, told, firing, resolved, created_ms, tries, last_ms, next_ms, state, error, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, NULL)`
	ids := make([]int64, len(list))
	err := s.db.update(ctx, "store deliveries", func(ctx context.Context, tx *sql.Tx) error {
		for i, d := range list {
			told, err := json.Marshal(d.Alerts)
			if err != nil {
				return err
			}
			result, err := tx.ExecContext(ctx, add, d.Receiver, d.Kind, d.Reason, string(told), d.Firing, d.Resolved,
				d.Created.UnixMilli(), d.Tries, milli(d.Last), d.State, d.Error)
			if err != nil {
				return err
			}
			if ids[i], err = result.LastInsertId(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, d := range list {
		d.ID = ids[i]
	}
	return nil
}
