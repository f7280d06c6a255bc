package schema

import (
	"encoding/base64"
	"math"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"time"
)

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// matchesFormat checks a text's `format`. Unknown formats hold: a format is an
// annotation first (JSON Schema 2020-12 §7.2.1).
func matchesFormat(format, text string) bool {
	switch format {
	case "date-time":
		return isDateTime(text)
	case "date":
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	case "uuid":
		return uuidPattern.MatchString(text)
	case "email":
		address, err := mail.ParseAddress(text)
		return err == nil && address.Address == text
	case "ipv4":
		address, err := netip.ParseAddr(text)
		return err == nil && address.Is4()
	case "ipv6":
		address, err := netip.ParseAddr(text)
		return err == nil && address.Is6()
	case "uri":
		u, err := url.Parse(text)
		return err == nil && u.IsAbs()
	case "byte":
		_, err := base64.StdEncoding.DecodeString(text)
		return err == nil
	}
	return true
}

// isDateTime takes RFC 3339, and the same without a zone or with a space: what
// Python's datetime writes when it is naive. FastAPI declares that as date-time
// too, and an alarm about it would be noise.
func isDateTime(text string) bool {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00"} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// fitsFormat checks a number's `format`.
func fitsFormat(format string, n float64) bool {
	switch format {
	case "int32":
		return n == math.Trunc(n) && n >= math.MinInt32 && n <= math.MaxInt32
	case "int64":
		return n == math.Trunc(n) && n >= math.MinInt64 && n <= math.MaxInt64
	}
	return true
}
