// Package secret has the type in which passwords, tokens and keys travel, so
// that they cannot be printed, logged or marshalled by accident.
package secret

import "log/slog"

// Redacted is what is shown in place of a secret.
const Redacted = "[redacted]"

// String is a secret text. Printing it in any way shows [redacted]; Reveal is
// the only way to the text and so the only thing to look for in a review.
type String struct{ text string }

// New wraps text.
func New(text string) String { return String{text} }

// Reveal returns the text. Call it where the secret is used, nowhere else.
func (s String) Reveal() string { return s.text }

// IsZero reports whether the secret is empty (and so was not given).
func (s String) IsZero() bool { return s.text == "" }

func (s String) String() string {
	if s.text == "" {
		return ""
	}
	return Redacted
}

// GoString keeps %#v from showing the text.
func (s String) GoString() string { return s.String() }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText shows [redacted] in JSON, YAML and every other encoding.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; used by the configuration.
func (s *String) UnmarshalText(text []byte) error {
	s.text = string(text)
	return nil
}
