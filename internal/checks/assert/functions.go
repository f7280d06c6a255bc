package assert

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// Limits of the functions whose results could be much larger than the body.
const (
	maxPieces   = 100_000  // of split
	maxReplaced = 16 << 20 // bytes of replace
)

// newConfig returns the language: the environment's types, the functions of the
// reference and no others. A configuration caches types while it compiles, so
// it must not be shared between goroutines.
func newConfig(v vocabulary) *conf.Config {
	c := conf.New(environment{})
	c.MaxNodes = maxNodes
	for name := range c.Builtins {
		if !v.functions[name] {
			c.Disabled[name] = true
			delete(c.Builtins, name)
		}
	}
	// The language's own versions of these run in quadratic time or grow
	// without bounds on a hostile body.
	for _, f := range []*builtin.Function{
		{Name: "split", Func: split, Types: types[func(string, string) []string]()},
		{Name: "replace", Func: replace, Types: types[func(string, string, string) string]()},
		{Name: "uniq", Func: uniq, Types: types[func(any) []any]()},
		{Name: "fromJSON", Func: fromJSON, Types: types[func(string) any]()},
	} {
		c.Functions[f.Name] = f
	}
	return c
}

func types[F any]() []reflect.Type { return []reflect.Type{reflect.TypeFor[F]()} }

// texts returns the arguments, which the compiler could not check if they came
// out of JSON.
func texts(function string, args []any) ([]string, error) {
	out := make([]string, len(args))
	for i, arg := range args {
		s, ok := arg.(string)
		if !ok {
			return nil, fmt.Errorf("%s needs a text, not %s", function, typeOf(arg))
		}
		out[i] = s
	}
	return out, nil
}

func split(args ...any) (any, error) {
	s, err := texts("split", args)
	if err != nil {
		return nil, err
	}
	pieces := strings.SplitN(s[0], s[1], maxPieces+1)
	if len(pieces) > maxPieces {
		return nil, fmt.Errorf("split makes more than %d pieces", maxPieces)
	}
	return pieces, nil
}

func replace(args ...any) (any, error) {
	s, err := texts("replace", args)
	if err != nil {
		return nil, err
	}
	if grows := len(s[2]) - len(s[1]); grows > 0 && len(s[0])+strings.Count(s[0], s[1])*grows > maxReplaced {
		return nil, fmt.Errorf("replace makes a text of more than %d bytes", maxReplaced)
	}
	return strings.ReplaceAll(s[0], s[1], s[2]), nil
}

func uniq(args ...any) (any, error) {
	list := reflect.ValueOf(args[0])
	if list.Kind() != reflect.Slice {
		return nil, fmt.Errorf("uniq needs a list, not %s", typeOf(args[0]))
	}
	seen := make(map[any]bool, list.Len())
	out := make([]any, 0, list.Len())
	for i := range list.Len() {
		v := list.Index(i).Interface()
		key, err := identity(v)
		if err != nil {
			return nil, err
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out, nil
}

// compound is the identity of a list or object: its JSON, apart from texts.
type compound string

// identity returns a key that is equal for equal values.
func identity(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case int:
		if f := float64(v); int(f) == v {
			return f, nil
		}
		return v, nil
	case float64:
		return v, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("compare elements: %w", err)
	}
	return compound(text), nil
}

func fromJSON(args ...any) (any, error) {
	s, err := texts("fromJSON", args)
	if err != nil {
		return nil, err
	}
	return decodeJSON([]byte(s[0]))
}
