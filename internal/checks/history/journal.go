package history

import (
	"encoding/binary"

	"lapwing.dev/lapwing/internal/checks"
)

// A journal row is one batch: results of many checks, each after its check's
// key, then missed runs. A key is the store's number of a check.

// Entry is a result with its check's key.
type Entry struct {
	Key    uint64
	Result *checks.Result
}

// Missed is a count of missed runs with its check's key.
type Missed struct {
	Key   uint64
	AtMS  int64 // Unix time in milliseconds
	Count uint32
}

// AppendJournal appends a journal row to dst.
func AppendJournal(dst []byte, entries []Entry, missed []Missed) []byte {
	start := len(dst)
	dst = startBlob(dst)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	var s stream
	for _, e := range entries {
		dst = binary.AppendUvarint(dst, e.Key)
		dst = s.append(dst, e.Result)
	}
	for _, m := range missed {
		dst = binary.AppendUvarint(dst, m.Key)
		dst = binary.AppendUvarint(dst, zigzag(m.AtMS))
		dst = binary.AppendUvarint(dst, uint64(m.Count))
	}
	return finishBlob(dst, start)
}

// ReadJournal calls result and missed for what a journal row holds, in its
// order. The results have no check ID, and are valid only during the call.
func ReadJournal(data []byte, result func(Entry), miss func(Missed)) error {
	in, err := openBlob(data)
	if err != nil {
		return err
	}
	var s stream
	var runs Runs
	for left := in.count(len(in.data)); left > 0 && !in.failed; left-- {
		key := in.uvarint()
		runs.Results = runs.Results[:0]
		if r := s.read(&in, &runs); r != nil {
			result(Entry{key, r})
		}
	}
	for len(in.data) > 0 {
		m := Missed{Key: in.uvarint(), AtMS: in.varint(), Count: in.uint32()}
		if !in.failed {
			miss(m)
		}
	}
	return in.err()
}
