package access

import (
	"context"
	"time"
)

// Store keeps the password, sessions and tokens. Implementations are in package
// state; accesstest.Run holds each of them to this contract.
//
//   - What a writing method did MUST be durable and visible when it returns nil.
//   - Times MUST be kept to the millisecond, in UTC; a zero time stays zero.
//   - All methods MAY be called concurrently, and by several processes: the
//     command line sets the password while the server runs.
//   - The store MUST NOT keep anything but what it is given: no secret reaches it.
type Store interface {
	// PasswordHash returns the encoded hash of the password, "" when none is set.
	PasswordHash(ctx context.Context) (string, error)
	// SetPasswordHash replaces the hash ("" removes it) and removes every
	// session, in one step.
	SetPasswordHash(ctx context.Context, encoded string) error

	// AddSession keeps a login.
	AddSession(ctx context.Context, s Session) error
	// Session returns one; fault.NotFound without it.
	Session(ctx context.Context, id SessionID) (Session, error)
	// TouchSession moves Seen forward, never back. Nothing happens without the session.
	TouchSession(ctx context.Context, id SessionID, seen time.Time) error
	// RemoveSession removes one. Nothing happens without the session.
	RemoveSession(ctx context.Context, id SessionID) error
	// PruneSessions removes those created before the one time or last seen
	// before the other.
	PruneSessions(ctx context.Context, createdBefore, seenBefore time.Time) error

	// AddToken keeps a token; fault.Conflict when its ID or name is taken.
	AddToken(ctx context.Context, t Token) error
	// Token returns one; fault.NotFound without it.
	Token(ctx context.Context, id string) (Token, error)
	// Tokens returns all, by name.
	Tokens(ctx context.Context) ([]Token, error)
	// TouchToken moves LastUsed forward, never back. Nothing happens without the token.
	TouchToken(ctx context.Context, id string, used time.Time) error
	// RemoveToken removes one; fault.NotFound without it.
	RemoveToken(ctx context.Context, id string) error
}
