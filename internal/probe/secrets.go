package probe

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"lapwing.dev/lapwing/internal/secret"
)

// A target may repeat in its answer what it was sent, so everything that
// authenticates a request is collected in Sent.Secrets, wherever it came from:
// the credential, headers that hold one, cookies of both directions, the proxy.

// fixedSecrets are those that are known before a run: the proxy's password, and
// what the request sends under a name that says that it is one.
func fixedSecrets(p *Probe, r *HTTPRequest) []string {
	var secrets []string
	if proxy := p.route.proxy; proxy != nil && proxy.user != nil {
		password, _ := proxy.user.Password()
		_, encoded, _ := strings.Cut(proxy.authorization(), " ")
		secrets = append(encodedForms(encoded), password)
	}
	if _, query, found := strings.Cut(r.URL, "?"); found {
		values, _ := url.ParseQuery(query) // what cannot be read is sent as it is
		for name, list := range values {
			secrets = appendNamed(secrets, name, list)
		}
	}
	secrets = appendNamed(secrets, "", r.Query)
	secrets = appendNamed(secrets, "", r.JSON)
	if r.GraphQL != nil {
		secrets = appendNamed(secrets, "", r.GraphQL.Variables)
	}
	for name, value := range r.Form {
		secrets = appendNamed(secrets, name, value)
	}
	for name, part := range r.Multipart {
		secrets = appendNamed(secrets, name, part.Value)
	}
	return secrets
}

// appendNamed appends the texts in value that stand under a name that says that
// they are secret. What is captured fills its placeholder in later, and is
// known then.
func appendNamed(secrets []string, name string, value any) []string {
	switch v := value.(type) {
	case map[string]any:
		for inner, value := range v {
			if secret.SensitiveName(name) {
				inner = name
			}
			secrets = appendNamed(secrets, inner, value)
		}
		return secrets
	case []any:
		for _, value := range v {
			secrets = appendNamed(secrets, name, value)
		}
		return secrets
	case []string:
		for _, value := range v {
			secrets = appendNamed(secrets, name, value)
		}
		return secrets
	}
	if !secret.SensitiveName(name) {
		return secrets
	}
	text, ok := scalarText(value)
	if _, flag := value.(bool); !ok || flag || !parseTemplate(text, verbatim).fixed() {
		return secrets
	}
	return append(secrets, text)
}

// encodedForms are a Base64 text with and without padding: the one is found in
// a text that holds the other, but hides only a part of it.
func encodedForms(encoded string) []string {
	bare := strings.TrimRight(encoded, "=")
	if bare == encoded {
		return []string{encoded}
	}
	return []string{encoded, bare}
}

// credentialHeaders are the names of a request's own headers that hold a credential.
func credentialHeaders(fields []fieldTemplate) []string {
	var names []string
	for _, f := range fields {
		switch {
		case f.name == "Authorization", f.name == "Proxy-Authorization", secret.SensitiveName(f.name):
			names = append(names, f.name)
		}
	}
	return names
}

// noteCredentials collects the credentials of the first request. Its cookies
// are noted for each request along redirects.
func (a *attempt) noteCredentials(m *message) {
	for _, name := range a.probe.credentials {
		value := m.value(name)
		switch name {
		case "Cookie":
			continue
		case "Authorization", "Proxy-Authorization":
			if scheme, rest, found := strings.Cut(value, " "); found {
				value = rest
				if strings.EqualFold(scheme, "Basic") {
					a.noteBasic(rest)
				}
			}
		}
		a.note(value)
	}
	a.note(a.probe.fixed...)
}

// noteBasic collects the password of HTTP Basic credentials that were
// configured as a header.
func (a *attempt) noteBasic(encoded string) {
	a.note(encodedForms(encoded)...)
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return
	}
	if _, password, found := strings.Cut(string(decoded), ":"); found {
		a.note(password)
	}
}

// noteCookies collects the cookies that m sends.
func (a *attempt) noteCookies(m *message) {
	line := m.value("Cookie")
	for line != "" {
		var pair string
		pair, line, _ = strings.Cut(line, ";")
		if _, value, found := strings.Cut(pair, "="); found {
			a.noteCookie(strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
}

// noteSetCookies collects the cookies that an answer sets.
func (a *attempt) noteSetCookies(cookies []*http.Cookie) {
	for _, c := range cookies {
		a.noteCookie(c.Value)
	}
}

// noteCookie collects a cookie's value, and what it is escaped for: what a
// server works with, and so what it repeats. Flags are no secrets.
func (a *attempt) noteCookie(value string) {
	switch value {
	case "true", "false", "null", "none":
		return
	}
	a.note(value)
	if plain, err := url.PathUnescape(value); err == nil && plain != value {
		a.note(plain)
	}
}

// maxSecrets bounds what one run can make us look for: answers set the cookies.
const maxSecrets = 100

func (a *attempt) note(values ...string) {
	for _, value := range values {
		if len(value) >= secret.MinLength && len(a.resp.Sent.Secrets) < maxSecrets {
			a.resp.Sent.Secrets = append(a.resp.Sent.Secrets, value)
		}
	}
}
