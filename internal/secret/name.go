package secret

import (
	"net/http"
	"regexp"
)

var wholeSecretName = regexp.MustCompile(`^` + secretName + `$`)

// SensitiveName reports whether a header, member or parameter of this name
// holds a credential by custom. Authorization and Set-Cookie are not among
// them: Redactor.Header keeps their scheme and name.
func SensitiveName(name string) bool {
	switch canonical := http.CanonicalHeaderKey(name); canonical {
	case "Authorization", "Proxy-Authorization", "Set-Cookie":
		return false
	default:
		return sensitiveHeaders[canonical] || wholeSecretName.MatchString(name)
	}
}
