package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/fault"
)

// AccessStore keeps the password, sessions and tokens: it implements access.Store.
type AccessStore struct {
	db *DB
}

// Access returns the store of who may come in.
func (db *DB) Access() *AccessStore { return &AccessStore{db: db} }

// PasswordHash implements access.Store.
func (s *AccessStore) PasswordHash(ctx context.Context) (string, error) {
	var encoded string
	err := s.db.read.QueryRowContext(ctx, `SELECT encoded FROM access_password`).Scan(&encoded)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return encoded, s.db.explain("read the password's hash", err)
}

// SetPasswordHash implements access.Store.
func (s *AccessStore) SetPasswordHash(ctx context.Context, encoded string) error {
	return s.db.update(ctx, "set the password", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM access_session`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM access_password`); err != nil || encoded == "" {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO access_password (only, encoded) VALUES (1, ?1)`, encoded)
		return err
	})
}

// AddSession implements access.Store.
func (s *AccessStore) AddSession(ctx context.Context, session access.Session) error {
	const insert = `INSERT INTO access_session (id, password, created_ms, seen_ms) VALUES (?1, ?2, ?3, ?4)`
	return s.exec(ctx, "add a session", insert,
		session.ID[:], session.Password, session.Created.UnixMilli(), session.Seen.UnixMilli())
}

// Session implements access.Store.
func (s *AccessStore) Session(ctx context.Context, id access.SessionID) (access.Session, error) {
	session := access.Session{ID: id}
	var created, seen int64
	const query = `SELECT password, created_ms, seen_ms FROM access_session WHERE id = ?1`
	err := s.db.read.QueryRowContext(ctx, query, id[:]).Scan(&session.Password, &created, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return access.Session{}, fault.NotFound("no such session")
	}
	if err != nil {
		return access.Session{}, s.db.explain("read a session", err)
	}
	session.Created, session.Seen = time.UnixMilli(created).UTC(), time.UnixMilli(seen).UTC()
	return session, nil
}

// TouchSession implements access.Store.
func (s *AccessStore) TouchSession(ctx context.Context, id access.SessionID, seen time.Time) error {
	const update = `UPDATE access_session SET seen_ms = ?2 WHERE id = ?1 AND seen_ms < ?2`
	return s.exec(ctx, "note a session's use", update, id[:], seen.UnixMilli())
}

// RemoveSession implements access.Store.
func (s *AccessStore) RemoveSession(ctx context.Context, id access.SessionID) error {
	return s.exec(ctx, "remove a session", `DELETE FROM access_session WHERE id = ?1`, id[:])
}

// PruneSessions implements access.Store.
func (s *AccessStore) PruneSessions(ctx context.Context, createdBefore, seenBefore time.Time) error {
	const remove = `DELETE FROM access_session WHERE created_ms < ?1 OR seen_ms < ?2`
	return s.exec(ctx, "remove ended sessions", remove, createdBefore.UnixMilli(), seenBefore.UnixMilli())
}

// AddToken implements access.Store.
func (s *AccessStore) AddToken(ctx context.Context, t access.Token) error {
	scopes := make([]string, len(t.Scopes))
	for i, scope := range t.Scopes {
		scopes[i] = string(scope)
	}
	const insert = `INSERT INTO access_token (id, name, scopes, hash, created_ms, created_by, expires_ms, used_ms)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING`
	return s.db.update(ctx, "add a token", func(ctx context.Context, tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, insert, t.ID, t.Name, strings.Join(scopes, " "), t.Hash[:],
			t.Created.UnixMilli(), t.CreatedBy, millis(t.Expires), millis(t.LastUsed))
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fault.Conflict("there is a token %q already", t.Name)
	})
}

const tokenColumns = `SELECT id, name, scopes, hash, created_ms, created_by, expires_ms, used_ms FROM access_token`

// Token implements access.Store.
func (s *AccessStore) Token(ctx context.Context, id string) (access.Token, error) {
	token, err := scanToken(s.db.read.QueryRowContext(ctx, tokenColumns+` WHERE id = ?1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return access.Token{}, fault.NotFound("no such token")
	}
	return token, s.db.explain("read a token", err)
}

// Tokens implements access.Store.
func (s *AccessStore) Tokens(ctx context.Context) ([]access.Token, error) {
	rows, err := s.db.read.QueryContext(ctx, tokenColumns+` ORDER BY name`)
	if err != nil {
		return nil, s.db.explain("read the tokens", err)
	}
	defer rows.Close() // rows.Err tells
	var tokens []access.Token
	for rows.Next() {
		token, err := scanToken(rows)
		if err != nil {
			return nil, s.db.explain("read the tokens", err)
		}
		tokens = append(tokens, token)
	}
	return tokens, s.db.explain("read the tokens", rows.Err())
}

// TouchToken implements access.Store.
func (s *AccessStore) TouchToken(ctx context.Context, id string, used time.Time) error {
	const update = `UPDATE access_token SET used_ms = ?2 WHERE id = ?1 AND (used_ms IS NULL OR used_ms < ?2)`
	return s.exec(ctx, "note a token's use", update, id, used.UnixMilli())
}

// RemoveToken implements access.Store.
func (s *AccessStore) RemoveToken(ctx context.Context, id string) error {
	return s.db.update(ctx, "remove a token", func(ctx context.Context, tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM access_token WHERE id = ?1`, id)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fault.NotFound("no such token")
	})
}

// exec runs one statement in a transaction of its own.
func (s *AccessStore) exec(ctx context.Context, doing, statement string, args ...any) error {
	return s.db.update(ctx, doing, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// scanToken reads one row of tokenColumns.
func scanToken(row interface{ Scan(...any) error }) (access.Token, error) {
	var (
		t             access.Token
		scopes        string
		hash          []byte
		created       int64
		expires, used sql.NullInt64
	)
	if err := row.Scan(&t.ID, &t.Name, &scopes, &hash, &created, &t.CreatedBy, &expires, &used); err != nil {
		return access.Token{}, err
	}
	if len(hash) != len(t.Hash) {
		return access.Token{}, fmt.Errorf("the hash of token %q is damaged", t.Name)
	}
	copy(t.Hash[:], hash)
	for scope := range strings.FieldsSeq(scopes) {
		t.Scopes = append(t.Scopes, access.Scope(scope))
	}
	t.Created, t.Expires, t.LastUsed = time.UnixMilli(created).UTC(), fromMillis(expires), fromMillis(used)
	return t, nil
}

// millis is the column's value of a time that may be zero.
func millis(t time.Time) sql.NullInt64 {
	if t.IsZero() {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: true}
}

func fromMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}
