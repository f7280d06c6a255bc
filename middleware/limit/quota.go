package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Quota is an allowance for one calendar window.
type Quota struct {
	Count  int64
	Period Period
}

// ParseQuota reads "100000/day" or "1_000_000/month".
func ParseQuota(text string) (Quota, error) {
	count, per, ok := strings.Cut(strings.TrimSpace(text), "/")
	if !ok {
		return Quota{}, fmt.Errorf("quota %.40q has no period: write it like 100000/day", text)
	}
	n, err := parseCount(count)
	if err != nil {
		return Quota{}, fmt.Errorf("quota %.40q: %w", text, err)
	}
	q := Quota{Count: n}
	if err := q.Period.UnmarshalText([]byte(strings.TrimSpace(per))); err != nil {
		return Quota{}, fmt.Errorf("quota %.40q: %w", text, err)
	}
	return q, nil
}

// String is what ParseQuota reads; "" for the zero Quota.
func (q Quota) String() string {
	if q == (Quota{}) {
		return ""
	}
	return strconv.FormatInt(q.Count, 10) + "/" + q.Period.String()
}

// UnmarshalText implements encoding.TextUnmarshaler with ParseQuota.
func (q *Quota) UnmarshalText(text []byte) error {
	parsed, err := ParseQuota(string(text))
	if err != nil {
		return err
	}
	*q = parsed
	return nil
}

// MarshalText implements encoding.TextMarshaler with String.
func (q Quota) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// Period is a calendar window in UTC. The zero Period is none.
type Period uint8

// The periods. A week begins on Monday.
const (
	Minute Period = iota + 1
	Hour
	Day
	Week
	Month
)

// String is "minute", "hour", "day", "week" or "month"; "" for none.
func (p Period) String() string { return name(periods[:], int(p)) }

// UnmarshalText reads what String writes.
func (p *Period) UnmarshalText(text []byte) error { return named(p, periods[:], "period", text) }

// MarshalText writes what UnmarshalText reads.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

const (
	secondsOfDay = 24 * 60 * 60
	// 1970-01-01 was a Thursday: the first Monday came four days later.
	mondayOffset = 3 * secondsOfDay
)

// Window returns when the window that t is in began and when it ends. The zero
// Period has no window: both are t.
func (p Period) Window(t time.Time) (start, end time.Time) {
	s, e := p.window(t.Unix())
	return time.Unix(s, 0).UTC(), time.Unix(e, 0).UTC()
}

// window is Window in Unix seconds.
func (p Period) window(unix int64) (start, end int64) {
	switch p {
	case Minute:
		return aligned(unix, 60, 0)
	case Hour:
		return aligned(unix, 60*60, 0)
	case Day:
		return aligned(unix, secondsOfDay, 0)
	case Week:
		return aligned(unix, 7*secondsOfDay, mondayOffset)
	case Month:
		t := time.Unix(unix, 0).UTC()
		first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		return first.Unix(), first.AddDate(0, 1, 0).Unix()
	}
	return unix, unix
}

// aligned is the window of a fixed length that unix is in.
func aligned(unix, length, offset int64) (start, end int64) {
	in := (unix + offset) % length
	if in < 0 {
		in += length
	}
	return unix - in, unix - in + length
}
