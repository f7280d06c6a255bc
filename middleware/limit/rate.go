package limit

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Rate is Count per Period. The zero Rate is no rate.
type Rate struct {
	Count  int64
	Period time.Duration
}

// Bounds of a rate: faster ones cannot be told apart at a resolution of one
// nanosecond, and a slower one is a ban.
const (
	MaxPerSecond  = 10_000_000
	MaxRatePeriod = 366 * 24 * time.Hour
)

// PerSecond returns a rate of n per second.
func PerSecond(n int64) Rate { return Rate{n, time.Second} }

// PerMinute returns a rate of n per minute.
func PerMinute(n int64) Rate { return Rate{n, time.Minute} }

// PerHour returns a rate of n per hour.
func PerHour(n int64) Rate { return Rate{n, time.Hour} }

// PerDay returns a rate of n per 24 hours.
func PerDay(n int64) Rate { return Rate{n, day} }

const day = 24 * time.Hour

// ParseRate reads "500/minute", "10/s", "1000/10m", "1/day" or "5/1h30m".
func ParseRate(text string) (Rate, error) {
	count, per, ok := strings.Cut(strings.TrimSpace(text), "/")
	if !ok {
		return Rate{}, fmt.Errorf("rate %.40q has no period: write it like 500/minute or 10/s", text)
	}
	n, err := parseCount(count)
	if err != nil {
		return Rate{}, fmt.Errorf("rate %.40q: %w", text, err)
	}
	period, err := parsePeriod(strings.TrimSpace(per))
	if err != nil {
		return Rate{}, fmt.Errorf("rate %.40q: %w", text, err)
	}
	r := Rate{n, period}
	if err := r.Validate(); err != nil {
		return Rate{}, err
	}
	return r, nil
}

// Validate says why the rate cannot be counted, or returns nil.
func (r Rate) Validate() error {
	switch {
	case r.Count < 1:
		return fmt.Errorf("rate %s allows nothing: the count must be 1 or more", r)
	case r.Period <= 0:
		return fmt.Errorf("rate %s: the period must be longer than zero", r)
	case r.Period > MaxRatePeriod:
		return fmt.Errorf("rate %s: the period must not be longer than a year", r)
	}
	// Count / Period > MaxPerSecond, without overflow.
	hi, lo := bits.Mul64(uint64(r.Count), uint64(time.Second))
	limitHi, limitLo := bits.Mul64(uint64(r.Period), MaxPerSecond)
	if hi > limitHi || hi == limitHi && lo > limitLo {
		return fmt.Errorf("rate %s is above %d/second: leave the limit out", r, MaxPerSecond)
	}
	return nil
}

// interval is the time that one request takes from the allowance, rounded to
// the nearest nanosecond: at 10,000,000 a second it is exact to 0.5 %.
func (r Rate) interval() int64 {
	return (int64(r.Period) + r.Count/2) / r.Count
}

// Every returns the time between two requests at this rate.
func (r Rate) Every() time.Duration {
	if r.Count < 1 {
		return 0
	}
	return time.Duration(r.interval())
}

// String is what ParseRate reads; "" for the zero Rate.
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	return strconv.FormatInt(r.Count, 10) + "/" + periodText(r.Period)
}

// UnmarshalText implements encoding.TextUnmarshaler with ParseRate.
func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// MarshalText implements encoding.TextMarshaler with String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

var errCount = errors.New("the count must be a whole number from 1, like 500")

// parseCount reads a whole number of 1 or more; _ may group its digits.
func parseCount(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '_' || text[0] == '+' || strings.HasSuffix(text, "_") {
		return 0, errCount
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("the count is too large")
	}
	if err != nil || n < 1 {
		return 0, errCount
	}
	return n, nil
}

// parsePeriod reads "minute", "m", "10m" or "1h30m".
func parsePeriod(text string) (time.Duration, error) {
	switch text {
	case "s", "sec", "second":
		return time.Second, nil
	case "m", "min", "minute":
		return time.Minute, nil
	case "h", "hour":
		return time.Hour, nil
	case "d", "day":
		return day, nil
	}
	if n, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err == nil && days > 0 {
			return time.Duration(days) * day, nil
		}
	}
	period, err := time.ParseDuration(text)
	if err != nil || period <= 0 {
		return 0, fmt.Errorf("period %.20q is not known: use second, minute, hour, day or a time like 10m", text)
	}
	return period, nil
}

// periodText is what parsePeriod reads.
func periodText(p time.Duration) string {
	switch p {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	case day:
		return "day"
	}
	if p > 0 && p%day == 0 {
		return strconv.FormatInt(int64(p/day), 10) + "d"
	}
	text := p.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}
