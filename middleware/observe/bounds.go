package observe

import (
	"strings"
	"unicode/utf8"
)

// MaxText bounds, in bytes, every text of an Exchange that has no bound of its own.
const (
	MaxText   = 256
	MaxMethod = 32
)

// Trim cuts every text at its bound, so that no client can make a record large.
// [Redactor.Apply] does it too.
func (e *Exchange) Trim() {
	e.Method = cut(e.Method, MaxMethod)
	e.Path = cut(e.Path, MaxPath)
	e.Query = cut(e.Query, MaxQuery)
	e.UserAgent = cut(e.UserAgent, MaxUserAgent)
	for _, text := range [...]*string{
		&e.API, &e.Operation, &e.Route, &e.Scheme, &e.Host, &e.Protocol, &e.ClientKey, &e.User,
		&e.Tier, &e.RequestID, &e.Policy, &e.Shadow, &e.Upstream,
	} {
		if len(*text) > MaxText {
			*text = cut(*text, MaxText)
		}
	}
}

// Detach copies every text into memory of the exchange's own. Texts of a request
// are often parts of larger ones, such as a request line of a megabyte: whoever
// keeps an exchange for longer than its request detaches it, or keeps those, too.
// It allocates once.
func (e *Exchange) Detach() {
	texts := [...]*string{
		&e.API, &e.Operation, &e.Route, &e.Method, &e.Scheme, &e.Host, &e.Path, &e.Query, &e.Protocol, &e.ClientKey, &e.User,
		&e.Tier, &e.UserAgent, &e.RequestID, &e.Policy, &e.Shadow, &e.Upstream,
	}
	size := 0
	for _, text := range texts {
		size += len(*text)
	}
	var all strings.Builder
	all.Grow(size)
	for _, text := range texts {
		all.WriteString(*text)
	}
	rest := all.String()
	for _, text := range texts {
		n := len(*text)
		*text, rest = rest[:n], rest[n:]
	}
}

// cut shortens a text to at most most bytes and leaves no half of a character.
// A copy is made then, so that a short text does not keep a long one in memory.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return strings.Clone(text[:most])
}
