package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
)

// deliveryColumns are those that scanDelivery reads.
const deliveryColumns = `id, receiver, kind, reason, told, firing, resolved, created_ms, tries, last_ms, next_ms, state, error`

// PutDelivery implements alerting.Store.
func (s *AlertStore) PutDelivery(ctx context.Context, d *alerting.Delivery, payload []byte) error {
	const (
		add = `INSERT INTO alert_delivery (receiver, kind, reason, told, firing, resolved, created_ms, tries, last_ms, next_ms, state, error, payload)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`
		change = `UPDATE alert_delivery SET receiver = ?1, kind = ?2, reason = ?3, told = ?4, firing = ?5, resolved = ?6, created_ms = ?7, tries = ?8,
			last_ms = ?9, next_ms = ?10, state = ?11, error = ?12, payload = ?13 WHERE id = ?14`
	)
	told, err := json.Marshal(d.Alerts)
	if err != nil {
		return err
	}
	args := []any{
		d.Receiver, d.Kind, d.Reason, string(told), d.Firing, d.Resolved, d.Created.UnixMilli(), d.Tries,
		milli(d.Last), milli(d.Next), d.State, d.Error, payload,
	}
	id := d.ID
	err = s.db.update(ctx, "store a delivery", func(ctx context.Context, tx *sql.Tx) error {
		if id != 0 {
			_, err := tx.ExecContext(ctx, change, append(args, id)...)
			return err
		}
		result, err := tx.ExecContext(ctx, add, args...)
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	if err == nil {
		d.ID = id
	}
	return err
}

// Waiting implements alerting.Store.
func (s *AlertStore) Waiting(ctx context.Context) ([]alerting.StoredDelivery, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT `+deliveryColumns+`, payload FROM alert_delivery WHERE payload IS NOT NULL ORDER BY id`)
	if err != nil {
		return nil, s.db.explain("read waiting deliveries", err)
	}
	defer rows.Close() // rows.Err tells
	var list []alerting.StoredDelivery
	for rows.Next() {
		var d alerting.StoredDelivery
		if err := scanDelivery(rows, &d.Delivery, &d.Payload); err != nil {
			return nil, s.db.explain("read waiting deliveries", err)
		}
		list = append(list, d)
	}
	return list, s.db.explain("read waiting deliveries", rows.Err())
}

// Deliveries implements alerting.Store.
func (s *AlertStore) Deliveries(ctx context.Context, receiver string, before int64, most int) ([]alerting.Delivery, error) {
	const query = `SELECT ` + deliveryColumns + ` FROM alert_delivery
		WHERE (?1 = '' OR receiver = ?1) AND (?2 = 0 OR id < ?2) ORDER BY id DESC LIMIT ?3`
	rows, err := s.db.read.QueryContext(ctx, query, receiver, before, max(most, 0))
	if err != nil {
		return nil, s.db.explain("read deliveries", err)
	}
	defer rows.Close() // rows.Err tells
	var list []alerting.Delivery
	for rows.Next() {
		var d alerting.Delivery
		if err := scanDelivery(rows, &d); err != nil {
			return nil, s.db.explain("read deliveries", err)
		}
		list = append(list, d)
	}
	return list, s.db.explain("read deliveries", rows.Err())
}

// scanDelivery reads deliveryColumns, and what stands after them.
func scanDelivery(rows *sql.Rows, d *alerting.Delivery, more ...any) error {
	var (
		told       string
		created    int64
		last, next sql.NullInt64
	)
	columns := []any{
		&d.ID, &d.Receiver, &d.Kind, &d.Reason, &told, &d.Firing, &d.Resolved, &created, &d.Tries, &last, &next, &d.State, &d.Error,
	}
	if err := rows.Scan(append(columns, more...)...); err != nil {
		return err
	}
	d.Created, d.Last, d.Next = time.UnixMilli(created).UTC(), fromMilli(last), fromMilli(next)
	return json.Unmarshal([]byte(told), &d.Alerts)
}

// PutEscalation implements alerting.Store.
func (s *AlertStore) PutEscalation(ctx context.Context, alert string, starts time.Time, receiver string, at time.Time) error {
	const put = `INSERT OR REPLACE INTO alert_escalation (alert, receiver, starts_ms, at_ms) VALUES (?1, ?2, ?3, ?4)`
	return s.db.update(ctx, "store an escalation", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, put, alert, receiver, starts.UnixMilli(), at.UnixMilli())
		return err
	})
}

// Escalations implements alerting.Store.
func (s *AlertStore) Escalations(ctx context.Context) ([]alerting.Escalated, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT alert, receiver, starts_ms, at_ms FROM alert_escalation ORDER BY at_ms, alert, receiver`)
	if err != nil {
		return nil, s.db.explain("read escalations", err)
	}
	defer rows.Close() // rows.Err tells
	var list []alerting.Escalated
	for rows.Next() {
		var (
			e          alerting.Escalated
			starts, at int64
		)
		if err := rows.Scan(&e.Alert, &e.Receiver, &starts, &at); err != nil {
			return nil, s.db.explain("read escalations", err)
		}
		e.Starts, e.At = time.UnixMilli(starts).UTC(), time.UnixMilli(at).UTC()
		list = append(list, e)
	}
	return list, s.db.explain("read escalations", rows.Err())
}
