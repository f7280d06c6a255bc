package gateway

import (
	"iter"
	"strings"
)

// cookies looks up cookies where they stand, in the request's Cookie fields
// (RFC 6265 §4.2): nothing is parsed until a limit or a tier asks.
type cookies struct{ headers lines }

// Get returns the value of the first cookie with the name, "" without one.
func (c *cookies) Get(name string) string {
	for value := range c.all(name) {
		return value
	}
	return ""
}

// Values returns those of all cookies with the name.
func (c *cookies) Values(name string) (list []string) {
	for value := range c.all(name) {
		list = append(list, value)
	}
	return list
}

func (c *cookies) all(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if c.headers == nil || name == "" {
			return
		}
		for _, line := range c.headers.Values("Cookie") {
			for line != "" {
				var pair string
				pair, line, _ = strings.Cut(line, ";")
				key, value, ok := strings.Cut(pair, "=")
				if !ok || strings.Trim(key, " \t") != name {
					continue
				}
				value = strings.Trim(value, " \t")
				if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
					value = value[1 : n-1]
				}
				if !yield(value) {
					return
				}
			}
		}
	}
}
