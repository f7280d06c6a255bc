package history

import (
	"encoding/binary"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// A record is one run in a row format:
//
//	byte     status | state<<3 | plain<<6
//	varint   start, minus that of the record before
//	plain:   one attempt, made at once, without a reason, with the run's status:
//	         its measures
//	else:    uvarint number of attempts, and for each
//	         byte status | failed<<3 | reason as in the attempt before<<4
//	         uvarint offset in µs, measures, and if it failed class and reason
//	measures: varint code, uvarint size, five uvarint phases in µs
type stream struct {
	run    checks.RunID // of the record before
	reason string       // of the last attempt that had one
}

const (
	statusBits = 7
	plainBit   = 1 << 6
	failedBit  = 1 << 3
	sameBit    = 1 << 4
)

// classes by their stored number: append only.
func classes() [14]probe.Class {
	return [...]probe.Class{
		probe.ClassNone, probe.ClassDNS, probe.ClassConnect, probe.ClassTLS, probe.ClassTimeout,
		probe.ClassProtocol, probe.ClassRedirect, probe.ClassBody, probe.ClassAuth, probe.ClassRequest,
		probe.ClassAssertion, probe.ClassContract, probe.ClassCapture, probe.ClassInternal,
	}
}

const otherClass = 255 // its text follows

func (s *stream) append(dst []byte, r *checks.Result) []byte {
	attempts := clipAttempts(r.Attempts)
	plain := isPlain(r, attempts)
	head := byte(r.Status)&statusBits | byte(r.State)&statusBits<<3
	if plain {
		head |= plainBit
	}
	dst = append(dst, head)
	dst = binary.AppendUvarint(dst, zigzag(int64(r.Run-s.run)))
	s.run = r.Run
	if plain {
		return appendMeasures(dst, &attempts[0])
	}
	dst = binary.AppendUvarint(dst, uint64(len(attempts)))
	for i := range attempts {
		dst = s.appendAttempt(dst, &attempts[i])
	}
	return dst
}

func isPlain(r *checks.Result, attempts []checks.Attempt) bool {
	if len(attempts) != 1 {
		return false
	}
	a := &attempts[0]
	return toMicros(a.Offset) == 0 && a.Status == r.Status && a.Class == probe.ClassNone && a.Reason == ""
}

func (s *stream) appendAttempt(dst []byte, a *checks.Attempt) []byte {
	head := byte(a.Status) & statusBits
	reason := clipText(a.Reason)
	failed := a.Class != probe.ClassNone || reason != ""
	same := reason == s.reason
	if failed {
		head |= failedBit
		if same {
			head |= sameBit
		}
	}
	dst = append(dst, head)
	dst = binary.AppendUvarint(dst, toMicros(a.Offset))
	dst = appendMeasures(dst, a)
	if !failed {
		return dst
	}
	dst = appendClass(dst, a.Class)
	if !same {
		dst = appendText(dst, reason)
		s.reason = strings.Clone(reason) // the caller's text may be a piece of a whole response
	}
	return dst
}

func appendMeasures(dst []byte, a *checks.Attempt) []byte {
	dst = binary.AppendUvarint(dst, zigzag(int64(a.Code)))
	dst = binary.AppendUvarint(dst, uint64(max(a.Size, 0)))
	p := &a.Phases
	dst = binary.AppendUvarint(dst, toMicros(p.DNS))
	dst = binary.AppendUvarint(dst, toMicros(p.Connect))
	dst = binary.AppendUvarint(dst, toMicros(p.TLS))
	dst = binary.AppendUvarint(dst, toMicros(p.TTFB))
	return binary.AppendUvarint(dst, toMicros(p.Transfer))
}

func appendClass(dst []byte, class probe.Class) []byte {
	for i, known := range classes() {
		if class == known {
			return append(dst, byte(i)) // #nosec G115 -- few classes
		}
	}
	return appendText(append(dst, otherClass), clipText(string(class)))
}

// read decodes one record into runs; nothing is added when r fails.
func (s *stream) read(r *reader, runs *Runs) *checks.Result {
	head := r.byte()
	run := s.run + checks.RunID(r.varint())
	n := 1
	plain := head&plainBit != 0
	if !plain {
		n = r.count(MaxAttempts)
	}
	if r.failed || n == 0 {
		r.fail()
		return nil
	}
	s.run = run
	status := checks.Status(head & statusBits)
	result := runs.add(checks.Result{Run: run, Status: status, State: checks.Status(head >> 3 & statusBits)}, n)
	if plain {
		result.Attempts[0] = checks.Attempt{Status: status}
		readMeasures(r, &result.Attempts[0])
	} else {
		for i := range result.Attempts {
			s.readAttempt(r, &result.Attempts[i])
		}
	}
	if r.failed {
		runs.Results = runs.Results[:len(runs.Results)-1]
		return nil
	}
	return result
}

func (s *stream) readAttempt(r *reader, a *checks.Attempt) {
	head := r.byte()
	*a = checks.Attempt{Status: checks.Status(head & statusBits), Offset: r.micros()}
	readMeasures(r, a)
	if head&failedBit == 0 {
		return
	}
	a.Class = readClass(r)
	if head&sameBit == 0 {
		s.reason = r.text()
	}
	a.Reason = s.reason
}

func readMeasures(r *reader, a *checks.Attempt) {
	a.Code = int(r.varint())
	a.Size = int64(r.uvarint() &^ (1 << 63)) // #nosec G115 -- the top bit is cleared
	a.Phases = probe.Phases{DNS: r.micros(), Connect: r.micros(), TLS: r.micros(), TTFB: r.micros(), Transfer: r.micros()}
}

func readClass(r *reader) probe.Class {
	number := r.byte()
	if number == otherClass {
		return probe.Class(r.text())
	}
	known := classes()
	if int(number) >= len(known) {
		r.fail()
		return probe.ClassNone
	}
	return known[number]
}
