package observe

import (
	"encoding/hex"
	"strconv"
	"time"
)

// AppendJSON appends the exchange as one JSON object on one line, without a line
// break at its end, and returns the extended buffer. It allocates nothing when
// dst has room.
//
// time, method, path, status, duration_ms, bytes_in, bytes_out, verdict and
// source are always there, everything else when it is not empty. Whatever a
// client could smuggle into a text — control bytes, escape sequences of
// terminals, line separators, invalid UTF-8, signs that turn the direction of
// writing — is escaped or replaced. Times are UTC, with microseconds.
func AppendJSON(dst []byte, e *Exchange) []byte {
	dst = append(dst, `{"time":"`...)
	dst = appendTime(dst, e.Time)
	dst = append(dst, '"')

	dst = appendText(dst, `,"api":"`, e.API)
	dst = appendText(dst, `,"operation":"`, e.Operation)
	dst = appendText(dst, `,"route":"`, e.Route)
	dst = appendAlways(dst, `,"method":"`, e.Method)
	dst = appendText(dst, `,"scheme":"`, e.Scheme)
	dst = appendText(dst, `,"host":"`, e.Host)
	dst = appendAlways(dst, `,"path":"`, e.Path)
	dst = appendText(dst, `,"query":"`, e.Query)
	dst = appendText(dst, `,"protocol":"`, e.Protocol)

	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(e.Status), 10)
	dst = appendMillis(append(dst, `,"duration_ms":`...), e.Duration)
	dst = appendPhase(dst, `,"queued_ms":`, e.Phases.Queued)
	dst = appendPhase(dst, `,"connect_ms":`, e.Phases.Connect)
	dst = appendPhase(dst, `,"wait_ms":`, e.Phases.Wait)
	dst = appendPhase(dst, `,"transfer_ms":`, e.Phases.Transfer)
	dst = strconv.AppendInt(append(dst, `,"bytes_in":`...), e.RequestBytes, 10)
	dst = strconv.AppendInt(append(dst, `,"bytes_out":`...), e.ResponseBytes, 10)

	if e.Client.IsValid() {
		dst = append(dst, `,"client":"`...)
		dst = e.Client.WithZone("").AppendTo(dst) // a zone is any text
		dst = append(dst, '"')
	}
	dst = appendText(dst, `,"client_key":"`, e.ClientKey)
	dst = appendText(dst, `,"user":"`, e.User)
	dst = appendText(dst, `,"tier":"`, e.Tier)
	dst = appendText(dst, `,"user_agent":"`, e.UserAgent)
	dst = appendText(dst, `,"request_id":"`, e.RequestID)

	dst = appendAlways(dst, `,"verdict":"`, string(e.Verdict))
	dst = appendText(dst, `,"policy":"`, e.Policy)
	dst = appendText(dst, `,"shadow":"`, e.Shadow)
	dst = appendPhase(dst, `,"retry_after_ms":`, e.RetryAfter)

	dst = appendTrace(dst, e)
	dst = appendText(dst, `,"upstream":"`, e.Upstream)
	if e.Attempts != 0 {
		dst = strconv.AppendInt(append(dst, `,"attempts":`...), int64(e.Attempts), 10)
	}
	dst = appendText(dst, `,"error":"`, string(e.Error))
	dst = appendAlways(dst, `,"source":"`, string(e.Source))
	return append(dst, '}')
}

// appendTrace appends the ids as W3C writes them.
func appendTrace(dst []byte, e *Exchange) []byte {
	if e.TraceID == [16]byte{} {
		return dst
	}
	dst = append(dst, `,"trace_id":"`...)
	dst = hex.AppendEncode(dst, e.TraceID[:])
	dst = append(dst, `","span_id":"`...)
	dst = hex.AppendEncode(dst, e.SpanID[:])
	dst = append(dst, '"')
	if e.ParentSpanID != [8]byte{} {
		dst = append(dst, `,"parent_span_id":"`...)
		dst = hex.AppendEncode(dst, e.ParentSpanID[:])
		dst = append(dst, '"')
	}
	if e.Sampled {
		dst = append(dst, `,"sampled":true`...)
	}
	return dst
}

// appendText appends a member unless its value is empty; key ends with the
// opening quote.
func appendText(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendAlways(dst, key, value)
}

func appendAlways(dst []byte, key, value string) []byte {
	dst = append(dst, key...)
	dst = appendEscaped(dst, value)
	return append(dst, '"')
}

// appendPhase appends a duration unless it is zero.
func appendPhase(dst []byte, key string, d time.Duration) []byte {
	if d < time.Microsecond {
		return dst
	}
	return appendMillis(append(dst, key...), d)
}

// maxMillis is the longest duration that is written, 280 years: what a float64
// can tell to the microsecond.
const maxMillis = 9_000_000_000_000

// appendMillis appends a duration in milliseconds with three decimals.
func appendMillis(dst []byte, d time.Duration) []byte {
	micros := uint64(min(max(d.Microseconds(), 0), maxMillis*1000))
	dst = strconv.AppendUint(dst, micros/1000, 10)
	if micros %= 1000; micros != 0 {
		dst = append(dst, '.', byte('0'+micros/100), byte('0'+micros/10%10), byte('0'+micros%10))
	}
	return dst
}

// appendTime appends RFC 3339 with microseconds, in UTC. By hand, because it is
// a fifth of the line's time otherwise. A year of more than four digits is no
// time of a request and is written as the zero time.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1 || year > 9999 {
		return append(dst, "0001-01-01T00:00:00.000000Z"...)
	}
	hour, minute, second := t.Clock()
	dst = appendPair(dst, year/100)
	dst = append(appendPair(dst, year%100), '-')
	dst = append(appendPair(dst, int(month)), '-')
	dst = append(appendPair(dst, day), 'T')
	dst = append(appendPair(dst, hour), ':')
	dst = append(appendPair(dst, minute), ':')
	dst = append(appendPair(dst, second), '.')
	micros := t.Nanosecond() / 1000
	dst = appendPair(dst, micros/10000)
	dst = appendPair(dst, micros/100%100)
	return append(appendPair(dst, micros%100), 'Z')
}

// appendPair appends two digits.
func appendPair(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10)) //nolint:gosec // 0 to 99
}
