package tail

import (
	"sync/atomic"
	"time"
)

// Stats are what a Tail has done. They may be read at any time.
type Stats struct {
	lines, bytes, cut, truncations atomic.Uint64
	behind, files, rate            atomic.Int64

	beaten time.Time // of Run
	seen   uint64
}

// Lines is how many lines were handed on.
func (s *Stats) Lines() uint64 { return s.lines.Load() }

// Bytes is how many bytes were read, decompressed.
func (s *Stats) Bytes() uint64 { return s.bytes.Load() }

// Cut is how many lines were longer than the bound.
func (s *Stats) Cut() uint64 { return s.cut.Load() }

// Truncations is how often a file was found truncated.
func (s *Stats) Truncations() uint64 { return s.truncations.Load() }

// Behind is how many bytes were still to be read a second ago.
func (s *Stats) Behind() int64 { return s.behind.Load() }

// Files is how many files are open.
func (s *Stats) Files() int64 { return s.files.Load() }

// Rate is how many lines were handed on in the last second.
func (s *Stats) Rate() int64 { return s.rate.Load() }

// beat is what happens once a second.
func (t *Tail) beat() {
	now := time.Now()
	lines := t.lines.Load()
	if passed := now.Sub(t.beaten).Seconds(); !t.beaten.IsZero() && passed > 0 {
		t.rate.Store(int64(float64(lines-t.seen) / passed))
	}
	t.beaten, t.seen = now, lines
	var behind, files int64
	t.each(func(f *file) {
		if f.f != nil {
			files++
			behind += f.behind()
		}
	})
	t.behind.Store(behind)
	t.files.Store(files)
}
