package history

import (
	"time"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// Limits of what is kept of one run.
const (
	MaxAttempts = 64   // the first 63 and the last of a run with more
	MaxReason   = 1024 // bytes
)

// Kept returns r as it will be read back: durations in whole microseconds,
// attempts and reasons within the limits. Counting kept results rather than
// fresh ones keeps roll-ups equal to a recount of the history. The attempts are
// appended to buffer, which may be nil; the result refers to it.
func Kept(r *checks.Result, buffer []checks.Attempt) checks.Result {
	kept := *r
	kept.Attempts = append(buffer[len(buffer):], clipAttempts(r.Attempts)...)
	for i := range kept.Attempts {
		a := &kept.Attempts[i]
		a.Offset = truncate(a.Offset)
		a.Size = max(a.Size, 0)
		a.Reason = clipText(a.Reason)
		a.Class = probe.Class(clipText(string(a.Class)))
		p := &a.Phases
		*p = probe.Phases{
			DNS: truncate(p.DNS), Connect: truncate(p.Connect), TLS: truncate(p.TLS),
			TTFB: truncate(p.TTFB), Transfer: truncate(p.Transfer),
		}
	}
	return kept
}

func truncate(d time.Duration) time.Duration { return max(d, 0).Truncate(time.Microsecond) }

// clipAttempts never drops the last attempt: it decided the run.
func clipAttempts(list []checks.Attempt) []checks.Attempt {
	if len(list) <= MaxAttempts {
		return list
	}
	clipped := append([]checks.Attempt(nil), list[:MaxAttempts-1]...)
	return append(clipped, list[len(list)-1])
}

func clipText(s string) string { return cutText(s, MaxReason) }

// cutText returns at most the first n bytes of s, and cuts at a rune's edge.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
