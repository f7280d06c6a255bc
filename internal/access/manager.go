package access

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

// Deps are what a Manager works with.
type Deps struct {
	Store Store
	Log   *slog.Logger
}

// Manager knows who may come in. It starts no goroutines; all methods may be
// called concurrently.
type Manager struct {
	store       Store
	log         *slog.Logger
	settings    atomic.Pointer[settings]
	gate        *hashGate
	throttle    loginThrottle
	crossOrigin *http.CrossOriginProtection
}

// settings are what Prepare made of the configuration.
type settings struct {
	hosts         []string
	secureCookies bool
	filePassword  string // hash of the password_file's password, "" without a file
}

// New returns a Manager with the default configuration.
func New(d Deps) *Manager {
	m := &Manager{
		store:       d.Store,
		log:         d.Log.With("part", "access"),
		gate:        newHashGate(),
		crossOrigin: http.NewCrossOriginProtection(),
	}
	m.settings.Store(&settings{})
	return m
}

// Prepare reads the section and the password file, whose path is relative to
// dir. It changes nothing; commit puts it in force and cannot fail. An error is
// of type fault.Problems, or the store's.
//
// The password file replaces the stored password for good: taking the file out
// of the configuration later must not open the door again.
func (m *Manager) Prepare(ctx context.Context, cfg Config, dir string) (commit func(), err error) {
	problems := cfg.Validate()
	next := &settings{hosts: cfg.Hosts, secureCookies: cfg.SecureCookies}
	if cfg.PasswordFile != "" {
		password, err := readPassword(cfg.PasswordFile, dir)
		if err != nil {
			problems.Add("password_file", "", "%s", err)
			return nil, problems
		}
		if next.filePassword, err = m.hashOf(ctx, password); err != nil {
			return nil, err
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return func() {
		m.settings.Store(next)
		if next.filePassword != "" {
			m.keep(next.filePassword)
		}
	}, nil
}

// hashOf returns the hash that is in force when it is of the same password, so
// that a reload or a restart ends no session, else a new one.
func (m *Manager) hashOf(ctx context.Context, password secret.String) (hash string, err error) {
	present, err := m.passwordHash(ctx)
	if err != nil {
		return "", err
	}
	err = m.gate.do(ctx, func() {
		if present != "" {
			if same, err := matchPassword(present, password); err == nil && same {
				hash = present
				return
			}
		}
		hash = hashPassword(password)
	})
	return hash, err
}

// keep stores the file's hash. The hash is in force without it, so a full disk
// costs no more than the sessions at the next start.
func (m *Manager) keep(hash string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	present, err := m.store.PasswordHash(ctx)
	if err == nil && present == hash {
		return
	}
	if err == nil {
		err = m.store.SetPasswordHash(ctx, hash)
	}
	if err != nil {
		m.log.Error("password of the password file not stored; it holds until the next start", "error", err)
		return
	}
	m.log.Info("password changed by the password file; sessions ended")
}

// readPassword reads the file's one line.
func readPassword(path, dir string) (secret.String, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return secret.String{}, fmt.Errorf("read the password: %w", err)
	}
	if !info.Mode().IsRegular() { // a pipe would wait for ever
		return secret.String{}, fmt.Errorf("%s is not a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return secret.String{}, fmt.Errorf("read the password: %w", err)
	}
	defer file.Close() // only read
	data, err := io.ReadAll(io.LimitReader(file, MaxPassword+3))
	if err != nil {
		return secret.String{}, fmt.Errorf("read the password: %w", err)
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(data, "\r\n\x00") {
		return secret.String{}, fmt.Errorf("%s holds more than one line; want the password alone", path)
	}
	password := secret.New(string(data))
	return password, CheckPassword(password)
}

// passwordHash returns the hash in force, "" when no password is set. The
// store is asked each time, because the command line sets the password there
// while the server runs.
func (m *Manager) passwordHash(ctx context.Context) (string, error) {
	if hash := m.settings.Load().filePassword; hash != "" {
		return hash, nil
	}
	hash, err := m.store.PasswordHash(ctx)
	if err != nil {
		return "", fmt.Errorf("read the stored password: %w", err)
	}
	return hash, nil
}

// HasPassword reports whether a password is set.
func (m *Manager) HasPassword(ctx context.Context) (bool, error) {
	hash, err := m.passwordHash(ctx)
	return hash != "", err
}

// HasCredential reports whether anybody can prove who it is: a password is
// set, or a token exists that has not expired. CheckListen asks for it.
func (m *Manager) HasCredential(ctx context.Context) (bool, error) {
	if has, err := m.HasPassword(ctx); has || err != nil {
		return has, err
	}
	tokens, err := m.store.Tokens(ctx)
	if err != nil {
		return false, fmt.Errorf("read the tokens: %w", err)
	}
	for i := range tokens {
		if !tokens[i].Expired(time.Now()) {
			return true, nil
		}
	}
	return false, nil
}

// SetPassword sets the password of the user admin and ends every session.
func (m *Manager) SetPassword(ctx context.Context, password secret.String) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	if m.settings.Load().filePassword != "" {
		return fault.Conflict("the password comes from `access.password_file`; change it there")
	}
	var hash string
	if err := m.gate.do(ctx, func() { hash = hashPassword(password) }); err != nil {
		return err
	}
	if err := m.store.SetPasswordHash(ctx, hash); err != nil {
		return fmt.Errorf("store the password: %w", err)
	}
	m.log.Info("password changed; sessions ended")
	return nil
}

// VerifyPassword reports whether the password is the one in force. It does not
// slow guessing down: Login does.
func (m *Manager) VerifyPassword(ctx context.Context, password secret.String) (bool, error) {
	_, ok, err := m.verify(ctx, password)
	return ok, err
}

// verify also returns the hash that the password was held against.
func (m *Manager) verify(ctx context.Context, password secret.String) (hash string, ok bool, err error) {
	hash, err = m.passwordHash(ctx)
	switch {
	case err != nil:
		return "", false, err
	case hash == "":
		return "", false, fault.Conflict("no password is set; run `lapwing admin set-password`")
	case len(password.Reveal()) > MaxPassword:
		return hash, false, nil
	}
	var failed error
	if err := m.gate.do(ctx, func() { ok, failed = matchPassword(hash, password) }); err != nil {
		return hash, false, err
	}
	return hash, ok, failed
}
