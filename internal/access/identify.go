package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

// Identify says who sends the request. The error is the reason why the caller
// is Nobody and what to do about it: fault.KindUnauthentic when it has to log
// in, fault.KindForbidden when it comes from the wrong place. Whoever serves
// something public may ignore it.
//
// When the store cannot be read nobody is let in: the error then has no kind.
func (m *Manager) Identify(r *http.Request) (Identity, error) {
	ctx := r.Context()
	if text, ok := bearer(r); ok {
		return m.byToken(ctx, text)
	}
	password, err := m.passwordHash(ctx)
	if err != nil {
		return Nobody(), err
	}
	if password == "" {
		if err := local(r, m.settings.Load().hosts); err != nil {
			return Nobody(), err
		}
		return Identity{Name: "local", Kind: KindLocal, Scopes: []Scope{Admin}}, nil
	}
	return m.bySession(r, fingerprint(password))
}

// bearer returns the credentials of an Authorization header with the scheme
// Bearer (RFC 6750 §2.1). Other schemes belong to proxies in front of us.
func bearer(r *http.Request) (string, bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(text), strings.EqualFold(scheme, "Bearer")
}

func (m *Manager) byToken(ctx context.Context, text string) (Identity, error) {
	id, half, err := ParseToken(text)
	if err != nil {
		return Nobody(), err
	}
	token, err := m.store.Token(ctx, id)
	if err != nil && fault.KindOf(err) != fault.KindNotFound {
		return Nobody(), fmt.Errorf("read a token: %w", err)
	}
	if err != nil || !token.matches(half) {
		return Nobody(), fault.Unauthentic("the token is not known; it may have been revoked")
	}
	now := time.Now()
	if token.Expired(now) {
		return Nobody(), fault.Unauthentic("the token %q expired at %s; make another one", token.Name, token.Expires.Format(time.RFC3339))
	}
	if now.Sub(token.LastUsed) >= tokenTouch {
		// Not worth refusing a request for: the store may be full.
		if err := m.store.TouchToken(ctx, token.ID, now); err != nil {
			m.log.Warn("last use of a token not stored", "token", token.Name, "error", err)
		}
	}
	return Identity{Name: token.Name, Kind: KindToken, Scopes: token.Scopes}, nil
}

func (m *Manager) bySession(r *http.Request, password string) (Identity, error) {
	loginNeeded := fault.Unauthentic("log in, or send an API token: `Authorization: Bearer lw_…`")
	id, ok := presented(r)
	if !ok {
		return Nobody(), loginNeeded
	}
	session, err := m.store.Session(r.Context(), id)
	now := time.Now()
	switch {
	case fault.KindOf(err) == fault.KindNotFound:
		return Nobody(), loginNeeded
	case err != nil:
		return Nobody(), fmt.Errorf("read a session: %w", err)
	case !session.valid(now, password):
		return Nobody(), fault.Unauthentic("the session has ended; log in again")
	}
	if now.Sub(session.Seen) >= sessionTouch {
		if err := m.store.TouchSession(r.Context(), id, now); err != nil {
			m.log.Warn("last use of a session not stored", "error", err)
		}
	}
	return Identity{Name: "admin", Kind: KindSession, Scopes: []Scope{Admin}}, nil
}

// Login starts a session when the password is right and sets its cookie. The
// error is fault.KindUnauthentic when it is wrong, fault.KindUnavailable (code
// throttled, with RetryAfter, and the header of that name is set) after too many
// wrong ones, fault.KindConflict when none is set.
func (m *Manager) Login(w http.ResponseWriter, r *http.Request, password string) error {
	ctx := r.Context()
	refund, news, err := m.throttle.take(peer(r))
	if err != nil {
		if news { // one line each would let a guesser fill the disk
			m.log.Warn("logins refused after too many failures", "address", peer(r).String(), "error", err)
		}
		tellRetryAfter(w, err)
		return err
	}
	hash, ok, err := m.verify(ctx, secret.New(password))
	if err != nil {
		refund() // it was never compared
		tellRetryAfter(w, err)
		return err
	}
	if !ok {
		m.log.Warn("login failed", "address", peer(r).String())
		return fault.Unauthentic("the password is wrong")
	}
	refund()

	// The old session ends: logging in twice must not leave one behind.
	if old, ok := presented(r); ok {
		if err := m.store.RemoveSession(ctx, old); err != nil {
			return fmt.Errorf("end the previous session: %w", err)
		}
	}
	session, value := newSession(fingerprint(hash))
	if err := m.store.PruneSessions(ctx, session.Created.Add(-SessionLifetime), session.Created.Add(-SessionIdle)); err != nil {
		return fmt.Errorf("remove ended sessions: %w", err)
	}
	if err := m.store.AddSession(ctx, session); err != nil {
		return fmt.Errorf("store the session: %w", err)
	}
	http.SetCookie(w, sessionCookie(value, m.secure(r)))
	m.log.Info("logged in", "address", peer(r).String())
	return nil
}

// Logout ends the session of the request, if it has one, and removes its cookie.
func (m *Manager) Logout(w http.ResponseWriter, r *http.Request) error {
	if id, ok := presented(r); ok {
		if err := m.store.RemoveSession(r.Context(), id); err != nil {
			return fmt.Errorf("end the session: %w", err)
		}
	}
	http.SetCookie(w, sessionCookie("", m.secure(r)))
	return nil
}

// secure reports whether the browser reaches us by HTTPS, so that the cookie
// must not travel otherwise. X-Forwarded-Proto is not asked: anybody can send it.
func (m *Manager) secure(r *http.Request) bool {
	return r.TLS != nil || m.settings.Load().secureCookies
}
