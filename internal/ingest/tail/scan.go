package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// isPattern reports whether a path has signs of a pattern in it.
func isPattern(path string) bool { return strings.ContainsAny(path, "*?[") }

// matches lists the files to be read now, and what is wrong with those that
// cannot be.
func (t *Tail) matches() []found {
	if !isPattern(t.o.Path) {
		return t.look(nil, t.o.Path)
	}
	paths, err := filepath.Glob(t.o.Path)
	if err != nil {
		t.tell(t.o.Path, err)
		return nil
	}
	// What was put away is read as a part of the log that it was.
	paths = slices.DeleteFunc(paths, func(path string) bool {
		return isGzip(path) || slices.ContainsFunc(paths, func(other string) bool {
			return filepath.Dir(other) == filepath.Dir(path) && isRotated(filepath.Base(path), filepath.Base(other))
		})
	})
	if len(paths) == 0 {
		t.tell(t.o.Path, fmt.Errorf("no file matches the pattern: %w", fs.ErrNotExist))
		return nil
	}
	t.tell(t.o.Path, nil)
	if len(paths) > maxFiles {
		t.tell(t.o.Path, fmt.Errorf("the pattern matches %d files; the first %d are read", len(paths), maxFiles))
		paths = paths[:maxFiles]
	}
	var list []found
	for _, path := range paths {
		list = t.look(list, path)
	}
	return list
}

func (t *Tail) look(list []found, path string) []found {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isPattern(t.o.Path): // it has just gone
	case errors.Is(err, fs.ErrNotExist) && t.following(path): // between two files
	case err != nil:
		t.deny(path, err, nil)
	case !info.Mode().IsRegular():
		t.tell(path, errNotRegular)
	default:
		return append(list, found{path, info})
	}
	return list
}

// following reports whether a file of a path is being read, or was a moment ago.
func (t *Tail) following(path string) bool {
	return t.live[path] != nil || slices.ContainsFunc(t.leaving, func(f *file) bool {
		return f.log == path && time.Since(f.grown) < grace
	})
}

// deny tells of a file that cannot be read. Once it can be, it is read from where
// it would have been.
func (t *Tail) deny(path string, err error, p *Position) {
	if !errors.Is(err, fs.ErrNotExist) && t.denied[path] == nil && len(t.denied) < maxFiles && (p != nil || !t.started) {
		if p == nil {
			p = &Position{Offset: -1}
		}
		t.denied[path] = p
	}
	t.tell(path, err)
}

// scan looks which files are there now: new ones are begun, and those that are not
// in their place any more are read to their end.
func (t *Tail) scan() {
	now := time.Now()
	if isPattern(t.o.Path) && time.Since(t.scanned) < scanEvery && t.intact() {
		return
	}
	t.scanned = time.Now()
	present := map[string]bool{}
	for _, m := range t.matches() {
		present[m.path] = true
		f := t.live[m.path]
		if f != nil && same(f, m.info) {
			t.seenAt[m.path] = now
			continue
		}
		if f != nil {
			t.leave(f)
		}
		t.begin(m)
		if f := t.live[m.path]; f != nil {
			// It may be another one than was there a moment ago.
			t.between(f, m.path)
			t.seenAt[m.path] = now
		}
	}
	for path, f := range t.live {
		if !present[path] {
			t.leave(f)
		}
	}
	if len(t.seenAt) > 4*maxFiles { // names with dates in them
		clear(t.seenAt)
		t.began = now
	}
}

// intact reports whether every live file is still in its place; a pattern need
// not be looked at anew then.
func (t *Tail) intact() bool {
	for path, f := range t.live {
		info, err := os.Stat(path)
		if err != nil || !same(f, info) {
			return false
		}
	}
	return len(t.live) > 0
}

func same(f *file, info fs.FileInfo) bool { return os.SameFile(f.info, info) }

