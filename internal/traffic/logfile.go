package traffic

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// logFile is the file of the access log and those that it was rotated to. It
// belongs to one goroutine.
type logFile struct {
	log  *slog.Logger
	file *os.File // nil: not open
	path string
	info os.FileInfo
	size int64
	day  string

	tidying sync.WaitGroup
	stop    context.CancelFunc // of tidying; nil: it never began
}

// write appends lines, whole or not at all. It opens the file if it must: for the
// first time, after leave, and when another program has moved it away.
func (f *logFile) write(ctx context.Context, s *logSettings, lines []byte) error {
	if f.file != nil && (f.path != s.path || f.moved()) {
		f.leave()
	}
	if f.file == nil {
		if err := f.open(s.path); err != nil {
			return err
		}
		f.tidy(ctx, s)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	if f.size > 0 && (f.size+int64(len(lines)) > s.maxSize || s.daily && f.day != today) {
		if err := f.rotate(); err != nil {
			return err
		}
		f.tidy(ctx, s)
	}
	f.day = today
	n, err := f.file.Write(lines)
	if err != nil {
		// Half a line would make the next one unreadable, too.
		if cut := f.file.Truncate(f.size); cut != nil {
			f.leave()
			return errors.Join(err, cut)
		}
		return err
	}
	f.size += int64(n)
	return nil
}

func (f *logFile) open(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	f.file, f.path, f.info, f.size = file, path, info, info.Size()
	f.day = info.ModTime().UTC().Format(time.DateOnly)
	return nil
}

// moved reports whether the path leads to another file now, as after logrotate.
func (f *logFile) moved() bool {
	info, err := os.Stat(f.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, f.info)
}

// leave closes the file; the next write opens it again.
func (f *logFile) leave() {
	if f.file == nil {
		return
	}
	if err := f.file.Close(); err != nil {
		f.log.Warn("the access log was not closed cleanly", "error", err)
	}
	f.file = nil
}

// rotate moves the file aside and begins another one.
func (f *logFile) rotate() error {
	path := f.path
	f.leave()
	aside := rotatedName(path, time.Now())
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.open(path)
}

// rotatedLayout is the time in the name of a rotated file: its order is that of
// time, and every file system takes it.
const rotatedLayout = "20060102T150405.000000Z"

// rotatedName is "access-20261123T180000.000000Z.log" for "access.log".
func rotatedName(path string, at time.Time) string {
	extension := filepath.Ext(path)
	return strings.TrimSuffix(path, extension) + "-" + at.UTC().Format(rotatedLayout) + extension
}

// rotatedFiles are those of path, oldest first.
func rotatedFiles(path string) ([]string, error) {
	folder, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return nil, err
	}
	extension := filepath.Ext(base)
	var found []string
	for _, e := range entries {
		stamp, ours := strings.CutPrefix(e.Name(), strings.TrimSuffix(base, extension)+"-")
		stamp, _ = strings.CutSuffix(stamp, ".gz")
		stamp, right := strings.CutSuffix(stamp, extension)
		if _, err := time.Parse(rotatedLayout, stamp); ours && right && err == nil && e.Type().IsRegular() {
			found = append(found, filepath.Join(folder, e.Name()))
		}
	}
	slices.Sort(found) // the time is what they differ in
	return found, nil
}

// tidy removes rotated files that are too many and compresses the others, beside
// the writing. One tidying ends before the next begins.
func (f *logFile) tidy(ctx context.Context, s *logSettings) {
	if f.stop != nil {
		f.stop()
		f.tidying.Wait()
	}
	var tidying context.Context
	tidying, f.stop = context.WithCancel(ctx)
	path := s.path
	f.tidying.Go(func() {
		if err := tidyFiles(tidying, path, s); err != nil && tidying.Err() == nil {
			f.log.Warn("rotated files of the access log could not be tidied", "error", err)
		}
	})
}

func tidyFiles(ctx context.Context, path string, s *logSettings) error {
	files, err := rotatedFiles(path)
	if err != nil {
		return err
	}
	for len(files) > s.keep {
		if err := os.Remove(files[0]); err != nil {
			return err
		}
		files = files[1:]
	}
	for _, file := range files {
		if !s.compress || strings.HasSuffix(file, ".gz") {
			continue
		}
		if err := compress(ctx, file); err != nil {
			return fmt.Errorf("compress %s: %w", file, err)
		}
	}
	return nil
}

// close ends everything that the file began.
func (f *logFile) close() {
	f.leave()
	if f.stop != nil {
		f.stop()
		f.tidying.Wait()
	}
}
