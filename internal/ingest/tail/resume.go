package tail

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"
)

// candidate is a file at the start, which may be one that was read before.
type candidate struct {
	found
	log  string // the path that is or was written to
	live bool
	head []byte
	dark bool      // it cannot be read
	p    *Position // what is known of it; nil: nothing
}

// start begins the files that are there when the Tail starts.
func (t *Tail) start(stored []Position) {
	if !isPattern(t.o.Path) {
		t.watch.add(t.o.Path)
	}
	for _, p := range stored {
		t.ids = max(t.ids, p.ID)
	}
	t.scanned = time.Now()
	t.began = t.scanned
	var all []*candidate
	for _, m := range t.matches() {
		for _, r := range rotated(m.path) {
			all = append(all, &candidate{found: r, log: m.path})
		}
		all = append(all, &candidate{found: m, log: m.path, live: true})
	}
	if !isPattern(t.o.Path) && len(all) == 0 { // it may come again
		for _, r := range rotated(t.o.Path) {
			all = append(all, &candidate{found: r, log: t.o.Path})
		}
	}
	ranges := recognize(all, stored)
	var last time.Time // when somebody looked
	for _, p := range stored {
		if p.At.After(last) {
			last = p.At
		}
	}
	for _, c := range all {
		switch {
		case c.live:
			t.startLive(c, len(stored) == 0)
		case c.p != nil && c.p.Done:
			t.keep(*c.p)
		case c.p != nil:
			t.startOld(c, c.p.Offset, c.p, false)
		case len(stored) == 0 && t.o.Backfill:
			t.startOld(c, 0, nil, true)
		case len(stored) > 0 && c.info.ModTime().After(last): // it came and went in between
			t.startOld(c, 0, nil, false)
		}
	}
	for c, p := range ranges {
		t.startRange(c, p)
	}
	known := map[int64]bool{}
	t.each(func(f *file) { known[f.id] = true })
	for _, p := range t.denied {
		known[p.ID] = true
	}
	for _, p := range stored { // its file is not there any more
		if !known[p.ID] {
			t.gone = append(t.gone, p.ID)
		}
	}
}

// recognize finds the files that were read before: by their place on the disk if
// they still begin alike, and by their beginning alone if they were copied or
// compressed. It returns the parts of files that are left of a backfill.
func recognize(all []*candidate, stored []Position) map[*candidate]*Position {
	for _, c := range all {
		f, err := openFile(c.path, 0)
		if c.dark = err != nil; !c.dark {
			c.head = headOf(f)
			f.close()
		}
	}
	ranges := map[*candidate]*Position{}
	for _, byContent := range []bool{false, true} {
		for i := range stored {
			p := &stored[i]
			if slices.ContainsFunc(all, func(c *candidate) bool { return c.p == p || ranges[c] == p }) {
				continue
			}
			for _, c := range all {
				if p.End == 0 && c.p != nil || p.End > 0 && ranges[c] != nil || !c.is(p, byContent) {
					continue
				}
				if p.End > 0 {
					ranges[c] = p
				} else {
					c.p = p
				}
				break
			}
		}
	}
	return ranges
}

// is reports whether a candidate is the file of a position.
func (c *candidate) is(p *Position, byContent bool) bool {
	if !isGzip(c.path) && c.info.Size() < p.Offset || !c.dark && !p.begins(c.head) {
		return false
	}
	if byContent {
		return p.HeadSize >= telling && !c.dark
	}
	device, inode, _ := identify(c.info)
	return inode != 0 && device == p.Device && inode == p.Inode && !isGzip(c.path)
}

// startLive begins a file that is written to. The first time of all it is read
// from its end, and what is before that is for the backlog.
func (t *Tail) startLive(c *candidate, first bool) {
	at := int64(0)
	if c.p != nil {
		at = c.p.Offset
	}
	f, err := openFile(c.path, at)
	if err != nil {
		t.deny(c.path, err, c.p)
		return
	}
	t.tell(c.path, nil)
	if first {
		if err := f.jump(lastLine(f)); err != nil {
			t.tell(c.path, err)
			f.close()
			return
		}
		if t.o.Backfill && f.read > 0 {
			t.startOld(c, 0, &Position{End: f.read}, true)
		}
	}
	t.place(f, c.log, c.p)
	t.live[c.path] = f
	t.watch.add(c.path)
}

// startOld begins a file that is only read to its end: in its turn, or as a part of
// the backlog.
func (t *Tail) startOld(c *candidate, at int64, p *Position, backlog bool) {
	f, err := openFile(c.path, at)
	if err != nil {
		t.tell(c.path, err)
		t.log.Warn("a rotated log cannot be read", "file", c.path, "error", err)
		return
	}
	if p != nil {
		f.end = p.End
	}
	t.place(f, c.log, p)
	if backlog {
		if f.end == 0 && f.gz == nil {
			f.end = max(f.info.Size(), 1)
		}
		t.backlog = append(t.backlog, f)
		return
	}
	f.leaving = true
	t.leaving = append(t.leaving, f)
}

// startRange goes on with the backlog of an earlier start.
func (t *Tail) startRange(c *candidate, p *Position) {
	if p.Done || p.Offset >= p.End {
		t.keep(*p)
		return
	}
	t.startOld(c, p.Offset, p, true)
}

// place gives a file its id, which it keeps.
func (t *Tail) place(f *file, log string, p *Position) {
	t.adopt(f, log)
	if p != nil && p.ID != 0 {
		t.ids--
		f.id = p.ID
	}
}

// keep remembers that a file was read to its end.
func (t *Tail) keep(p Position) { t.done[p.ID] = &file{id: p.ID, done: true} }

// lastLine is where the last line of a file begins that has no end yet; the size of
// a file that ends with a line.
func lastLine(f *file) int64 {
	size := f.info.Size()
	buffer := make([]byte, min(size, block))
	n, err := f.f.ReadAt(buffer, size-int64(len(buffer)))
	if err != nil && !errors.Is(err, io.EOF) {
		return size
	}
	if i := bytes.LastIndexByte(buffer[:n], '\n'); i >= 0 {
		return size - int64(n) + int64(i) + 1
	}
	if int64(n) == size {
		return 0
	}
	return size
}
