package accesslog

import (
	"maps"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// field numbers what a line can say.
type fieldID uint8

const (
	fieldNone fieldID = iota
	fieldTime
	fieldMethod
	fieldTarget // path and query
	fieldPath
	fieldQuery
	fieldRequest // the request line
	fieldProtocol
	fieldStatus
	fieldBytes
	fieldBytesIn
	fieldDuration // in seconds if it has a fraction, in milliseconds if it has none
	fieldSeconds
	fieldMillis
	fieldMicros
	fieldNanos
	fieldConnect
	fieldWait
	fieldClient
	fieldForwarded
	fieldUser
	fieldUserAgent
	fieldHost
	fieldScheme
	fieldTLS // there is TLS
	fieldRequestID
	fieldTraceID
	fieldAPI
	fieldCount
)

// names are the names of fields in patterns and in the configuration's `fields`.
func names() map[string]fieldID {
	return map[string]fieldID{
		"time": fieldTime, "method": fieldMethod, "path": fieldTarget, "uri": fieldTarget, "target": fieldTarget, "query": fieldQuery,
		"request": fieldRequest, "protocol": fieldProtocol, "status": fieldStatus, "bytes": fieldBytes, "bytes_in": fieldBytesIn,
		"duration": fieldDuration, "duration_s": fieldSeconds, "duration_ms": fieldMillis, "duration_us": fieldMicros, "duration_ns": fieldNanos,
		"client": fieldClient, "forwarded": fieldForwarded, "user": fieldUser, "user_agent": fieldUserAgent, "host": fieldHost,
		"scheme": fieldScheme, "request_id": fieldRequestID, "trace_id": fieldTraceID,
	}
}

// Names lists the names that patterns and `fields` may use, sorted.
func Names() []string { return slices.Sorted(maps.Keys(names())) }

// values are the texts of a line by field, still escaped.
type values struct {
	text [fieldCount]string
	json bool // escapes are JSON's
}

func (v *values) get(id fieldID) string {
	s := v.text[id]
	if s == "-" {
		return ""
	}
	if v.json && strings.IndexByte(s, '\\') >= 0 {
		return unescapeJSON(s)
	}
	return s
}

// label is a text for people, without what does something to a terminal.
func (v *values) label(id fieldID) string {
	s := v.text[id]
	switch {
	case s == "" || s == "-":
		return ""
	case plain(s):
		return s
	case v.json:
		return strings.ToValidUTF8(unescapeJSON(s), "\uFFFD")
	}
	return clean(s)
}

// units of the fields that are durations, in the order of their ids.
var units = [...]time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond}

// into makes a line of the values. at tells where a field stands, for a mismatch.
func (v *values) into(l *Line, d *dates, at func(fieldID) int) Mismatch {
	if s := v.get(fieldTime); s != "" {
		t, n, ok := d.parse(s)
		if !ok || n != len(s) {
			return Mismatch{at(fieldTime), "a time, such as 2026-11-23T21:22:02Z or 1795468922.123"}
		}
		l.Time = t
	}
	var ok bool
	if l.Status, ok = statusOf(v.text[fieldStatus]); !ok && v.text[fieldStatus] != "0" {
		return Mismatch{at(fieldStatus), "a status, three digits"}
	}
	l.judge()
	if m := v.sizes(l, at); !m.OK() {
		return m
	}
	v.durations(l)
	if s := v.get(fieldRequest); s != "" {
		l.request(s, v.json)
	}
	v.target(l)
	if l.Method == "" && l.Path == "" && l.Verdict != observe.Invalid {
		if v.text[fieldRequest] == "" && v.text[fieldTarget] == "" && v.text[fieldMethod] == "" && l.Status != 400 && l.Status != 408 {
			return Mismatch{at(fieldTarget), "a method and a path"}
		}
		l.unread()
	}
	if s := v.get(fieldProtocol); s != "" && len(s) <= len("HTTP/1.1") {
		l.Protocol = s
	}
	v.people(l)
	l.start()
	return Mismatch{}
}

// sizes reads the counts of bytes.
func (v *values) sizes(l *Line, at func(fieldID) int) Mismatch {
	var ok bool
	if s := v.text[fieldBytes]; s != "" {
		if l.ResponseBytes, ok = bytesOf(s); !ok {
			return Mismatch{at(fieldBytes), "the bytes of the answer"}
		}
	}
	if s := v.text[fieldBytesIn]; s != "" {
		if l.RequestBytes, ok = bytesOf(s); !ok {
			return Mismatch{at(fieldBytesIn), "the bytes of the request"}
		}
	}
	return Mismatch{}
}

// durations reads the first duration that there is. One that cannot be read is not
// known.
func (v *values) durations(l *Line) {
	for i, unit := range units {
		if d, ok := durationText(v.text[fieldSeconds+fieldID(i)], unit); ok {
			l.Duration = d
		}
	}
	if s := v.text[fieldDuration]; s != "" && l.Duration == 0 {
		unit := time.Millisecond
		if _, fraction, _ := decimal(s); fraction {
			unit = time.Second
		}
		l.Duration, _ = durationText(s, unit)
	}
	if s := v.text[fieldConnect]; s != "" {
		l.Phases.Connect = first(s)
	}
	if s := v.text[fieldWait]; s != "" {
		l.Phases.Wait = first(s)
	}
}

// target reads method and path where they stand alone.
func (v *values) target(l *Line) {
	method, target := v.get(fieldMethod), v.get(fieldTarget)
	if target == "" {
		target = v.get(fieldPath)
	}
	if target == "" && method == "" {
		return
	}
	if method != "" {
		if !isMethod(method) {
			l.unread()
			return
		}
		l.Method = method
	}
	if target != "" {
		l.target(target, v.json)
		l.Verdict, l.Policy = observe.Allowed, ""
	}
	if s := v.get(fieldQuery); s != "" && l.Query == "" {
		s = strings.TrimPrefix(s, "?")
		if !isURL(s) {
			s = percent(s)
		}
		l.Query = s
	}
}

// people reads who asked, and whom.
func (v *values) people(l *Line) {
	if s := v.get(fieldClient); s != "" {
		addr, _ := addressOf(s)
		l.client(addr, s)
	}
	l.Forwarded = v.get(fieldForwarded)
	l.User, l.UserAgent, l.RequestID = v.label(fieldUser), v.label(fieldUserAgent), v.label(fieldRequestID)
	if s := v.label(fieldHost); s != "" {
		l.Host = hostOf(s)
	}
	switch {
	case v.text[fieldScheme] == "https" || v.text[fieldTLS] != "":
		l.Scheme = "https"
	case v.text[fieldScheme] == "http":
		l.Scheme = "http"
	}
	if id := v.text[fieldTraceID]; len(id) == 32 && isHex(id) {
		for i := range l.TraceID {
			high, _ := hex(id[2*i])
			low, _ := hex(id[2*i+1])
			l.TraceID[i] = high<<4 | low
		}
	}
}
