package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// maxKeys bounds a set of keys. Issuers have two or three.
const maxKeys = 100

// jwk is a JSON Web Key (RFC 7517) as far as signatures are concerned.
type jwk struct {
	Kty    string   `json:"kty"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
	Alg    string   `json:"alg"`
	Kid    string   `json:"kid"`
	N      string   `json:"n"`
	E      string   `json:"e"`
	Crv    string   `json:"crv"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
}

// parseSet reads a JSON Web Key Set. Keys of kinds that it does not know, or that
// are not for signatures, are passed over, as RFC 7517 §5 asks; when none is
// left, the error says why.
func parseSet(data []byte) (*keySet, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set: want an object with a list of keys")
	}
	if len(document.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys, more than %d", len(document.Keys), maxKeys)
	}
	set, why := &keySet{}, errors.New("the list of keys is empty")
	for _, text := range document.Keys {
		k, err := parseKey(text)
		if err != nil {
			why = err
			continue
		}
		set.keys = append(set.keys, k)
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("it has no key that tokens can be verified with: %w", why)
	}
	return set, nil
}

func parseKey(text []byte) (key, error) {
	var j jwk
	if err := json.Unmarshal(text, &j); err != nil {
		return key{}, errors.New("a key cannot be read")
	}
	if j.Use != "" && j.Use != "sig" || len(j.KeyOps) > 0 && !slices.Contains(j.KeyOps, "verify") {
		return key{}, errors.New("a key is not for signatures")
	}
	material, err := j.material()
	if err != nil {
		return key{}, err
	}
	fits, err := algorithms(material)
	if err != nil {
		return key{}, err
	}
	if j.Alg != "" {
		if j.Alg == "Ed25519" { // the newer name (RFC 9864)
			j.Alg = "EdDSA"
		}
		if !slices.Contains(fits, j.Alg) {
			return key{}, fmt.Errorf("a key of kind %s has the algorithm %.20q", j.Kty, j.Alg)
		}
		fits = []string{j.Alg}
	}
	return key{id: j.Kid, algorithms: fits, material: material}, nil
}

// material makes the public key. Shared secrets (oct) are refused: a set of
// keys is for everybody to read.
func (j *jwk) material() (any, error) {
	switch j.Kty {
	case "RSA":
		n, err1 := number(j.N)
		e, err2 := number(j.E)
		if err1 != nil || err2 != nil || !e.IsInt64() || e.Int64() > 1<<31-1 || n.Sign() <= 0 {
			return nil, errors.New("the numbers of an RSA key cannot be read")
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case "EC":
		return j.point()
	case "OKP":
		x, err := decode(j.X)
		if j.Crv != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil, errors.New("an OKP key is not a good Ed25519 key")
		}
		return ed25519.PublicKey(x), nil
	case "oct":
		return nil, errors.New("a key is a shared secret, which has no place in a published set; use secret_file")
	}
	return nil, fmt.Errorf("a key is of the unknown kind %.20q", j.Kty)
}

// point makes an EC key. A point that is not on its curve is refused.
func (j *jwk) point() (any, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve := curves[j.Crv]
	if curve == nil {
		return nil, fmt.Errorf("an EC key is on the curve %.20q; P-256, P-384 and P-521 are accepted", j.Crv)
	}
	size := (curve.Params().BitSize + 7) / 8
	x, err1 := decode(j.X)
	y, err2 := decode(j.Y)
	if err1 != nil || err2 != nil || len(x) != size || len(y) != size {
		return nil, errors.New("the point of an EC key cannot be read")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errors.New("the point of an EC key is not on its curve")
	}
	return public, nil
}

// number reads a Base64urlUInt (RFC 7518 §2).
func number(text string) (*big.Int, error) {
	data, err := decode(text)
	if err != nil || len(data) == 0 || len(data) > 2048 {
		return nil, errors.New("not a number")
	}
	return new(big.Int).SetBytes(data), nil
}

// decode reads base64url, with padding or without.
func decode(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}
