package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
)

// AlertStore keeps alerts, who has them and who was told: it implements
// alerting.Store.
type AlertStore struct {
	db *DB
}

// Alerts returns the store of alerts.
func (db *DB) Alerts() *AlertStore { return &AlertStore{db: db} }

// PutAlerts implements alerting.Store.
func (s *AlertStore) PutAlerts(ctx context.Context, alerts []alerting.Stored) error {
	const (
		put = `INSERT INTO alert (id, source, labels, annotations, starts_ms, ends_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
			ON CONFLICT (id) DO UPDATE SET source = excluded.source, labels = excluded.labels, annotations = excluded.annotations,
			starts_ms = excluded.starts_ms, ends_ms = excluded.ends_ms, updated_ms = excluded.updated_ms`
		over = `DELETE FROM alert_ack WHERE alert = ?1`
	)
	if len(alerts) == 0 {
		return nil
	}
	return s.db.update(ctx, "store alerts", func(ctx context.Context, tx *sql.Tx) error {
		putting, err := tx.PrepareContext(ctx, put)
		if err != nil {
			return err
		}
		defer putting.Close()
		ending, err := tx.PrepareContext(ctx, over)
		if err != nil {
			return err
		}
		defer ending.Close()
		for i := range alerts {
			a := &alerts[i]
			labels, err := jsonText(a.Alert.Labels)
			if err != nil {
				return err
			}
			notes, err := jsonText(a.Alert.Annotations)
			if err != nil {
				return err
			}
			if _, err := putting.ExecContext(ctx, a.ID, a.Source, labels, notes, a.Alert.Starts.UnixMilli(), milli(a.Alert.Ends), a.Updated.UnixMilli()); err != nil {
				return err
			}
			if a.Ended() {
				if _, err := ending.ExecContext(ctx, a.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// alertColumns are those that scanAlert reads.
const alertColumns = `id, source, labels, annotations, starts_ms, ends_ms, updated_ms`

// Alerts implements alerting.Store.
func (s *AlertStore) Alerts(ctx context.Context, endedAfter time.Time) ([]alerting.Stored, error) {
	const query = `SELECT ` + alertColumns + ` FROM alert WHERE ends_ms IS NULL OR ends_ms > updated_ms OR ends_ms > ?1`
	return s.alerts(ctx, query, endedAfter.UnixMilli())
}

// Alert implements alerting.Store.
func (s *AlertStore) Alert(ctx context.Context, id string) (alerting.Stored, bool, error) {
	list, err := s.alerts(ctx, `SELECT `+alertColumns+` FROM alert WHERE id = ?1`, id)
	if err != nil || len(list) == 0 {
		return alerting.Stored{}, false, err
	}
	return list[0], true, nil
}

func (s *AlertStore) alerts(ctx context.Context, query string, arg any) ([]alerting.Stored, error) {
	rows, err := s.db.read.QueryContext(ctx, query, arg)
	if err != nil {
		return nil, s.db.explain("read the alerts", err)
	}
	defer rows.Close() // rows.Err tells
	var list []alerting.Stored
	for rows.Next() {
		a, labels, notes, err := scanAlert(rows)
		if err != nil {
			return nil, s.db.explain("read the alerts", err)
		}
		if err := errors.Join(json.Unmarshal(labels, &a.Alert.Labels), json.Unmarshal(notes, &a.Alert.Annotations)); err != nil {
			s.db.log.Warn("an alert that cannot be read is left out", "id", a.ID, "error", err)
			continue
		}
		list = append(list, a)
	}
	return list, s.db.explain("read the alerts", rows.Err())
}

// scanAlert reads alertColumns; labels and annotations are JSON.
func scanAlert(rows *sql.Rows) (a alerting.Stored, labels, notes []byte, err error) {
	var (
		starts, updated int64
		ends            sql.NullInt64
	)
	err = rows.Scan(&a.ID, &a.Source, &labels, &notes, &starts, &ends, &updated)
	a.Alert.Starts, a.Alert.Ends, a.Updated = time.UnixMilli(starts).UTC(), fromMilli(ends), time.UnixMilli(updated).UTC()
	return a, labels, notes, err
}

// PutAck implements alerting.Store.
func (s *AlertStore) PutAck(ctx context.Context, a alerting.Ack) error {
	const put = `INSERT OR REPLACE INTO alert_ack (alert, done_by, at_ms, until_ms, note) VALUES (?1, ?2, ?3, ?4, ?5)`
	return s.db.update(ctx, "store an acknowledgement", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, put, a.Alert, a.By, a.At.UnixMilli(), milli(a.Until), a.Note)
		return err
	})
}

// DropAck implements alerting.Store.
func (s *AlertStore) DropAck(ctx context.Context, alert string) error {
	return s.db.update(ctx, "end an acknowledgement", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM alert_ack WHERE alert = ?1`, alert)
		return err
	})
}

// Acks implements alerting.Store.
func (s *AlertStore) Acks(ctx context.Context) ([]alerting.Ack, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT alert, done_by, at_ms, until_ms, note FROM alert_ack ORDER BY at_ms, alert`)
	if err != nil {
		return nil, s.db.explain("read the acknowledgements", err)
	}
	defer rows.Close() // rows.Err tells
	var list []alerting.Ack
	for rows.Next() {
		var (
			a     alerting.Ack
			at    int64
			until sql.NullInt64
		)
		if err := rows.Scan(&a.Alert, &a.By, &at, &until, &a.Note); err != nil {
			return nil, s.db.explain("read the acknowledgements", err)
		}
		a.At, a.Until = time.UnixMilli(at).UTC(), fromMilli(until)
		list = append(list, a)
	}
	return list, s.db.explain("read the acknowledgements", rows.Err())
}

// PutBlobs implements alerting.Store.
func (s *AlertStore) PutBlobs(ctx context.Context, blobs []alerting.Blob) error {
	const put = `INSERT INTO alert_blob (kind, key, data, expires_ms) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (kind, key) DO UPDATE SET data = excluded.data, expires_ms = excluded.expires_ms`
	if len(blobs) == 0 {
		return nil
	}
	return s.db.update(ctx, "store what alerting knows", func(ctx context.Context, tx *sql.Tx) error {
		putting, err := tx.PrepareContext(ctx, put)
		if err != nil {
			return err
		}
		defer putting.Close()
		for _, b := range blobs {
			data := b.Data
			if data == nil {
				data = []byte{}
			}
			if _, err := putting.ExecContext(ctx, b.Kind, b.Key, data, b.Expires.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Blobs implements alerting.Store.
func (s *AlertStore) Blobs(ctx context.Context, kind string) (map[string][]byte, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT key, data FROM alert_blob WHERE kind = ?1`, kind)
	if err != nil {
		return nil, s.db.explain("read what alerting knows", err)
	}
	defer rows.Close() // rows.Err tells
	found := map[string][]byte{}
	for rows.Next() {
		var (
			key  string
			data []byte
		)
		if err := rows.Scan(&key, &data); err != nil {
			return nil, s.db.explain("read what alerting knows", err)
		}
		found[key] = data
	}
	return found, s.db.explain("read what alerting knows", rows.Err())
}

// Prune implements alerting.Store.
func (s *AlertStore) Prune(ctx context.Context, before time.Time, most int) error {
	return s.db.update(ctx, "forget old alerts", func(ctx context.Context, tx *sql.Tx) error {
		for _, do := range []struct {
			statement string
			args      []any
		}{
			{`DELETE FROM alert WHERE ends_ms < ?1 AND ends_ms <= updated_ms`, []any{before.UnixMilli()}},
			{`DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE ends_ms <= updated_ms ORDER BY ends_ms DESC LIMIT -1 OFFSET ?1)`, []any{max(most, 0)}},
			{`DELETE FROM alert_ack WHERE alert NOT IN (SELECT id FROM alert)`, nil},
			{`DELETE FROM alert_delivery WHERE created_ms < ?1 AND payload IS NULL`, []any{before.UnixMilli()}},
			{`DELETE FROM alert_delivery WHERE id IN (SELECT id FROM alert_delivery WHERE payload IS NULL ORDER BY id DESC LIMIT -1 OFFSET ?1)`, []any{max(most, 0)}},
			{`DELETE FROM alert_escalation WHERE at_ms < ?1 AND alert NOT IN (SELECT id FROM alert)`, []any{before.UnixMilli()}},
			{`DELETE FROM alert_blob WHERE expires_ms < ?1`, []any{time.Now().UnixMilli()}},
		} {
			if _, err := tx.ExecContext(ctx, do.statement, do.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// jsonText is a value as a JSON text; an empty map is {}.
func jsonText(m map[string]string) (string, error) {
	if m == nil {
		return "{}", nil
	}
	text, err := json.Marshal(m)
	return string(text), err
}

// milli is a time in milliseconds, NULL for none.
func milli(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// fromMilli is the reverse of milli.
func fromMilli(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}
