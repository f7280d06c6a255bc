package delivery

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	amcommon "github.com/prometheus/alertmanager/config/common"

	"lapwing.dev/lapwing/internal/secret"
)

// maxError is how much of what a receiver says is kept, in bytes.
const maxError = 400

// cleaner makes the error of a receiver fit to be shown. The addresses of chat
// channels are secrets: who has one can write there.
type cleaner struct{ redactor *secret.Redactor }

// newCleaner knows the secrets that a receiver's configuration holds.
func newCleaner(configs ...any) *cleaner {
	var found []string
	for _, c := range configs {
		found = secretsIn(reflect.ValueOf(c), found, 0)
	}
	return &cleaner{redactor: secret.NewRedactor(found...)}
}

// secretsIn collects the values whose type says that they are secret: Secret,
// SecretURL, SecretTemplateURL of Alertmanager, and our own.
func secretsIn(v reflect.Value, found []string, depth int) []string {
	if !v.IsValid() || depth > 12 {
		return found
	}
	if v.CanInterface() {
		switch s := v.Interface().(type) {
		case secret.String:
			return append(found, s.Reveal())
		case amcommon.SecretURL:
			if s.URL == nil {
				return found
			}
			return append(found, s.URL.String(), strings.TrimPrefix(s.Path, "/"))
		}
	}
	switch v.Kind() {
	case reflect.String:
		if strings.HasPrefix(v.Type().Name(), "Secret") {
			found = append(found, v.String())
		}
	case reflect.Pointer, reflect.Interface:
		return secretsIn(v.Elem(), found, depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				found = secretsIn(v.Field(i), found, depth+1)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			found = secretsIn(v.Index(i), found, depth+1)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			found = secretsIn(v.MapIndex(key), found, depth+1)
		}
	}
	return found
}

var (
	anyURL   = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s"'<>]+`)
	redacted = regexp.MustCompile(`(?:Post|Get|Put|Patch) "(?:<redacted>|\[redacted\])": `)
	redirect = regexp.MustCompile(`it answered 30[12378]\b`)
)

// text returns an error without secrets, on one line, of bounded length.
func (c *cleaner) text(text string) string {
	if len(text) > 16*maxError {
		text = text[:16*maxError]
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = c.redactor.Text(text)
	text = anyURL.ReplaceAllStringFunc(text, host)
	text = redacted.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "unexpected status code ", "it answered ")
	if redirect.MatchString(text) {
		text = "a message is not sent on to where a redirect points; give the receiver that address: " + text
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	return clip(text, maxError)
}

// host keeps of a URL whom it reaches.
func host(text string) string {
	u, err := url.Parse(strings.TrimRight(text, ".,:;)"))
	if err != nil || u.Host == "" {
		return secret.Redacted
	}
	if strings.Trim(u.Path, "/") == "" && u.RawQuery == "" {
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// clip shortens a text to at most most bytes, and says so by an ellipsis.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
