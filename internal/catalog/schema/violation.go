package schema

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Violation is the first place where a value breaks its schema.
type Violation struct {
	Pointer string // JSON Pointer (RFC 6901) into the value; "" is the whole of it
	Problem string // "want integer, got string \"x\""

	depth int
	wants kinds // of a wrong type: what was wanted
	got   any
}

// Error is the pointer and the problem, "/orders/0/id: want integer, got null".
func (v *Violation) Error() string {
	if v.Pointer == "" {
		return v.Problem
	}
	return v.Pointer + ": " + v.Problem
}

// describe names a value for a message, cut to a readable length.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return "string " + strconv.Quote(clip(v))
	case json.Number:
		return "number " + clip(v.String())
	case []any:
		return fmt.Sprintf("an array of %d", len(v))
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", value)
}

// describeEnum writes an allowed value as it would stand in JSON.
func describeEnum(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return clip(string(text))
}

const clipLength = 60

func clip(s string) string {
	if len(s) <= clipLength {
		return s
	}
	cut := clipLength
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// secretMembers are parts of member names whose values are not repeated in a message.
var secretMembers = []string{"password", "passwd", "secret", "token", "apikey", "api_key", "authorization", "credential", "private_key", "session"}

func isSecretMember(name string) bool {
	name = strings.ToLower(name)
	for _, part := range secretMembers {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// orList joins "a", "b" and "c" to "a, b or c", and says how many more there are after ten.
func orList(list []string) string {
	const most = 10
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" or %d more", len(list)-most)
	}
	switch len(list) {
	case 0:
		return "nothing"
	case 1:
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}
