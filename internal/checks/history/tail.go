package history

import (
	"slices"

	"lapwing.dev/lapwing/internal/checks"
)

// Tail is the growing end of one check's history, in memory: its runs since
// they were last moved into chunks, in the order of their arrival. The zero
// value is empty. It is not safe for concurrent use.
type Tail struct {
	data   []byte
	runs   int
	stream stream
}

// Append adds a run. The tail keeps nothing of what r points to.
func (t *Tail) Append(r *checks.Result) {
	t.data = t.stream.append(t.data, r)
	t.runs++
}

// Len is the number of runs.
func (t *Tail) Len() int { return t.runs }

// Size is the number of bytes that the tail holds.
func (t *Tail) Size() int { return cap(t.data) }

// Reset empties the tail. A usual buffer is kept for the next runs, a large one
// is given back.
func (t *Tail) Reset() {
	const usual = 4 << 10
	data := t.data[:0]
	if cap(data) > usual {
		data = nil
	}
	*t = Tail{data: data}
}

// Snapshot returns the encoded runs as they are now, for AppendTail. The caller owns them.
func (t *Tail) Snapshot() []byte { return slices.Clone(t.data) }

// AppendTail decodes what Snapshot returned. On error runs holds what came before the damage.
func (r *Runs) AppendTail(snapshot []byte) error {
	in := reader{data: snapshot}
	var s stream
	for len(in.data) > 0 {
		s.read(&in, r)
	}
	return in.err()
}

// Decode appends the tail's runs to runs.
func (t *Tail) Decode(runs *Runs) error { return runs.AppendTail(t.data) }