// leave notes that a file was put away. It is read on for as long as somebody
// writes to it.
func (t *Tail) leave(f *file) {
	delete(t.live, f.log)
	f.leaving, f.grown = true, time.Now()
	t.leaving = append(t.leaving, f)
	for _, r := range rotated(f.log) { // for people, and for a restart
		if same(f, r.info) {
			f.path, f.changed = r.path, true
		}
	}
}

// begin reads a file that is new in its place.
func (t *Tail) begin(m found) {
	if f := t.byIdentity(m.info); f != nil && f.end == 0 { // it only has another name
		t.rename(f, m.path)
		return
	}
	f, err := openFile(m.path, 0)
	if err != nil {
		t.deny(m.path, err, nil)
		return
	}
	known, at := t.denied[m.path], t.copied(f)
	switch {
	case known == nil:
	case known.Offset < 0 && !t.o.Backfill:
		at = lastLine(f)
	case known.Offset > 0 && known.begins(headOf(f)) && known.Offset <= f.info.Size():
		at = known.Offset
	}
	if err := f.jump(at); err != nil {
		t.tell(m.path, err)
		f.close()
		return
	}
	delete(t.denied, m.path)
	t.tell(m.path, nil)
	t.adopt(f, m.path)
	t.live[m.path] = f
	t.watch.add(m.path)
}

// slack is by how much the time of a file may be before that of a clock.
const slack = 50 * time.Millisecond

// between begins the files that were in a place and put away again since a file
// was seen there.
func (t *Tail) between(live *file, path string) {
	since, ok := t.seenAt[path]
	if !ok {
		since = t.began
	}
	for _, r := range rotated(path) {
		if !r.info.ModTime().After(since.Add(-slack)) || same(live, r.info) || t.byIdentity(r.info) != nil {
			continue
		}
		f, err := openFile(r.path, 0)
		if err != nil {
			continue // it is being written, or was removed already
		}
		if t.begunLike(headOf(f)) {
			f.close()
			continue
		}
		if f.gz != nil { // from its beginning again
			f.close()
			if f, err = openFile(r.path, 0); err != nil {
				continue
			}
		}
		t.adopt(f, path)
		f.leaving = true
		t.leaving = append(t.leaving, f)
	}
}

// begunLike reports whether a file that begins so was or is read.
func (t *Tail) begunLike(head []byte) (found bool) {
	t.each(func(f *file) {
		n := len(f.head)
		found = found || n > 0 && len(head) >= n && string(head[:n]) == string(f.head)
	})
	return found
}

// rename gives a file that is read already another place.
func (t *Tail) rename(f *file, path string) {
	delete(t.live, f.log)
	t.leaving = slices.DeleteFunc(t.leaving, func(other *file) bool { return other == f })
	f.path, f.log, f.leaving, f.changed = path, path, false, true
	t.live[path] = f
}

// byIdentity finds a file that is open.
func (t *Tail) byIdentity(info fs.FileInfo) (match *file) {
	t.each(func(f *file) {
		if f.f != nil && f.end == 0 && same(f, info) {
			match = f
		}
	})
	return match
}

// copied returns how much of a new file was read already, in the file of which
// it is a copy.
func (t *Tail) copied(f *file) (at int64) {
	if !isPattern(t.o.Path) {
		return 0
	}
	head := headOf(f)
	t.each(func(other *file) {
		if len(other.head) >= 4*telling && other.end == 0 && len(head) >= len(other.head) && string(head[:len(other.head)]) == string(other.head) && other.taken() <= f.info.Size() {
			at = max(at, other.taken())
		}
	})
	return at
}

// headOf reads the first bytes of a file that is at its beginning.
func headOf(f *file) []byte {
	head := make([]byte, headSize)
	n := 0
	if f.gz != nil {
		for n < len(head) {
			m, err := f.gz.Read(head[n:])
			n += m
			if err != nil {
				break
			}
		}
		return head[:n]
	}
	n, _ = f.f.ReadAt(head, 0)
	return head[:n]
}
