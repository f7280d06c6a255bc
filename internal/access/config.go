package access

// Config is the `access:` section: who may use the web interface and the API.
type Config struct {
	// PasswordFile holds the password of the user `admin`; it replaces one set by `lapwing admin set-password`.
	PasswordFile string `yaml:"password_file"`
	// Hosts under which the web interface may be reached without a password, besides loopback names. Example: [monitor.internal]
	Hosts []string `yaml:"hosts"`
	// SecureCookies marks session cookies Secure; for HTTPS in front of Lapwing.
	SecureCookies bool `yaml:"secure_cookies"`
}
