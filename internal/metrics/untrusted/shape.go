package untrusted

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxDepth is how deeply messages may be nested. Metrics need eight levels, and
// what attributes hold a few more.
const MaxDepth = 64

// ErrTooDeep is of messages that are nested more deeply than MaxDepth.
var ErrTooDeep = fmt.Errorf("the message is nested more than %d levels deep", MaxDepth)

// Protobuf reports whether a message is nested too deeply, or has more than most
// parts of its own length (messages, texts, packed lists). It knows no schema: a
// text that reads like a message counts as one, so most has to be generous.
// Whether the message is well formed is left to its decoder.
func Protobuf(body []byte, most int) error {
	left := most
	if err := scan(body, MaxDepth, &left); err != nil && !errors.Is(err, errNotAMessage) {
		if left < 0 {
			return fmt.Errorf("the message has more than %d parts; send less at once", most)
		}
		return err
	}
	return nil
}

var (
	errNotAMessage = errors.New("not a message")
	errTooMany     = errors.New("too many parts")
)

// scan goes through a message depth first, in the order of a decoder, so that
// it meets a depth even in front of a mistake that makes the whole invalid.
func scan(body []byte, depth int, left *int) error {
	if depth < 0 {
		return ErrTooDeep
	}
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		if n < 0 || number <= 0 {
			return errNotAMessage
		}
		body = body[n:]
		if kind == protowire.StartGroupType { // no metric has one, and they nest
			return errNotAMessage
		}
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, body); n < 0 {
				return errNotAMessage
			}
			body = body[n:]
			continue
		}
		part, n := protowire.ConsumeBytes(body)
		if n < 0 {
			return errNotAMessage
		}
		body = body[n:]
		if *left--; *left < 0 {
			return errTooMany
		}
		if err := scan(part, depth-1, left); err != nil && !errors.Is(err, errNotAMessage) {
			return err
		}
	}
	return nil
}

// JSON reports whether a text of JSON is nested too deeply, or has more than most
// objects and lists. Whether it is well formed is left to its decoder.
func JSON(text []byte, most int) error {
	depth, parts, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			if parts++; parts > most {
				return fmt.Errorf("the message has more than %d parts; send less at once", most)
			}
			if depth > MaxDepth {
				return ErrTooDeep
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
