package access

import (
	"context"
	"fmt"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

// CreateToken makes a token and returns its text, which is not kept and cannot
// be shown again. A zero expires means never; by is who made it.
func (m *Manager) CreateToken(ctx context.Context, name string, scopes []Scope, expires time.Time, by string) (Token, secret.String, error) {
	if err := checkToken(name, expires); err != nil {
		return Token{}, secret.String{}, err
	}
	if len(scopes) == 0 {
		_, err := ParseScopes(nil)
		return Token{}, secret.String{}, err
	}
	present, err := m.store.Tokens(ctx)
	if err != nil {
		return Token{}, secret.String{}, fmt.Errorf("read the tokens: %w", err)
	}
	if len(present) >= maxTokens {
		return Token{}, secret.String{}, fault.Conflict("there are %d tokens already; revoke those that are not used", len(present))
	}
	token, text := newToken(name, scopes, expires, by)
	if err := m.store.AddToken(ctx, token); err != nil {
		return Token{}, secret.String{}, fmt.Errorf("make token %q: %w", name, err)
	}
	m.log.Info("token made", "token", token.Name, "id", token.ID, "scopes", token.Scopes, "by", by)
	return token, text, nil
}

// Tokens returns all tokens by name, expired ones included.
func (m *Manager) Tokens(ctx context.Context) ([]Token, error) {
	tokens, err := m.store.Tokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	return tokens, nil
}

// RevokeToken removes a token; it ends at once. fault.NotFound without it.
func (m *Manager) RevokeToken(ctx context.Context, id, by string) error {
	if err := m.store.RemoveToken(ctx, id); err != nil {
		return fmt.Errorf("revoke token %.20q: %w", id, err)
	}
	m.log.Info("token revoked", "id", id, "by", by)
	return nil
}
