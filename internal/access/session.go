package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

// CookieName is the cookie that holds a session's secret.
const CookieName = "lapwing_session"

// How long a login holds: from its start, and without any request.
const (
	SessionLifetime = 30 * 24 * time.Hour
	SessionIdle     = 7 * 24 * time.Hour
)

// Times of last use are written this seldom: a page must not cost a disk write.
const (
	sessionTouch = time.Hour
	tokenTouch   = time.Minute
)

// SessionID is the SHA-256 of a session's secret. The secret itself is only in
// the browser's cookie.
type SessionID [sha256.Size]byte

// Session is a login as it is kept.
type Session struct {
	ID       SessionID
	Password string // fingerprint of the password that it was made with
	Created  time.Time
	Seen     time.Time // last use, exact to an hour
}

// valid reports whether the session still holds. A new password ends all others.
func (s *Session) valid(now time.Time, password string) bool {
	return s.Password == password && now.Before(s.Created.Add(SessionLifetime)) && now.Before(s.Seen.Add(SessionIdle))
}

const sessionBytes = 32

// newSession makes a session and the cookie value that stands for it. The value
// is always ours: what a browser presents before a login is never adopted, so a
// session cannot be fixed from outside.
func newSession(password string) (Session, string) {
	random := make([]byte, sessionBytes)
	_, _ = rand.Read(random) // never fails: it crashes the program instead
	now := time.Now().UTC().Truncate(time.Millisecond)
	return Session{ID: sha256.Sum256(random), Password: password, Created: now, Seen: now},
		base64.RawURLEncoding.EncodeToString(random)
}

// presented returns the id of the session whose cookie the request carries.
func presented(r *http.Request) (SessionID, bool) {
	cookie, err := r.Cookie(CookieName)
	if err != nil {
		return SessionID{}, false
	}
	value, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || len(value) != sessionBytes {
		return SessionID{}, false
	}
	return sha256.Sum256(value), true
}

// sessionCookie is the cookie to set; an empty value removes it. Cookies are
// shared by all ports of a host and SameSite does not tell them apart, which is
// why CheckOrigin does.
func sessionCookie(value string, secure bool) *http.Cookie {
	cookie := &http.Cookie{ // #nosec G124 -- Secure when the browser comes by HTTPS; without it there would be no login on plain HTTP
		Name: CookieName, Value: value, Path: "/", HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteLaxMode, MaxAge: int(SessionLifetime / time.Second),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	return cookie
}
