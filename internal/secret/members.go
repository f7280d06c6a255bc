package secret

import (
	"regexp"
	"strings"
)

var (
	formValue   = regexp.MustCompile(`^[^&\s;#"]+`)
	numberValue = regexp.MustCompile(`^-?[0-9][0-9.eE+-]{3,}`)
	userInfo    = regexp.MustCompile(`(://)[^/?#\s"'<>\\@]+@`)
)

// hideUserInfo hides the credentials in URLs.
func hideUserInfo(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	return userInfo.ReplaceAllString(text, `${1}`+Redacted+`@`)
}

// hideMembers hides the values of members whose name says that they are secret:
// "password": "…", password=…, and json.password = "…", as assertions tell it.
func hideMembers(text string) string {
	var b strings.Builder
	written := 0
	for i := 0; i < len(text); i++ {
		if text[i] != ':' && text[i] != '=' {
			continue
		}
		m, ok := memberAt(text, written, i)
		if !ok {
			continue
		}
		to, closing := m.end(text)
		if to == m.value && closing == "" {
			continue
		}
		b.WriteString(text[written:m.value])
		b.WriteString(Redacted)
		b.WriteString(closing)
		written, i = to, max(i, to-1)
	}
	if written == 0 {
		return text
	}
	b.WriteString(text[written:])
	return b.String()
}

// member is a name that says that its value is secret, and where that begins.
type member struct {
	quoted bool   // the name is
	spaced bool   // around the sign
	sign   string // ":", "=" or "=="
	quote  string // opens the value: " or ', escaped or not; "" without one
	value  int    // where the value begins, after the quote
}

// memberAt reads the member around a sign, not before from.
func memberAt(text string, from, sign int) (member, bool) {
	before := strings.TrimRight(text[from:sign], " \t")
	name := strings.TrimRight(before, `"'`)
	m := member{quoted: len(name) < len(before), spaced: len(before) < sign-from}
	if m.quoted {
		name = strings.TrimRight(name, `\`)
	}
	start := len(name)
	for start > 0 && len(name)-start <= maxName && isNameByte(name[start-1]) {
		start--
	}
	escaped := start > 0 && name[start-1] == '\\'
	name = strings.TrimLeft(name[start:], "-_")
	if !isSecretName(name) && (!escaped || !isSecretName(withoutEscape(name))) {
		return m, false
	}
	rest := text[sign:]
	m.sign = rest[:len(rest)-len(strings.TrimLeft(rest, ":="))]
	rest = rest[len(m.sign):]
	value := strings.TrimLeft(rest, " \t\r\n[") // the first of a list
	m.spaced = m.spaced || len(value) < len(rest)
	m.value = len(text) - len(value)
	if slashes := len(value) - len(strings.TrimLeft(value, `\`)); slashes < len(value) && (value[slashes] == '"' || value[slashes] == '\'') {
		m.quote = value[:slashes+1]
		m.value += len(m.quote)
	}
	return m, true
}

// withoutEscape cuts what belongs to a backslash in front of a name: n of a line
// break, u0026 of an ampersand.
func withoutEscape(name string) string {
	if len(name) > 5 && name[0] == 'u' {
		return name[5:]
	}
	return name[min(1, len(name)):]
}

func isNameByte(c byte) bool { return isUnreserved(c) && c != '.' && c != '~' }

// end returns where the value ends, and what is to be written behind it; the
// value's beginning and "" when there is nothing to hide.
func (m *member) end(text string) (end int, closing string) {
	named := m.quoted && m.sign == ":"
	switch {
	case m.quote != "" && (named || m.sign == "=" || m.sign == "=="):
		end := closingQuote(text, m.value, m.quote)
		switch {
		case !strings.HasPrefix(text[end:], m.quote): // it was cut off
			return end, m.quote
		case end == m.value: // it is empty
			return m.value, ""
		}
		return end + len(m.quote), m.quote
	case named, m.sign == "=" && m.spaced:
		return m.value + len(numberValue.FindString(text[m.value:])), ""
	case m.sign == "=" && !m.quoted:
		return m.value + len(formValue.FindString(text[m.value:])), ""
	}
	return m.value, ""
}

// closingQuote returns where the quote is that closes the one before from, or
// the end of the text. A quote that was escaped n times has 2ⁿ-1 backslashes;
// one inside the quoted text has more, in a number that gives it away.
func closingQuote(text string, from int, quote string) int {
	depth := len(quote) - 1
	mark := quote[depth]
	run := 0
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '\\':
			run++
			continue
		case mark:
			if run < depth { // the text around has ended
				return i - run
			}
			if run%(2*(depth+1)) == depth {
				return i - depth
			}
		}
		run = 0
	}
	return len(text)
}
