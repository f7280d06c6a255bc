package auth

import (
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// Config is the `auth:` part of the gateway or of one of its routes.
type Config struct {
	// Required refuses requests without valid credentials (401). Default: false, anonymous requests pass and have no token. Wrong credentials are always refused.
	Required *bool `yaml:"required"`
	// APIKeys that are accepted.
	APIKeys []APIKey `yaml:"api_keys"`
	// Header that carries the API key; the one that is named here is the only one. Default: X-Api-Key and `Authorization: Bearer`. Example: X-Shop-Key
	Header string `yaml:"header"`
	// JWT says which JSON Web Tokens are accepted.
	JWT *JWT `yaml:"jwt"`
	// Strip removes the headers with credentials before the request goes on to the upstream. Default: false.
	Strip bool `yaml:"strip"`
}

// APIKey is one key, kept as its hash. One of sha256 and key_file is needed.
type APIKey struct {
	// Name that logs, metrics, limits and pages show instead of the key. Example: mobile-app
	Name string `yaml:"name"`
	// SHA256 of the key in hex: printf %s "$KEY" | sha256sum. Keys must be long and random (openssl rand -hex 32), or the hash gives them away.
	SHA256 string `yaml:"sha256"`
	// KeyFile holds the key itself, instead of sha256.
	KeyFile string `yaml:"key_file"`
	// Claims that a request with this key has, as if a token had them: for tiers and limits. Example: {plan: pro}
	Claims map[string]string `yaml:"claims"`
}

// JWT says which tokens are accepted and how they are verified. One of jwks,
// key_file and secret is needed.
type JWT struct {
	// JWKS is where the issuer publishes its keys: a URL or a file. Example: https://idp/.well-known/jwks.json
	JWKS string `yaml:"jwks"`
	// CAFile is a PEM file with the authorities that may vouch for the server of jwks, instead of the system's.
	CAFile string `yaml:"ca_file"`
	// Refresh says how often jwks is read again. A token with a key that is not known yet makes it be read at once, at most every 10s. Default: 15m.
	Refresh units.Duration `yaml:"refresh"`
	// KeyFile is a PEM file with one public key or certificate, instead of jwks.
	KeyFile string `yaml:"key_file"`
	// Secret is the shared secret of HS256, HS384 or HS512, at least 32 bytes, instead of jwks. Whoever has it can make tokens, too.
	Secret secret.String `yaml:"secret"`
	// SecretFile holds the shared secret.
	SecretFile string `yaml:"secret_file"`
	// Algorithms that are accepted, of those that fit the keys. Default: all that do. Example: [RS256]
	Algorithms []string `yaml:"algorithms"`
	// Issuer that tokens must have (iss). Default: any.
	Issuer string `yaml:"issuer"`
	// Audience that tokens must have (aud), one of these if there are several. Default: any. Example: orders
	Audience Names `yaml:"audience"`
	// Leeway allows for clocks that differ. Default: 30s.
	Leeway *units.Duration `yaml:"leeway"`
	// User is the claim that names the user. Default: sub. Example: email
	User string `yaml:"user"`
	// Cookie that may carry the token, besides `Authorization: Bearer`. Default: none.
	Cookie string `yaml:"cookie"`
}

// Names is a list of texts; in the file it may be one text.
type Names []string

// FromScalar reads the short form: `audience: orders`.
func (n *Names) FromScalar(text string) error {
	*n = Names{text}
	return nil
}
