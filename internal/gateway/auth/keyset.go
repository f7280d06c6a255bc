package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// key is one key to verify signatures with.
type key struct {
	id         string   // kid; "" fits every token
	algorithms []string // that it may verify: given by its kind, never by a token
	material   any      // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

// keySet is the keys of an issuer at a time. It does not change.
type keySet struct{ keys []key }

// maxTries is how many keys one token is held to, when it does not say which.
const maxTries = 8

// find returns the keys that may have signed a token: the one that it names, or
// those without a name, or all when it names none.
func (s *keySet) find(id, algorithm string) (jwt.VerificationKeySet, error) {
	var found jwt.VerificationKeySet
	if s == nil {
		return found, errNoKey
	}
	named := false
	for i := range s.keys {
		k := &s.keys[i]
		if id != "" && k.id != "" && k.id != id {
			continue
		}
		named = true
		if slices.Contains(k.algorithms, algorithm) && len(found.Keys) < maxTries {
			found.Keys = append(found.Keys, k.material)
		}
	}
	switch {
	case !named:
		return found, errNoKey
	case len(found.Keys) == 0:
		return found, errAlgorithm
	}
	return found, nil
}

// algorithms are those that keys of this kind may verify (RFC 7518 §3.1, RFC
// 8037 §3.1): what a token says of itself cannot make a public key a shared
// secret. The error says why a key is none that can be trusted.
func algorithms(material any) ([]string, error) {
	switch k := material.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 {
			return nil, fmt.Errorf("an RSA key has %d bits; keys of 2048 to 8192 are accepted", bits)
		}
		if k.E < 3 || k.E%2 == 0 {
			return nil, errors.New("the exponent of an RSA key is not valid")
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		case elliptic.P521():
			return []string{"ES512"}, nil
		}
		return nil, errors.New("an EC key is on a curve other than P-256, P-384 and P-521")
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	case []byte:
		return secretAlgorithms(len(k))
	}
	return nil, fmt.Errorf("keys of type %T are not accepted; use RSA, EC or Ed25519", material)
}

// secretAlgorithms are those for which a shared secret is long enough: at least
// as long as the hash (RFC 7518 §3.2).
func secretAlgorithms(length int) ([]string, error) {
	switch {
	case length >= 64:
		return []string{"HS256", "HS384", "HS512"}, nil
	case length >= 48:
		return []string{"HS256", "HS384"}, nil
	case length >= 32:
		return []string{"HS256"}, nil
	}
	return nil, fmt.Errorf("the secret has %d bytes; HS256 needs 32, HS384 48, HS512 64", length)
}

// equal reports whether both have the same keys in the same order.
func (s *keySet) equal(other *keySet) bool {
	return slices.EqualFunc(s.keys, other.keys, func(a, b key) bool {
		public, ok := a.material.(interface{ Equal(crypto.PublicKey) bool })
		return a.id == b.id && slices.Equal(a.algorithms, b.algorithms) && ok && public.Equal(b.material)
	})
}
