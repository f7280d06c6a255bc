package gateway

import "strings"

// cookies looks up cookies where they stand, in the request's Cookie fields
// (RFC 6265 §4.2): nothing is parsed until a limit or a tier asks.
type cookies struct{ headers lines }

// Get returns the value of the first cookie with the name, "" without one.
func (c *cookies) Get(name string) string {
	if c.headers == nil || name == "" {
		return ""
	}
	for _, line := range c.headers.Values("Cookie") {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			key, value, ok := strings.Cut(pair, "=")
			if ok && strings.Trim(key, " \t") == name {
				value = strings.Trim(value, " \t")
				if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
					value = value[1 : n-1]
				}
				return value
			}
		}
	}
	return ""
}
