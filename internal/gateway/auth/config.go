package auth

// Config is the `auth:` part of the gateway or of one of its routes.
type Config struct {
	// Required refuses requests without valid credentials (401). Default: false, anonymous requests pass and have no token. Wrong credentials are always refused.
	Required *bool `yaml:"required"`
	// APIKeys that are accepted.
	APIKeys []APIKey `yaml:"api_keys"`
	// Header that carries the API key. Default: X-Api-Key; `Authorization: Bearer` is looked at too.
	Header string `yaml:"header"`
	// JWT says which JSON Web Tokens are accepted.
	JWT *JWT `yaml:"jwt"`
	// Strip removes the credentials before the request goes on to the upstream. Default: false.
	Strip bool `yaml:"strip"`
}

// APIKey is one key, kept as its hash.
type APIKey struct {
	// Name that logs, metrics, limits and pages show instead of the key. Example: mobile-app
	Name string `yaml:"name"`
	// SHA256 of the key in hex: printf %s "$KEY" | sha256sum
	SHA256 string `yaml:"sha256"`
	// Claims that a request with this key has, as if a token had them: for tiers and limits. Example: {plan: pro}
	Claims map[string]string `yaml:"claims"`
}

// JWT says which tokens are accepted and how they are verified. One of jwks,
// key_file and secret is needed.
type JWT struct {
	// JWKS is where the issuer publishes its keys: a URL or a file. Example: https://idp/.well-known/jwks.json
	JWKS string `yaml:"jwks"`
	// KeyFile is a PEM file with one public key, instead of jwks.
	KeyFile string `yaml:"key_file"`
	// SecretFile holds the shared secret of HS256, HS384 or HS512, at least 32 bytes, instead of jwks.
	SecretFile string `yaml:"secret_file"`
	// Issuer that tokens must have (iss). Default: any.
	Issuer string `yaml:"issuer"`
	// Audience that tokens must have (aud). Default: any.
	Audience string `yaml:"audience"`
}
