package history

import (
	"encoding/binary"
	"math"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// A chunk holds runs of one check column by column:
//
//	uvarint runs, uvarint attempts, dictionary of classes and reasons,
//	varint first start and first difference of starts in ms,
//	columns of the runs: change of that difference; status, state and number of attempts,
//	columns of all their attempts in order: status, offset, code, size,
//	dns, connect, tls, ttfb, transfer, class, reason

// Limits of one chunk.
const (
	MaxChunk         = 512 // runs
	MaxChunkAttempts = 4096
	MaxChunkSpan     = 24 * time.Hour // so that retention can remove whole chunks and be a day late at most
)

// Fit returns how many of the first results fit into one chunk; at least 1
// unless there are none.
func Fit(results []checks.Result) int {
	if len(results) == 0 {
		return 0
	}
	first, last := results[0].Run, results[0].Run
	attempts := 0
	for i := range results {
		first, last = min(first, results[i].Run), max(last, results[i].Run)
		attempts += min(len(results[i].Attempts), MaxAttempts)
		tooLong := uint64(last-first) > uint64(MaxChunkSpan.Milliseconds()) // #nosec G115 -- unsigned, so that no distance overflows
		if i > 0 && (i == MaxChunk || attempts > MaxChunkAttempts || tooLong) {
			return i
		}
	}
	return len(results)
}

// Encoder makes chunks. It keeps buffers for the next one; the zero value is
// ready to use, by one goroutine.
type Encoder struct {
	values []uint64
	all    []*checks.Attempt
	index  map[string]uint64
	words  []string
}

// AppendChunk appends a chunk of the results, which must Fit, to dst.
func (e *Encoder) AppendChunk(dst []byte, results []checks.Result) []byte {
	e.collect(results)
	start := len(dst)
	dst = startBlob(dst)
	dst = binary.AppendUvarint(dst, uint64(len(results)))
	dst = binary.AppendUvarint(dst, uint64(len(e.all)))
	dst = binary.AppendUvarint(dst, uint64(len(e.words)))
	for _, w := range e.words {
		dst = appendText(dst, w)
	}
	dst = e.appendStarts(dst, results)
	dst = e.column(dst, len(results), func(i int) uint64 {
		r := &results[i]
		n := min(len(r.Attempts), MaxAttempts)
		return uint64(r.Status&statusBits) | uint64(r.State&statusBits)<<3 | uint64(n)<<6 // #nosec G115 -- a count
	})
	for _, field := range attemptFields(e) {
		dst = e.column(dst, len(e.all), func(i int) uint64 { return field(e.all[i]) })
	}
	clear(e.all)
	return finishBlob(dst, start)
}

// collect gathers the attempts and their texts. Text 0 is the empty one.
func (e *Encoder) collect(results []checks.Result) {
	e.all, e.words = e.all[:0], e.words[:0]
	if e.index == nil {
		e.index = map[string]uint64{}
	}
	clear(e.index)
	for i := range results {
		attempts := clipAttempts(results[i].Attempts)
		for j := range attempts {
			a := &attempts[j]
			e.all = append(e.all, a)
			e.word(clipText(string(a.Class)))
			e.word(clipText(a.Reason))
		}
	}
}

func (e *Encoder) word(s string) uint64 {
	if s == "" {
		return 0
	}
	number, known := e.index[s]
	if !known {
		e.words = append(e.words, s)
		number = uint64(len(e.words))
		e.index[s] = number
	}
	return number
}

// attemptFields in the order of their columns.
func attemptFields(e *Encoder) [11]func(a *checks.Attempt) uint64 {
	return [...]func(a *checks.Attempt) uint64{
		func(a *checks.Attempt) uint64 { return uint64(a.Status & statusBits) },
		func(a *checks.Attempt) uint64 { return toMicros(a.Offset) },
		func(a *checks.Attempt) uint64 { return zigzag(int64(a.Code)) },
		func(a *checks.Attempt) uint64 { return uint64(max(a.Size, 0)) },
		func(a *checks.Attempt) uint64 { return toMicros(a.Phases.DNS) },
		func(a *checks.Attempt) uint64 { return toMicros(a.Phases.Connect) },
		func(a *checks.Attempt) uint64 { return toMicros(a.Phases.TLS) },
		func(a *checks.Attempt) uint64 { return toMicros(a.Phases.TTFB) },
		func(a *checks.Attempt) uint64 { return toMicros(a.Phases.Transfer) },
		func(a *checks.Attempt) uint64 { return e.word(clipText(string(a.Class))) },
		func(a *checks.Attempt) uint64 { return e.word(clipText(a.Reason)) },
	}
}

// appendStarts writes how much later each run started than the one before it
// did after its own: next to nothing for a check that keeps its interval.
func (e *Encoder) appendStarts(dst []byte, results []checks.Result) []byte {
	var first, step checks.RunID
	if len(results) > 0 {
		first = results[0].Run
	}
	if len(results) > 1 {
		step = results[1].Run - first
	}
	dst = binary.AppendUvarint(dst, zigzag(int64(first)))
	dst = binary.AppendUvarint(dst, zigzag(int64(step)))
	return e.column(dst, max(len(results)-1, 0), func(i int) uint64 {
		next := results[i+1].Run - results[i].Run
		change := next - step
		step = next
		return zigzag(int64(change))
	})
}

func (e *Encoder) column(dst []byte, n int, value func(i int) uint64) []byte {
	e.values = e.values[:0]
	for i := range n {
		e.values = append(e.values, value(i))
	}
	return appendColumn(dst, e.values)
}

// AppendChunk decodes a chunk. On error nothing is added.
func (r *Runs) AppendChunk(data []byte) error {
	in, err := openBlob(data)
	if err != nil {
		return err
	}
	n, total := in.count(MaxChunk), in.count(MaxChunkAttempts)
	words := in.words(2 * total)
	values := make([]uint64, max(n, total))
	before := len(r.Results)
	in.starts(r, values[:n], total)
	rows := r.Results[before:]
	for _, set := range attemptSetters(words, &in) {
		in.column(values[:total])
		at := 0
		for i := range rows {
			for j := range rows[i].Attempts {
				set(&rows[i].Attempts[j], values[at])
				at++
			}
		}
	}
	if in.failed || len(in.data) > 0 {
		r.Results = r.Results[:before]
		return ErrDamaged
	}
	return nil
}

// words reads a dictionary; entry 0 is the empty text.
func (r *reader) words(most int) []string {
	n := r.count(min(most, len(r.data)))
	words := make([]string, 1, n+1)
	for range n {
		words = append(words, r.text())
	}
	return words
}

// starts reads the columns of the runs, and adds the runs with room for total attempts.
func (r *reader) starts(runs *Runs, values []uint64, total int) {
	run, step := r.varint(), r.varint()
	if len(values) == 0 {
		return
	}
	heads := make([]uint64, len(values))
	r.column(values[:len(values)-1])
	r.column(heads)
	if r.failed {
		return
	}
	for i, head := range heads {
		if i > 0 {
			step += unzigzag(values[i-1])
			run += step
		}
		attempts := head >> 6
		if attempts == 0 || attempts > uint64(min(total, MaxAttempts)) { // #nosec G115 -- not negative
			r.fail()
			return
		}
		total -= int(attempts) // #nosec G115 -- at most MaxAttempts
		runs.add(checks.Result{
			Run: checks.RunID(run), Status: checks.Status(head & statusBits), State: checks.Status(head >> 3 & statusBits),
		}, int(attempts)) // #nosec G115 -- at most MaxAttempts
	}
	if total != 0 {
		r.fail()
	}
}

// attemptSetters are the inverse of attemptFields.
func attemptSetters(words []string, in *reader) [11]func(a *checks.Attempt, v uint64) {
	micros := func(v uint64) time.Duration {
		if v > maxMicros {
			in.fail()
			return 0
		}
		return fromMicros(v)
	}
	word := func(v uint64) string {
		if v >= uint64(len(words)) {
			in.fail()
			return ""
		}
		return words[v]
	}
	return [...]func(a *checks.Attempt, v uint64){
		func(a *checks.Attempt, v uint64) { a.Status = checks.Status(v & statusBits) },
		func(a *checks.Attempt, v uint64) { a.Offset = micros(v) },
		func(a *checks.Attempt, v uint64) { a.Code = int(unzigzag(v)) },
		func(a *checks.Attempt, v uint64) { a.Size = int64(v & math.MaxInt64) }, // #nosec G115 -- the top bit is cleared
		func(a *checks.Attempt, v uint64) { a.Phases.DNS = micros(v) },
		func(a *checks.Attempt, v uint64) { a.Phases.Connect = micros(v) },
		func(a *checks.Attempt, v uint64) { a.Phases.TLS = micros(v) },
		func(a *checks.Attempt, v uint64) { a.Phases.TTFB = micros(v) },
		func(a *checks.Attempt, v uint64) { a.Phases.Transfer = micros(v) },
		func(a *checks.Attempt, v uint64) { a.Class = probe.Class(word(v)) },
		func(a *checks.Attempt, v uint64) { a.Reason = word(v) },
	}
}
