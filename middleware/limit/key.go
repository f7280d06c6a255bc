package limit

import (
	"errors"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
)

// KeyPart is one part of what a policy counts by. Make it with one of the
// functions below or with [ParseKeyPart]; the zero KeyPart is not valid.
type KeyPart struct {
	kind   partKind
	name   string // of a header, claim or cookie
	v4, v6 uint8  // prefix lengths of an address
}

type partKind uint8

const (
	partNone partKind = iota
	partAddress
	partHeader
	partAPIKey
	partClaim
	partCookie
	partOperation
	partMethod
	partAPI
)

// The prefix lengths by which addresses are counted unless Prefix says more. A
// subscriber has at least a whole /64 of IPv6: counting single addresses of it
// would limit nobody.
const (
	DefaultIPv4Prefix = 32
	DefaultIPv6Prefix = 64
)

// ClientAddress counts by the client's address: IPv4 whole, IPv6 by /64.
func ClientAddress() KeyPart {
	return KeyPart{kind: partAddress, v4: DefaultIPv4Prefix, v6: DefaultIPv6Prefix}
}

// Prefix returns the part counting addresses by these prefix lengths; lengths
// out of range become the nearest that is in range. Parts that are not of an
// address stay as they are.
func (k KeyPart) Prefix(v4, v6 int) KeyPart {
	if k.kind == partAddress {
		k.v4, k.v6 = uint8(min(max(v4, 0), 32)), uint8(min(max(v6, 0), 128))
	}
	return k
}

// Header counts by the value of a request header, whatever the case of its name.
func Header(name string) KeyPart {
	return KeyPart{kind: partHeader, name: textproto.CanonicalMIMEHeaderKey(name)}
}

// APIKeyName counts by the name of the API key.
func APIKeyName() KeyPart { return KeyPart{kind: partAPIKey} }

// TokenClaim counts by a claim of the verified token.
func TokenClaim(name string) KeyPart { return KeyPart{kind: partClaim, name: name} }

// Cookie counts by the value of a cookie.
func Cookie(name string) KeyPart { return KeyPart{kind: partCookie, name: name} }

// OperationKey counts each operation apart.
func OperationKey() KeyPart { return KeyPart{kind: partOperation} }

// MethodKey counts each method apart.
func MethodKey() KeyPart { return KeyPart{kind: partMethod} }

// APIKey counts each API apart, by its name.
func APIKey() KeyPart { return KeyPart{kind: partAPI} }

const keyPartsKnown = "use client.address, client.address/24/56, header.NAME, cookie.NAME, token.CLAIM, api_key, operation, method or api"

// maxPartName bounds the name of a header, claim or cookie in a key part.
const maxPartName = 256

// ParseKeyPart reads "client.address", "client.address/24/56" (prefix lengths
// of IPv4 and IPv6), "header.X-Api-Key", "cookie.sid", "token.sub", "api_key",
// "operation", "method" or "api".
func ParseKeyPart(text string) (KeyPart, error) {
	switch text {
	case "client.address":
		return ClientAddress(), nil
	case "api_key":
		return APIKeyName(), nil
	case "operation":
		return OperationKey(), nil
	case "method":
		return MethodKey(), nil
	case "api":
		return APIKey(), nil
	}
	if prefixes, ok := strings.CutPrefix(text, "client.address/"); ok {
		return parsePrefixes(text, prefixes)
	}
	family, name, _ := strings.Cut(text, ".")
	var part KeyPart
	switch family {
	case "header":
		part = Header(name)
	case "cookie":
		part = Cookie(name)
	case "token":
		part = TokenClaim(name)
	default:
		return KeyPart{}, fmt.Errorf("key %.60q is not known: %s", text, keyPartsKnown)
	}
	if err := part.Validate(); err != nil {
		return KeyPart{}, fmt.Errorf("key %.60q: %w", text, err)
	}
	return part, nil
}

func parsePrefixes(text, prefixes string) (KeyPart, error) {
	four, six, both := strings.Cut(prefixes, "/")
	v4, err := prefixLength(four, 32)
	if err != nil {
		return KeyPart{}, fmt.Errorf("key %.60q: IPv4: %w", text, err)
	}
	v6 := uint64(DefaultIPv6Prefix)
	if both {
		if v6, err = prefixLength(six, 128); err != nil {
			return KeyPart{}, fmt.Errorf("key %.60q: IPv6: %w", text, err)
		}
	}
	return ClientAddress().Prefix(int(v4), int(v6)), nil //nolint:gosec // at most 128
}

func prefixLength(text string, most uint64) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || n > most {
		return 0, fmt.Errorf("a prefix length is a number from 0 to %d", most)
	}
	return n, nil
}

// Validate says why the part cannot be counted by, or returns nil.
func (k KeyPart) Validate() error {
	switch k.kind {
	case partNone:
		return errors.New("the part is empty: " + keyPartsKnown)
	case partClaim, partCookie, partHeader:
	default:
		return nil
	}
	if k.name == "" {
		return errors.New("a name is missing after the point, like header.X-Api-Key")
	}
	if len(k.name) > maxPartName {
		return fmt.Errorf("the name is longer than %d bytes", maxPartName)
	}
	if k.kind == partClaim {
		return nil // claims have any name, "https://example.com/plan" for instance
	}
	for i := range len(k.name) {
		if !tokenByte(k.name[i]) {
			return fmt.Errorf("%q cannot be in the name", k.name[i])
		}
	}
	return nil
}

// tokenByte reports whether c may be in a header or cookie name: tchar of
// RFC 9110, section 5.6.2.
func tokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// String is what ParseKeyPart reads; "" for the zero KeyPart.
func (k KeyPart) String() string {
	switch k.kind {
	case partAddress:
		if k.v4 == DefaultIPv4Prefix && k.v6 == DefaultIPv6Prefix {
			return "client.address"
		}
		return fmt.Sprintf("client.address/%d/%d", k.v4, k.v6)
	case partHeader:
		return "header." + k.name
	case partAPIKey:
		return "api_key"
	case partClaim:
		return "token." + k.name
	case partCookie:
		return "cookie." + k.name
	case partOperation:
		return "operation"
	case partMethod:
		return "method"
	case partAPI:
		return "api"
	}
	return ""
}

// UnmarshalText implements encoding.TextUnmarshaler with ParseKeyPart.
func (k *KeyPart) UnmarshalText(text []byte) error {
	parsed, err := ParseKeyPart(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// MarshalText implements encoding.TextMarshaler with String.
func (k KeyPart) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
