package secret

import (
	"net/http"
	"strings"
)

// SensitiveName reports whether a header, member or parameter of this name
// holds a credential by custom. Authorization and Set-Cookie are not among
// them: Redactor.Header keeps their scheme and name.
func SensitiveName(name string) bool {
	switch canonical := http.CanonicalHeaderKey(name); canonical {
	case "Authorization", "Proxy-Authorization", "Set-Cookie":
		return false
	default:
		return sensitiveHeaders[canonical] || isSecretName(name)
	}
}

// secretNames are the names of members and parameters that hold credentials, in
// lower case and without - and _. True: also as the last part of a longer name.
var secretNames = map[string]bool{
	"password": true, "passwd": true, "passphrase": true, "secret": true, "apikey": true, "privatekey": true,
	"pass": false, "pwd": false, "credential": false, "authorization": false, "proxyauthorization": false,
	"clientsecret": false, "appsecret": false, "consumersecret": false, "sharedsecret": false,
	"secretkey": false, "secretaccesskey": false, "accesskey": false, "session": false, "sessionid": false,
	"token": false, "accesstoken": false, "refreshtoken": false, "idtoken": false, "authtoken": false,
	"csrftoken": false, "xsrftoken": false, "sessiontoken": false, "bearertoken": false, "apitoken": false,
}

// maxName bounds the names that are looked at.
const maxName = 64

// isSecretName knows api_key, apiKey, API-KEY and stripe_api_key, but not
// apikey_file or tokens_used.
func isSecretName(name string) bool {
	if len(name) == 0 || len(name) > maxName {
		return false
	}
	name = strings.ToLower(name)
	if _, known := secretNames[withoutSeparators(name)]; known {
		return true
	}
	for i := range len(name) {
		if (name[i] == '-' || name[i] == '_') && secretNames[withoutSeparators(name[i:])] {
			return true
		}
	}
	return false
}

func withoutSeparators(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "-", ""), "_", "")
}
