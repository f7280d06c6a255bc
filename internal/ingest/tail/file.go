package tail

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"time"
)

// Sizes of what is read at a time.
const (
	block        = 64 << 10
	backlogBlock = 256 << 10
)

// Lines takes the lines of one file, in order.
type Lines interface {
	// Line takes a line, without its end. It never changes. cut says that it was
	// longer than Options.MaxLine, of which this is the beginning.
	Line(line string, cut bool)
}

// file is one file that is being read.
type file struct {
	id   int64
	path string // where it was seen last
	log  string // the path that it belongs to: another one when it was put away
	f    *os.File
	gz   *gzip.Reader // nil: it is not compressed
	info os.FileInfo  // of when it was looked at last

	device, inode uint64

	head  []byte // its first bytes, as far as they were read
	read  int64  // bytes of its text that were read
	rest  []byte // of these, the begun line at the end
	skip  bool   // the present line is too long; its rest is left out
	end   int64  // where to stop; 0: at the end of the file
	lines Lines
	most  int // bytes of a line

	leaving bool      // it was put away: it will end
	done    bool      // nothing comes any more
	grown   time.Time // when it was seen to grow last
	changed bool      // since its position was saved
}

// taken is the offset up to which lines were handed on.
func (f *file) taken() int64 { return f.read - int64(len(f.rest)) }

func (f *file) position(now time.Time) Position {
	return Position{
		ID: f.id, Path: f.path, Device: f.device, Inode: f.inode, Head: hashOf(f.head), HeadSize: len(f.head),
		Offset: f.taken(), End: f.end, Done: f.done, At: now,
	}
}

// openFile opens a file at an offset of its text. What is not a regular file is
// refused: a pipe would be emptied of what somebody else wants to read.
func openFile(path string, offset int64) (*file, error) {
	opened, err := open(path)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, f: opened}
	if err := f.seek(offset); err != nil {
		_ = opened.Close()
		return nil, err
	}
	return f, nil
}

var errNotRegular = errors.New("it is no ordinary file, but a folder, a pipe or a device")

func (f *file) seek(offset int64) (err error) {
	if f.info, err = f.f.Stat(); err != nil {
		return err
	}
	if !f.info.Mode().IsRegular() {
		return errNotRegular
	}
	f.device, f.inode, _ = identify(f.info)
	if isGzip(f.path) {
		if f.gz, err = gzip.NewReader(f.f); err != nil {
			return err
		}
		head := make([]byte, min(headSize, offset))
		if _, err := io.ReadFull(f.gz, head); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, f.gz, offset-int64(len(head))); err != nil {
			return err
		}
		f.head, f.read = head, offset
		return nil
	}
	return f.jump(offset)
}

// jump goes on at another offset of an uncompressed file.
func (f *file) jump(offset int64) error {
	f.head = make([]byte, min(headSize, offset))
	if n, err := f.f.ReadAt(f.head, 0); n < len(f.head) {
		return err
	}
	f.read, f.rest, f.skip = offset, nil, false
	if offset > 0 { // in the middle of a line only if that was too long to be taken
		var before [1]byte
		if _, err := f.f.ReadAt(before[:], offset-1); err != nil {
			return err
		}
		f.skip = before[0] != '\n'
	}
	return nil
}

func (f *file) close() {
	if f.f != nil {
		_ = f.f.Close() // it was only read
		f.f = nil
	}
}

// step reads the next block and hands its lines on. It returns how many bytes
// it read; 0 without an error is the present end.
func (f *file) step(buffer []byte) (int, error) {
	if f.end > 0 {
		buffer = buffer[:min(int64(len(buffer)), max(f.end-f.read, 0))]
	}
	if len(buffer) == 0 {
		return 0, io.EOF
	}
	n, err := 0, error(nil)
	if f.gz != nil {
		n, err = io.ReadFull(f.gz, buffer)
		if errors.Is(err, io.ErrUnexpectedEOF) && n > 0 { // the next read tells whether it was the end
			err = nil
		}
	} else {
		n, err = f.f.ReadAt(buffer, f.read)
		if errors.Is(err, io.EOF) && n > 0 {
			err = nil
		}
	}
	if n == 0 {
		return 0, err
	}
	text := buffer[:n]
	if missing := headSize - len(f.head); missing > 0 && f.read == int64(len(f.head)) {
		f.head = append(f.head, text[:min(missing, n)]...)
	}
	f.read += int64(n)
	f.changed = true
	f.split(text)
	return n, err
}

// split hands on the lines that end in text, and keeps what is begun.
func (f *file) split(text []byte) {
	if f.skip {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return
		}
		f.skip, text = false, text[i+1:]
	}
	last := bytes.LastIndexByte(text, '\n')
	if last < 0 {
		f.begun(text)
		return
	}
	// One copy for all lines: they may be kept, and the buffer is used again.
	all := string(text[:last+1])
	if len(f.rest) > 0 {
		all = string(append(f.rest, text[:last+1]...))
		f.rest = nil
	}
	for len(all) > 0 {
		i := strings.IndexByte(all, '\n')
		f.line(all[:i])
		all = all[i+1:]
	}
	f.begun(text[last+1:])
}

// begun keeps the beginning of a line. One that is too long is handed on as far
// as it goes, and the rest of it left out.
func (f *file) begun(text []byte) {
	if len(f.rest)+len(text) > f.most {
		f.rest = append(f.rest, text[:f.most-len(f.rest)]...)
		f.lines.Line(string(f.rest), true)
		f.rest, f.skip = nil, true
		return
	}
	if len(text) > 0 {
		f.rest = append(f.rest, text...)
	}
}

func (f *file) line(line string) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	switch {
	case line == "":
	case len(line) > f.most:
		f.lines.Line(line[:f.most], true)
	default:
		f.lines.Line(line, false)
	}
}

// finish hands on what is left: a last line without an end.
func (f *file) finish() {
	if len(f.rest) > 0 {
		rest := f.rest
		f.rest = nil
		f.line(string(rest))
	}
	f.done, f.changed = true, true
	f.close()
}

// replaced reports whether the file is another one than what was read of it:
// shorter, or with another beginning. Whoever truncates a file and writes more
// than was there is only found by that.
func (f *file) replaced(size int64) bool {
	if size < f.read {
		return true
	}
	var buffer [headSize]byte
	head := buffer[:len(f.head)]
	n, _ := f.f.ReadAt(head, 0)
	return !bytes.Equal(head[:n], f.head)
}

// behind is how many bytes of the file are still to be read.
func (f *file) behind() int64 {
	if f.f == nil {
		return 0
	}
	if f.gz != nil { // of the compressed ones
		at, err := f.f.Seek(0, io.SeekCurrent)
		if err != nil {
			return 0
		}
		return max(f.info.Size()-at, 0)
	}
	end := f.info.Size()
	if f.end > 0 {
		end = f.end
	}
	return max(end-f.read, 0)
}
