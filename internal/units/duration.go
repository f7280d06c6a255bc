// Package units reads and writes quantities as people write them in a
// configuration: durations (300ms, 1h30m, 14d), sizes (4KiB, 1MiB) and shares (5%).
package units

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that also knows days (d) and weeks (w).
type Duration time.Duration

// longest is the longest Duration, a good 146 years: half of what a
// time.Duration holds, so that adding two of them does no harm.
const longest = 53375 * Day

// Day and Week are exact multiples; calendars are not this type's business.
const (
	Day  = 24 * time.Hour
	Week = 7 * Day
)

// Std returns the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// ParseDuration reads "300ms", "30s", "1h30m", "14d", "2w", "1d12h" or "0".
// The error says which units exist, or how long a duration may be.
func ParseDuration(s string) (Duration, error) {
	rest := strings.TrimSpace(s)
	if rest == "0" {
		return 0, nil
	}
	var days time.Duration
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", Week}, {"d", Day}} {
		n, tail, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		f, err := strconv.ParseFloat(n, 64)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && f*float64(unit.length) > float64(longest-days):
			return 0, tooLong(s)
		case err != nil, !(f >= 0): // NaN, too
			return 0, badDuration(s)
		}
		days += time.Duration(f * float64(unit.length))
		rest = tail
	}
	if rest == "" && days > 0 {
		return Duration(days), nil
	}
	d, err := time.ParseDuration(rest)
	switch {
	case err != nil && wellFormed.MatchString(rest), d > longest-days:
		return 0, tooLong(s)
	case err != nil, d < 0:
		return 0, badDuration(s)
	}
	return Duration(days + d), nil
}

// wellFormed is what time.ParseDuration refuses only because it is too long.
var wellFormed = regexp.MustCompile(`^\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$`)

func tooLong(s string) error {
	return fmt.Errorf("%q is longer than a duration can be; write at most %s", s, Duration(longest))
}

func badDuration(s string) error {
	return fmt.Errorf("%q is not a duration; write a number and a unit, such as 300ms, 30s, 5m, 1h30m or 14d", s)
}

// String writes the shortest form that ParseDuration reads back: 14d, 1h30m, 300ms.
func (d Duration) String() string {
	rest := time.Duration(d)
	if rest == 0 {
		return "0s"
	}
	if rest%Day == 0 {
		return strconv.FormatInt(int64(rest/Day), 10) + "d"
	}
	text := rest.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
