package auth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// Defaults of a Config.
const (
	DefaultHeader  = "X-Api-Key"
	defaultRefresh = 15 * time.Minute
	defaultLeeway  = 30 * time.Second
	defaultUser    = "sub"
)

func (m *Manager) prepare(cfg *Config, dir string) (*Authenticator, error) {
	var problems fault.Problems
	a := &Authenticator{required: cfg.Required != nil && *cfg.Required}
	if len(cfg.APIKeys) > 0 {
		a.keys = prepareKeys(cfg.APIKeys, dir, &problems)
		switch {
		case cfg.Header == "":
			a.header, a.bearer = DefaultHeader, true
		case strings.EqualFold(cfg.Header, "Authorization"):
			a.bearer = true
		default:
			a.header = http.CanonicalHeaderKey(cfg.Header)
		}
	}
	if cfg.JWT != nil {
		v, err := m.verifierOf(cfg.JWT, dir)
		if err != nil {
			problems.Merge("jwt", err)
		}
		a.tokens = v
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if cfg.Strip {
		if a.header != "" {
			a.strip = append(a.strip, a.header)
		}
		if a.bearer || a.tokens != nil {
			a.strip = append(a.strip, "Authorization")
		}
	}
	a.refusals = newRefusals(a.header, a.bearer || a.tokens != nil)
	return a, nil
}

func prepareKeys(list []APIKey, dir string, problems *fault.Problems) keys {
	found := make(keys, len(list))
	for i, k := range list {
		path := at("api_keys", i)
		var sum [sha256.Size]byte
		if k.KeyFile != "" {
			text, err := readSecret(filepath.Join(dirOf(dir, k.KeyFile), k.KeyFile))
			if err != nil {
				problems.Add(path+".key_file", "", "%s", err)
				continue
			}
			if len(text) < minKey || len(text) > maxKey {
				problems.Add(path+".key_file", "make one with: openssl rand -hex 32", "a key of %d bytes is not accepted; it needs %d to %d", len(text), minKey, maxKey)
				continue
			}
			sum = sha256.Sum256(text)
		} else if _, err := hex.Decode(sum[:], []byte(k.SHA256)); err != nil || len(k.SHA256) != 2*len(sum) {
			problems.Add(path+".sha256", sha256Hint, "this is not a SHA-256 in hex")
			continue
		}
		if other := found[sum]; other != nil {
			problems.Add(path, "give each client a key of its own", "it is the same key as %q has", other.name)
			continue
		}
		h := &holder{name: k.Name}
		if len(k.Claims) > 0 {
			h.claims = Claims(k.Claims)
		}
		found[sum] = h
	}
	return found
}

// verifierOf returns the verifier of a section: the one in force when nothing
// of it changed, or a new one.
func (m *Manager) verifierOf(j *JWT, dir string) (*verifier, fault.Problems) {
	v := &verifier{
		cookie: j.Cookie, user: j.User, issuer: j.Issuer, audience: j.Audience,
		accepted: slices.Clone(j.Algorithms), leeway: defaultLeeway,
		source: &source{refresh: j.Refresh.Std(), asked: make(chan struct{}, 1)},
	}
	if v.user == "" {
		v.user = defaultUser
	}
	if j.Leeway != nil {
		v.leeway = j.Leeway.Std()
	}
	if v.source.refresh == 0 {
		v.source.refresh = defaultRefresh
	}
	made, problems := v.source.prepare(j, dir)
	if len(problems) > 0 {
		return nil, problems
	}
	if problems := v.fits(j); len(problems) > 0 {
		return nil, problems
	}
	v.made = fmt.Sprintf("%q %q %q %q %q %s %s %s", made, v.cookie, v.user, v.issuer, v.audience, v.accepted, v.leeway, v.source.refresh)
	return m.intern(v), nil
}

// prepare reads what can be read without the network, and says what the keys
// are made of.
func (s *source) prepare(j *JWT, dir string) (made string, problems fault.Problems) {
	var set *keySet
	var err error
	var data []byte
	path := "secret"
	switch {
	case j.JWKS != "" && isURL(j.JWKS):
		s.place = &place{url: j.JWKS}
		made = j.JWKS
		if j.CAFile != "" {
			data, err = readFile(filepath.Join(dirOf(dir, j.CAFile), j.CAFile))
			if err == nil {
				s.place.client, err = clientWith(data)
			}
			if err != nil {
				problems.Add("ca_file", "", "%s", err)
			}
			made += sumText(data)
		}
		return made, problems
	case j.JWKS != "":
		path = "jwks"
		s.place = &place{file: filepath.Join(dirOf(dir, j.JWKS), j.JWKS)}
		made = s.place.file
		if data, err = readFile(s.place.file); err == nil {
			set, err = parseSet(data)
		}
	case j.KeyFile != "":
		path = "key_file"
		if data, err = readFile(filepath.Join(dirOf(dir, j.KeyFile), j.KeyFile)); err == nil {
			set, err = parsePEM(data)
		}
		made = "key " + sumText(data)
	default:
		data = []byte(j.Secret.Reveal())
		if j.SecretFile != "" {
			path = "secret_file"
			data, err = readSecret(filepath.Join(dirOf(dir, j.SecretFile), j.SecretFile))
		}
		if err == nil {
			set, err = singleKey(data)
		}
		made = "secret " + sumText(data)
	}
	if err != nil {
		problems.Add(path, "", "%s", err)
		return "", problems
	}
	s.set.Store(set)
	s.status = Status{LoadedAt: time.Now(), Keys: len(set.keys)}
	return made, nil
}

// fits reports accepted algorithms that none of the keys can have, so that a
// mistake shows before every token is refused.
func (v *verifier) fits(j *JWT) (problems fault.Problems) {
	set := v.source.set.Load()
	if set == nil || len(v.accepted) == 0 {
		return nil
	}
	for _, k := range set.keys {
		if slices.ContainsFunc(k.algorithms, func(a string) bool { return slices.Contains(v.accepted, a) }) {
			return nil
		}
	}
	var can []string
	for _, k := range set.keys {
		can = append(can, k.algorithms...)
	}
	slices.Sort(can)
	problems.Add("algorithms", "with these keys only "+strings.Join(slices.Compact(can), ", ")+" are possible", "no key fits %s", strings.Join(j.Algorithms, ", "))
	return problems
}

// readSecret reads a file with one secret; a line end after it is not part of it.
func readSecret(name string) ([]byte, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimRight(string(data), "\r\n")), nil
}

// clientWith is a client that trusts these authorities.
func clientWith(authorities []byte) (*http.Client, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, errors.New("it has no certificate in PEM")
	}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}, nil
}

func sumText(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// dirOf is the folder that a name is on: none for an absolute one.
func dirOf(dir, name string) string {
	if filepath.IsAbs(name) {
		return ""
	}
	return dir
}
