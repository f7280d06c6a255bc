package probe

import (
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// HTTPRequest is the `request:` section of a check or step: one HTTP request.
// Texts may hold ${name} of values that an earlier step captured.
type HTTPRequest struct {
	// Method of the request. Default: GET, or POST when there is a body.
	Method string `yaml:"method"`
	// URL, absolute or a path on the API's url. Example: /orders?limit=1
	URL string `yaml:"url"`
	// Headers to send. `Host` sets the host header. Example: {Accept: application/json}
	Headers map[string]string `yaml:"headers"`
	// Query parameters, added to those in the URL. A list repeats the parameter.
	Query map[string]any `yaml:"query"`
	// JSON body; any YAML value. Sets Content-Type: application/json.
	JSON any `yaml:"json"`
	// Form body, application/x-www-form-urlencoded.
	Form map[string]string `yaml:"form"`
	// Multipart body, multipart/form-data: a text, or {file: path, type: image/png} for a file.
	Multipart map[string]Part `yaml:"multipart"`
	// GraphQL operation, posted as JSON.
	GraphQL *GraphQL `yaml:"graphql"`
	// Body as a text.
	Body string `yaml:"body"`
	// BodyFile holds the body; relative to the configuration file.
	BodyFile string `yaml:"body_file"`
	// Auth: one of basic, bearer, oauth2.
	Auth *Auth `yaml:"auth"`
	// TLS settings: own CA, client certificate, server name.
	TLS *TLSConfig `yaml:"tls"`
	// Proxy URL (http, https or socks5). Default: none; the environment's proxy is not used. Example: http://proxy:3128
	Proxy string `yaml:"proxy"`
	// Redirects policy: a number to follow at most, `none`, or `same-host`. Default: 10.
	Redirects *Redirects `yaml:"redirects"`
	// Resolve overrides: connect to another address than DNS says, per "host:port". Example: {"api.example.com:443": "127.0.0.1:8443"}
	Resolve map[string]string `yaml:"resolve"`
	// IP family: any, 4 or 6. Default: any.
	IP string `yaml:"ip"`
	// HTTP version to force: "1.1" or "2" (h2, and h2c on http:// URLs). Default: what ALPN negotiates.
	HTTP string `yaml:"http"`
	// KeepAlive leaves the connection open for the next run (HTTP/1.1, idempotent methods), so that dns, connect and tls are measured only when a new one is needed. Default: false, each run has a connection of its own.
	KeepAlive bool `yaml:"keep_alive"`
	// MaxBody is the largest decoded answer that is read; a larger one fails the run. Default: 10MiB.
	MaxBody units.Size `yaml:"max_body"`
	// Decompress says whether gzip is asked for and decoded. Default: true.
	Decompress *bool `yaml:"decompress"`
}

// Part is one part of a multipart body: a text, or a file.
type Part struct {
	// Value of the field, as a text.
	Value string `yaml:"value"`
	// File to send; relative to the configuration file.
	File string `yaml:"file"`
	// Type is the part's Content-Type. Default: text/plain, or by the file's extension.
	Type string `yaml:"type"`
}

// FromScalar reads the short form: `field: text`.
func (p *Part) FromScalar(text string) error {
	p.Value = text
	return nil
}

// GraphQL is one operation of a GraphQL API.
type GraphQL struct {
	// Query text of the operation.
	Query string `yaml:"query"`
	// Variables of the operation.
	Variables map[string]any `yaml:"variables"`
	// Operation name, when the query has several.
	Operation string `yaml:"operation"`
}

// Auth says how the request proves who it is; at most one member is set.
type Auth struct {
	// Basic authentication (RFC 7617).
	Basic *Basic `yaml:"basic"`
	// Bearer token (RFC 6750).
	Bearer secret.String `yaml:"bearer"`
	// BearerFile holds the token; read anew for each request, so that it may rotate.
	BearerFile string `yaml:"bearer_file"`
	// OAuth2 client credentials (RFC 6749 §4.4). The token is cached, and fetched anew after a 401.
	OAuth2 *OAuth2 `yaml:"oauth2"`
}

// Basic is a user name and password.
type Basic struct {
	// Username to send.
	Username string `yaml:"username"`
	// Password to send.
	Password secret.String `yaml:"password"`
	// PasswordFile holds the password.
	PasswordFile string `yaml:"password_file"`
}

// OAuth2 are client credentials.
type OAuth2 struct {
	// TokenURL of the authorization server.
	TokenURL string `yaml:"token_url"`
	// ClientID of the probe.
	ClientID string `yaml:"client_id"`
	// ClientSecret of the probe.
	ClientSecret secret.String `yaml:"client_secret"`
	// ClientSecretFile holds the client secret.
	ClientSecretFile string `yaml:"client_secret_file"`
	// Scopes to ask for.
	Scopes []string `yaml:"scopes"`
	// Params are further parameters of the token request. Example: {audience: orders}
	Params map[string]string `yaml:"params"`
}

// TLSConfig changes how TLS connections are made.
type TLSConfig struct {
	// CAFile with certificates to trust instead of the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile is the client certificate (mTLS).
	CertFile string `yaml:"cert_file"`
	// KeyFile is the client certificate's key.
	KeyFile string `yaml:"key_file"`
	// ServerName to verify and send (SNI). Default: the URL's host.
	ServerName string `yaml:"server_name"`
	// MinVersion of TLS: "1.2" or "1.3". Default: 1.2.
	MinVersion string `yaml:"min_version"`
	// InsecureSkipVerify accepts any certificate. Its dates are still measured.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// Redirects is the redirect policy.
type Redirects struct {
	// Max number of redirects to follow; 0 follows none.
	Max int `yaml:"max"`
	// SameHost refuses to follow to another host.
	SameHost bool `yaml:"same_host"`
}
