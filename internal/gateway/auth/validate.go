package auth

import (
	"encoding/hex"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

const (
	minKey     = 16 // bytes; shorter keys can be tried
	maxAPIKeys = 10_000
	maxNames   = 100
	maxLeeway  = 5 * time.Minute
	sha256Hint = `write what this prints: printf %s "$KEY" | sha256sum`
)

// knownAlgorithms are those that tokens may have. "none" is not one.
var knownAlgorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
}

// Validate reports what is wrong in the section, without reading any file.
func (c *Config) Validate() fault.Problems {
	var ps fault.Problems
	if len(c.APIKeys) == 0 && c.JWT == nil {
		if c.Required != nil && *c.Required {
			ps.Add("required", "add api_keys or jwt", "nobody could come in: there is nothing to know clients by")
		}
		if c.Header != "" {
			ps.Add("header", "add api_keys, or remove it", "there are no API keys to read from it")
		}
	}
	if c.Header != "" && !isHeaderName(c.Header) {
		ps.Add("header", "write a name such as X-Api-Key", "%q is not the name of a header", c.Header)
	}
	ps = append(ps, c.validateKeys()...)
	if c.JWT != nil {
		ps.Merge("jwt", c.JWT.validate())
		if c.Strip && c.JWT.Cookie != "" {
			ps.Add("strip", "leave strip or jwt.cookie out", "strip removes headers; a token in a cookie would go on to the upstream")
		}
	}
	return ps
}

func (c *Config) validateKeys() fault.Problems {
	var ps fault.Problems
	if len(c.APIKeys) > maxAPIKeys {
		ps.Add("api_keys", "give tokens (jwt) to so many clients", "%d keys are more than %d", len(c.APIKeys), maxAPIKeys)
		return ps
	}
	names, sums := map[string]int{}, map[string]int{}
	for i, k := range c.APIKeys {
		path := at("api_keys", i)
		switch first, taken := names[k.Name]; {
		case k.Name == "":
			ps.Add(path+".name", "write who has the key, such as mobile-app", "the name is missing")
		case !isPlainName(k.Name):
			ps.Add(path+".name", "write letters, digits, points, hyphens and underscores, at most 100", "%.40q cannot be the name of a key", k.Name)
		case taken:
			// Two keys of one client while it moves to the new one.
			if !sameClaims(c.APIKeys[first].Claims, k.Claims) {
				ps.Add(path+".claims", "give both the same claims, or another name", "%q has other claims at api_keys[%d]", k.Name, first)
			}
		default:
			names[k.Name] = i
		}
		switch {
		case k.SHA256 != "" && k.KeyFile != "":
			ps.Add(path, "leave one of them out", "sha256 and key_file are both given")
		case k.SHA256 == "" && k.KeyFile == "":
			ps.Add(path+".sha256", sha256Hint, "the hash of the key is missing")
		case k.SHA256 != "":
			if raw, err := hex.DecodeString(k.SHA256); err != nil || len(raw) != 32 {
				ps.Add(path+".sha256", sha256Hint, "this is not a SHA-256 in hex, which has 64 digits")
				continue
			}
			sum := strings.ToLower(k.SHA256)
			if sum == emptySum {
				ps.Add(path+".sha256", sha256Hint, "this is the hash of nothing")
			}
			if first, taken := sums[sum]; taken {
				ps.Add(path+".sha256", "give each client a key of its own", "it is the same key as api_keys[%d]", first)
			}
			sums[sum] = i
		}
	}
	return ps
}

// emptySum is the SHA-256 of nothing: what a forgotten variable gives.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (j *JWT) validate() fault.Problems {
	var ps fault.Problems
	given := 0
	for _, set := range []bool{j.JWKS != "", j.KeyFile != "", !j.Secret.IsZero(), j.SecretFile != ""} {
		if set {
			given++
		}
	}
	switch {
	case given == 0:
		ps.Add("jwks", "write where the issuer publishes its keys, such as https://idp.example.com/.well-known/jwks.json, or give key_file or secret_file", "there are no keys to verify tokens with")
	case given > 1:
		ps.Add("", "leave one of jwks, key_file, secret and secret_file", "keys come from more than one place")
	}
	if isURL(j.JWKS) {
		if message, hint := badKeyURL(j.JWKS); message != "" {
			ps.Add("jwks", hint, "%s", message)
		}
	}
	if n := len(j.Secret.Reveal()); n > 0 && n < 32 {
		ps.Add("secret", "make one with: openssl rand -hex 32", "%d bytes can be guessed; HS256 needs 32, HS384 48, HS512 64", n)
	}
	if j.CAFile != "" && !isURL(j.JWKS) {
		ps.Add("ca_file", "remove it", "keys are not read over https")
	}
	if r := j.Refresh.Std(); r != 0 && r < askEvery {
		ps.Add("refresh", "write 10s or more; unknown keys make jwks be read at once anyway", "%s is too often", j.Refresh)
	}
	if j.Leeway != nil && (j.Leeway.Std() < 0 || j.Leeway.Std() > maxLeeway) {
		ps.Add("leeway", "write 30s", "%s is more than clocks should differ", j.Leeway)
	}
	for i, a := range j.Algorithms {
		if !slices.Contains(knownAlgorithms, a) {
			hint := fault.DidYouMean(a, knownAlgorithms)
			if hint == "" {
				hint = "write some of " + strings.Join(knownAlgorithms, ", ")
			}
			ps.Add(at("algorithms", i), hint, "%.20q is not an algorithm that is accepted", a)
		}
	}
	if len(j.Audience) > maxNames {
		ps.Add("audience", "", "%d audiences are more than %d", len(j.Audience), maxNames)
	}
	if slices.Contains(j.Audience, "") {
		ps.Add("audience", "write the name of this API as its issuer knows it", "an audience is empty")
	}
	if j.Cookie != "" && !isHeaderName(j.Cookie) {
		ps.Add("cookie", "write a name such as session", "%q is not the name of a cookie", j.Cookie)
	}
	return ps
}

// badKeyURL says what is wrong with the URL of keys, and what would be right.
func badKeyURL(text string) (message, hint string) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Hostname() == "":
		return "this is not a URL", "write https://idp.example.com/.well-known/jwks.json"
	case u.User != nil:
		return "the URL holds a user name or password", "keys are public: remove it"
	case u.Scheme == "http" && !isNear(u.Hostname()):
		return "over http, anybody on the way could give other keys", "write https"
	case u.Scheme != "http" && u.Scheme != "https":
		return "keys cannot be read by " + strconv.Quote(u.Scheme), "write https"
	}
	return "", ""
}

// isNear reports whether a host can only be one of the own network: names
// without a point are those of containers and services.
func isNear(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return !strings.Contains(host, ".") || slices.ContainsFunc([]string{".localhost", ".internal", ".local", ".svc"}, func(end string) bool {
		return strings.HasSuffix(host, end)
	})
}

func isURL(text string) bool { return strings.Contains(text, "://") }

// isHeaderName reports whether s is a token of RFC 9110 §5.6.2.
func isHeaderName(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// isPlainName reports whether s can be part of "key:NAME" on the command line.
func isPlainName(s string) bool {
	return isHeaderName(s) && !strings.ContainsAny(s, "!#$%&'*+^`|~")
}

func sameClaims(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if other, ok := b[name]; !ok || other != text {
			return false
		}
	}
	return true
}

// at is the path of a list's element.
func at(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
