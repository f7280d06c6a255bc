package accesslog

import (
	"math"
	"strconv"
	"time"
)

// digits reads the number at the beginning of s, and how long it is; false when
// there is none or it is too large.
func digits(s string) (n int64, length int, ok bool) {
	for length < len(s) && isDigit(s[length]) {
		if n > (math.MaxInt64-9)/10 {
			return 0, length, false
		}
		n = n*10 + int64(s[length]-'0')
		length++
	}
	return n, length, length > 0
}

// statusOf reads a status: three digits, or - where there was none.
func statusOf(s string) (int, bool) {
	if s == "-" {
		return 0, true
	}
	if len(s) != 3 || !isDigit(s[0]) || !isDigit(s[1]) || !isDigit(s[2]) {
		return 0, false
	}
	n := int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
	return n, n == 0 || n >= 100
}

// bytesOf reads a number of bytes; - is none.
func bytesOf(s string) (int64, bool) {
	if s == "-" {
		return 0, true
	}
	n, length, ok := digits(s)
	return n, ok && length == len(s) && n <= maxBytes
}

// decimal reads "12", "0.123" or "1e-05", and whether it has a fraction or an
// exponent.
func decimal(s string) (value float64, fraction, ok bool) {
	if s == "" || len(s) > 32 {
		return 0, false, false
	}
	whole, n, ok := digits(s)
	if ok && n == len(s) {
		return float64(whole), false, true
	}
	if ok && s[n] == '.' && len(s)-n <= 10 && n <= 9 {
		part, m, ok := digits(s[n+1:])
		if ok && n+1+m == len(s) {
			return float64(whole) + float64(part)/powersOfTen[m], true, true
		}
	}
	for i := range len(s) { // ParseFloat also reads words and hexadecimals
		if c := s[i]; !isDigit(c) && c != '.' && c != 'e' && c != 'E' && c != '-' && c != '+' {
			return 0, false, false
		}
	}
	value, err := strconv.ParseFloat(s, 64)
	return value, true, err == nil
}

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// durationIn makes a duration of a number of units. Less than nothing is none:
// clocks are set back.
func durationIn(value float64, unit time.Duration) (time.Duration, bool) {
	ns := value * float64(unit)
	if !(ns <= float64(maxDuration)) { // NaN, too
		return 0, false
	}
	return time.Duration(max(math.Round(ns), 0)), true
}

// durationText reads "0.123" in a unit, or a number with a unit of its own:
// "23ms", "1.5s". unit 0 means that a number alone is no duration.
func durationText(s string, unit time.Duration) (time.Duration, bool) {
	if value, _, ok := decimal(s); ok {
		if unit == 0 {
			return 0, false
		}
		return durationIn(value, unit)
	}
	if s == "" || len(s) > 32 || !isDigit(s[0]) {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0 && d <= maxDuration
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
