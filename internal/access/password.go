package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

// Lengths of a password in bytes. There is one factor only, so the shortest is
// long; the longest keeps hashing bounded.
const (
	MinPassword = 12
	MaxPassword = 1024
)

// argon2id parameters (RFC 9106; the second choice of OWASP's password storage
// advice). 19 MiB is what one login may cost a monitor that shall stay below
// 80 MB; see hashGate for how many may run at once.
const (
	argonTime    = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// maxArgon bounds the parameters of a stored hash, so that a damaged one costs
// an error and not the machine's memory.
const (
	maxArgonTime    = 16
	maxArgonMemory  = 256 << 10 // KiB
	maxArgonThreads = 16
)

// CheckPassword reports why a new password is not acceptable.
func CheckPassword(password secret.String) error {
	switch n := len(password.Reveal()); {
	case n < MinPassword:
		return fault.Invalid("the password is too short: want at least %d characters, got %d", MinPassword, n)
	case n > MaxPassword:
		return fault.Invalid("the password is too long: want at most %d bytes, got %d", MaxPassword, n)
	}
	return nil
}

// hashPassword returns the PHC string of the password with a fresh salt:
// $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func hashPassword(password secret.String) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails: it crashes the program instead
	key := argon2.IDKey([]byte(password.Reveal()), salt, argonTime, argonMemory, argonThreads, argonKey)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonTime, argonThreads, encode(salt), encode(key))
}

// matchPassword reports whether the password is the one that encoded was made
// of. It takes the same time for every wrong password.
func matchPassword(encoded string, password secret.String) (bool, error) {
	var version int
	var memory, passes uint32
	var threads uint8
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, errors.New("stored password hash is not an argon2id PHC string")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errors.New("stored password hash has another version of argon2")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil ||
		memory == 0 || memory > maxArgonMemory || passes == 0 || passes > maxArgonTime || threads == 0 || threads > maxArgonThreads {
		return false, errors.New("stored password hash has impossible parameters")
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	key, errKey := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(salt) < 8 || len(key) != argonKey {
		return false, errors.New("stored password hash is damaged")
	}
	got := argon2.IDKey([]byte(password.Reveal()), salt, passes, memory, threads, argonKey)
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

// fingerprint names one setting of the password: it changes with every new
// hash, even of the same password, and so ends the sessions made before. It
// says nothing about the password that the hash beside it does not say.
func fingerprint(encoded string) string {
	sum := sha256.Sum256([]byte(encoded))
	return hex.EncodeToString(sum[:8])
}

// hashGate bounds the memory and CPU that logins can take, whoever sends them:
// one hash at a time, a few waiting, the others told to come back.
type hashGate struct {
	running chan struct{}
	waiting chan struct{}
}

const maxWaitingLogins = 8

func newHashGate() *hashGate {
	return &hashGate{running: make(chan struct{}, 1), waiting: make(chan struct{}, 1+maxWaitingLogins)}
}

// do runs hash when it is its turn. It gives up when ctx ends first.
func (g *hashGate) do(ctx context.Context, hash func()) error {
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return throttled(time.Second, "too many logins at once")
	}
	select {
	case g.running <- struct{}{}:
		defer func() { <-g.running }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	hash()
	return nil
}
