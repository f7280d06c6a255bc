package demo

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// tokens issues bearer tokens without remembering them: an expiry and its
// signature under a key that lives as long as the process.
type tokens struct{ key []byte }

const tokenLife = 15 * time.Minute

func newTokens() tokens {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the program instead (crypto/rand)
	return tokens{key}
}

func (t tokens) issue(now time.Time) string {
	expires := strconv.FormatInt(now.Add(tokenLife).Unix(), 10)
	return "demo." + expires + "." + t.sign(expires)
}

func (t tokens) valid(token string, now time.Time) bool {
	expires, signature, ok := strings.Cut(strings.TrimPrefix(token, "demo."), ".")
	if !ok || !hmac.Equal([]byte(signature), []byte(t.sign(expires))) {
		return false
	}
	at, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && now.Before(time.Unix(at, 0))
}

func (t tokens) sign(text string) string {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}
