package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Keys are made once: RSA takes long.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey  = sync.OnceValue(func() ed25519.PrivateKey {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return must(private, err)
	})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// published is a public key as issuers publish it.
func published(id string, public crypto.PublicKey) map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": id, "use": "sig", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		point := must(k.Bytes())
		half := (len(point) - 1) / 2
		return map[string]any{"kty": "EC", "kid": id, "crv": k.Params().Name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "kid": id, "crv": "Ed25519", "x": b64(k)}
	}
	panic("unknown kind of key")
}

func keySetOf(keys ...map[string]any) []byte {
	return must(json.Marshal(map[string]any{"keys": keys}))
}

// claims are good ones, with changes; a nil value removes a claim.
func claims(changes map[string]any) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "https://idp/", "aud": "orders", "sub": "4711", "plan": "pro",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign makes a token. header has changes to its header.
func sign(t testing.TB, method jwt.SigningMethod, key any, c jwt.MapClaims, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// write writes a file and returns its name.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func newManager() *Manager { return New(Deps{Log: slog.New(slog.DiscardHandler)}) }

// prepared is an authenticator in force, whose keys are read until the test ends.
func prepared(t testing.TB, cfg Config) *Authenticator {
	t.Helper()
	if ps := cfg.Validate(); len(ps) > 0 {
		t.Fatal(ps)
	}
	m := newManager()
	a, err := m.Prepare(&cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	m.Use(a)
	start(t, m)
	return a
}

// start runs a manager until the test ends.
func start(t testing.TB, m *Manager) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func sumHex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func bearerOf(token string) *Credentials {
	return &Credentials{Headers: http.Header{"Authorization": {"Bearer " + token}}}
}

// asked is what becomes of credentials: an identity or the code of a refusal.
func asked(t testing.TB, a *Authenticator, c *Credentials) (Identity, string) {
	t.Helper()
	var id Identity
	err := a.Authenticate(t.Context(), c, &id)
	if err == nil {
		return id, ""
	}
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		t.Fatalf("the error is no refusal: %v", err)
	}
	if !id.Anonymous() || id.Claims != nil {
		t.Errorf("somebody who was refused has an identity: %+v", id)
	}
	return id, r.Code
}
