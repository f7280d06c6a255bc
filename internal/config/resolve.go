package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	wholeNumber = regexp.MustCompile(`^[-+]?(?:0|[1-9][0-9]*)$`)
	realNumber  = regexp.MustCompile(`^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$`)
	otherBase   = regexp.MustCompile(`^0(?:x[0-9a-fA-F]+|o[0-7]+)$`)
	noNumber    = regexp.MustCompile(`^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
)

// resolve reads an unquoted value whose type the configuration leaves open (a
// JSON body) as YAML 1.2 does. Digits with a leading zero stay a text, because
// YAML 1.1 and 1.2 disagree on them and they are rarely numbers.
func resolve(text string) (any, error) {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil, nil
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	switch {
	case noNumber.MatchString(text):
		return nil, fmt.Errorf("JSON has no number %s", text)
	case otherBase.MatchString(text):
		if n, err := strconv.ParseInt(text, 0, 64); err == nil {
			return n, nil
		}
	case wholeNumber.MatchString(text):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		if len(text) <= 100 {
			return json.Number(strings.TrimPrefix(text, "+")), nil // more digits than an int64 has: keep them all
		}
	case realNumber.MatchString(text):
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f, nil
		}
	}
	return text, nil
}

// boolean reads what people write for yes and no in YAML 1.1 and 1.2.
func boolean(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}
