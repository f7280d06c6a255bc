package accesslog

import (
	"strings"
	"time"
)

// dates reads times. Lines that follow one another mostly have the same minute,
// so the last one is remembered: reading a calendar is the dearest part of a line.
type dates struct {
	zone *time.Location // of times that do not say theirs

	minute [len(clfMinute)]byte
	offset [len(clfOffset)]byte
	unix   int64 // of that minute
	known  bool
}

// The common log format writes 23/Nov/2026:21:22:02 +0000.
const (
	clfMinute = "23/Nov/2026:21:22"
	clfOffset = " +0000"
	clfLength = len(clfMinute) + len(":02") + len(clfOffset)
)

// clf reads the time of the common log format, which s is exactly.
func (d *dates) clf(s string) (time.Time, bool) {
	if len(s) != clfLength || s[len(clfMinute)] != ':' {
		return time.Time{}, false
	}
	second, ok := two(s[len(clfMinute)+1:])
	if !ok || second > 60 {
		return time.Time{}, false
	}
	minute, offset := s[:len(clfMinute)], s[len(clfMinute)+3:]
	if d.known && minute == string(d.minute[:]) && offset == string(d.offset[:]) {
		return time.Unix(d.unix+int64(second), 0).UTC(), true
	}
	unix, ok := clfUnix(minute, offset)
	if !ok {
		return time.Time{}, false
	}
	copy(d.minute[:], minute)
	copy(d.offset[:], offset)
	d.unix, d.known = unix, true
	return time.Unix(unix+int64(second), 0).UTC(), true
}

// clfUnix reads "23/Nov/2026:21:22" and " +0100".
func clfUnix(minute, offset string) (int64, bool) {
	day, ok1 := two(minute)
	year, ok2 := four(minute[7:])
	hour, ok3 := two(minute[12:])
	minutes, ok4 := two(minute[15:])
	month := monthOf(minute[3:6])
	if !ok1 || !ok2 || !ok3 || !ok4 || month == 0 || minute[2] != '/' || minute[6] != '/' || minute[11] != ':' || minute[14] != ':' {
		return 0, false
	}
	east, n, ok := zoneOf(offset[1:])
	if !ok || n != len(offset)-1 || offset[0] != ' ' {
		return 0, false
	}
	return unixOf(year, month, day, hour, minutes, 0, east)
}

// unixOf checks a date and a time of the day, and counts seconds.
func unixOf(year, month, day, hour, minute, second, east int) (int64, bool) {
	if month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day { // 31/Feb
		return 0, false
	}
	return t.Unix() - int64(east), true
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

func monthOf(s string) int {
	if i := strings.Index(months, s); i >= 0 && i%3 == 0 {
		return i/3 + 1
	}
	return 0
}

// parse reads the time at the beginning of s, in any of the forms that logs
// have, and returns how long it is.
func (d *dates) parse(s string) (t time.Time, length int, ok bool) {
	if len(s) >= clfLength && s[2] == '/' {
		t, ok = d.clf(s[:clfLength])
		return t, clfLength, ok
	}
	if len(s) >= len("2026-11-23 21:22:02") && (s[4] == '-' || s[4] == '/') {
		return d.iso(s)
	}
	return epoch(s)
}

// iso reads 2026-11-23T21:22:02.123Z and what is like it: a blank instead of the T,
// a comma before the fraction (Python), slashes (nginx' error log, Go), a zone with
// or without a colon, or none.
func (d *dates) iso(s string) (t time.Time, length int, ok bool) {
	year, ok1 := four(s)
	month, ok2 := two(s[5:])
	day, ok3 := two(s[8:])
	hour, ok4 := two(s[11:])
	minute, ok5 := two(s[14:])
	second, ok6 := two(s[17:])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || s[7] != s[4] || s[10] != 'T' && s[10] != 't' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, 0, false
	}
	n := len("2026-11-23 21:22:02")
	nanos := int64(0)
	if n+1 < len(s) && (s[n] == '.' || s[n] == ',') && isDigit(s[n+1]) {
		n++
		scale := int64(time.Second)
		for ; n < len(s) && isDigit(s[n]); n++ {
			scale /= 10
			nanos += int64(s[n]-'0') * scale
		}
	}
	rest := s[n:]
	skipped := 0
	if len(rest) > 1 && rest[0] == ' ' && (rest[1] == '+' || rest[1] == '-') {
		skipped = 1
	}
	east, m, zoned := zoneOf(rest[skipped:])
	unix, ok := unixOf(year, month, day, hour, minute, second, east)
	switch {
	case !ok:
		return time.Time{}, 0, false
	case zoned:
		n += skipped + m
	case d.zone != nil && d.zone != time.UTC:
		return time.Date(year, time.Month(month), day, hour, minute, second, int(nanos), d.zone), n, true
	}
	return time.Unix(unix, nanos).UTC(), n, true
}

// epoch reads seconds since 1970 with or without a fraction, or, by their size,
// milliseconds, microseconds or nanoseconds.
func epoch(s string) (t time.Time, length int, ok bool) {
	whole, n, ok := digits(s)
	if !ok {
		return time.Time{}, 0, false
	}
	nanos := int64(0)
	fraction := n
	if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		scale := int64(time.Second)
		for n++; n < len(s) && isDigit(s[n]); n++ {
			scale /= 10
			nanos += int64(s[n]-'0') * scale
		}
	}
	switch {
	case fraction < 9: // before 1973: it is no time
		return time.Time{}, 0, false
	case fraction <= 11:
		return time.Unix(whole, nanos).UTC(), n, true
	case fraction <= 14:
		return time.UnixMilli(whole).UTC(), n, true
	case fraction <= 17:
		return time.UnixMicro(whole).UTC(), n, true
	}
	return time.Unix(0, whole).UTC(), n, true
}

// zoneOf reads Z, UTC, +01:00, +0100 or +01 in seconds east of Greenwich.
func zoneOf(s string) (east, length int, ok bool) {
	switch {
	case s == "":
		return 0, 0, false
	case s[0] == 'Z' || s[0] == 'z':
		return 0, 1, true
	case strings.HasPrefix(s, " UTC"):
		return 0, 4, true
	case s[0] != '+' && s[0] != '-':
		return 0, 0, false
	}
	hours, ok := two(s[1:])
	if !ok {
		return 0, 0, false
	}
	length = 3
	minutes := 0
	rest := s[length:]
	colon := 0
	if rest != "" && rest[0] == ':' {
		colon = 1
	}
	if m, ok := two(rest[colon:]); ok {
		minutes = m
		length += colon + 2
	}
	if hours > 15 || minutes > 59 {
		return 0, 0, false
	}
	east = hours*3600 + minutes*60
	if s[0] == '-' {
		east = -east
	}
	return east, length, true
}

func two(s string) (int, bool) {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		return 0, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}

func four(s string) (int, bool) {
	high, ok1 := two(s)
	if !ok1 {
		return 0, false
	}
	low, ok2 := two(s[2:])
	return high*100 + low, ok2
}
