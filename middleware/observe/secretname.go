package observe

const (
	maxName     = 64   // longer parameter names are no names
	maxWithin   = 1024 // how much of a nested text is looked at
	maxUnescape = 3    // how often a text is unescaped
)

// isSecret knows the names of parameters that hold credentials by custom:
// api_key, apiKey, X-Amz-Signature, user[password], reset_token.
func isSecret[T string | []byte](r *Redactor, raw T) bool {
	var buffer [maxName]byte
	name := normalize(buffer[:0], raw)
	if len(name) == 0 {
		return false
	}
	if r != nil && len(r.names) > 0 {
		if hide, ok := r.names[string(name)]; ok {
			return hide
		}
	}
	return isSecretName(name)
}

// isSecretName decides by a name in lower case without separators, not empty.
func isSecretName(name []byte) bool {
	switch string(name) {
	// Words that mean something else at the end of other names: sort_key, zip_code.
	case "key", "code", "pin", "otp", "sid", "sig", "auth", "pass", "pwd", "jwt", "hmac", "ticket", "assertion",
		"samlresponse", "samlrequest", "saml", "authorization", "session", "cookie", "nonce", "mac", "bearer", "verifier",
		"codeverifier", "awsaccesskeyid", "googleaccessid", "subscriptionkey", "authkey":
		return true
	}
	switch name[len(name)-1] { // most names end here, without a comparison
	case 'n':
		return endsWith(name, "token")
	case 't':
		return endsWith(name, "secret")
	case 'd':
		return endsWith(name, "password", "passwd", "sessionid", "sessid", "creditcard")
	case 'e':
		return endsWith(name, "signature", "passphrase", "passcode", "authcode")
	case 'l', 's':
		return endsWith(name, "credential", "credentials")
	case 'y':
		return endsWith(name, "apikey", "accesskey", "secretkey", "privatekey")
	case 'r':
		return endsWith(name, "cardnumber")
	}
	return false
}

func endsWith(name []byte, ends ...string) bool {
	for _, end := range ends {
		if n := len(name) - len(end); n >= 0 && string(name[n:]) == end {
			return true
		}
	}
	return false
}

// normalized is the form in which names are compared.
func normalized(name string) string { return string(normalize(nil, name)) }

// normalize unescapes a name and leaves its letters and digits, in lower case.
// What is longer than any name gives nothing.
func normalize[T string | []byte](dst []byte, name T) []byte {
	if len(name) > 4*maxName {
		return dst[:0]
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' {
			if decoded, ok := unescapeByte(name[i:]); ok {
				c = decoded
				i += 2
			}
		}
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		default:
			continue
		}
		if len(dst) == maxName {
			return dst[:0]
		}
		dst = append(dst, c)
	}
	return dst
}

// unescape resolves the percent escapes of a text in its own place.
func unescape(text []byte) []byte {
	dst := text[:0]
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if decoded, ok := unescapeByte(text[i:]); ok {
				c = decoded
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// unescapeByte reads the %XX at the beginning of a text.
func unescapeByte[T string | []byte](text T) (byte, bool) {
	if len(text) < 3 {
		return 0, false
	}
	high, ok1 := hexDigit(text[1])
	low, ok2 := hexDigit(text[2])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.' || c == '[' || c == ']'
}
