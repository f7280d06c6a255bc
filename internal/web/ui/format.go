package ui

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/checks"
)

const nbsp = "\u00a0" // between a number and its unit

// latency writes a measured duration with three digits or so: "0.42 ms", "9.1 ms", "393 ms", "1.24 s".
func latency(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d <= 0:
		return "–"
	case ms < 1:
		return strconv.FormatFloat(ms, 'f', 2, 64) + nbsp + "ms"
	case ms < 9.95:
		return strconv.FormatFloat(ms, 'f', 1, 64) + nbsp + "ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + nbsp + "ms"
	case ms < 9995:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + nbsp + "s"
	default:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + nbsp + "s"
	}
}

// percent writes a ratio in 0…1, rounded down so that only a flawless record reads 100 %.
func percent(ratio float64) string {
	if ratio >= 1 {
		return "100" + nbsp + "%"
	}
	if ratio <= 0 {
		return "0" + nbsp + "%"
	}
	return strconv.FormatFloat(math.Floor(ratio*1e4+1e-7)/1e2, 'f', 2, 64) + nbsp + "%"
}

// share writes an uptime; without runs it says so.
func share(s checks.Share) string {
	ratio, ok := s.Ratio()
	if !ok {
		return "no runs yet"
	}
	return percent(ratio)
}

// span writes a length of time as people say it: "45 s", "18 min", "2 h 5 min", "3 d".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0" + nbsp + "s"
	case d < time.Minute:
		return unit(int(d/time.Second), "s")
	case d < time.Hour:
		return unit(int(d/time.Minute), "min")
	case d < 10*time.Hour && d%time.Hour >= time.Minute:
		return unit(int(d/time.Hour), "h") + " " + unit(int(d%time.Hour/time.Minute), "min")
	case d < 48*time.Hour:
		return unit(int(d/time.Hour), "h")
	default:
		return unit(int(d/(24*time.Hour)), "d")
	}
}

func unit(n int, name string) string { return strconv.Itoa(n) + nbsp + name }

// ago writes how long before now t was; "" for the zero time.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := now.Sub(t)
	if d < time.Second {
		return "now"
	}
	text := span(d)
	if hours, _, found := strings.Cut(text, " "); found {
		text = hours // "2 h ago" is precise enough
	}
	return text + " ago"
}

// count writes a number with a thin gap between thousands.
func count[N int | int64 | uint32 | uint64](n N) string {
	text := strconv.FormatInt(int64(n), 10) // #nosec G115 -- counts of checks and runs
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}

// plural writes "1 check" or "3 checks".
func plural[N int | int64 | uint32 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// size writes bytes with binary multiples: "812 B", "4.0 KiB".
func size[N int64 | uint64](n N) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && len(units) > 1 {
		value /= 1024
		units = units[1:]
	}
	if units[0] == "B" {
		return strconv.FormatFloat(value, 'f', 0, 64) + nbsp + "B"
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + nbsp + units[0]
}

// sentence makes an error text readable as a sentence: capital first, full stop last.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	first, width := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[width:]
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}

// moment is a point in time for a template: shown in UTC, and by the time
// module in the zone of the reader.
type moment struct{ time.Time }

// ISO is the machine-readable form.
func (m moment) ISO() string { return m.UTC().Format("2006-01-02T15:04:05.000Z") }

// Clock is hours to seconds.
func (m moment) Clock() string { return m.UTC().Format("15:04:05") }

// Full is the date and the time.
func (m moment) Full() string { return m.UTC().Format("2 Jan 2006 15:04:05") }

// Date is the day.
func (m moment) Date() string { return m.UTC().Format("2 Jan 2006") }
