package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/tsdb"

	"lapwing.dev/lapwing/internal/health"
)

// open opens the TSDB. It repairs the end of a write-ahead log by itself; blocks
// that cannot be read, or a store that cannot be read at all, are set aside: broken
// metrics must not keep a monitor from watching.
func (db *DB) open() error {
	begin := time.Now()
	aside := db.dir + begin.UTC().Format(".broken-20060102T150405")
	// The TSDB would refuse to open with a block that is broken, and leave some of
	// itself running.
	blocks, cause, err := db.setBlocksAside(aside)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d blocks of two hours and more", blocks)
	if db.tsdb, err = db.try(); err != nil {
		if !broken(err) {
			return err
		}
		cause, what = err, "all that was stored"
		if err := db.setAllAside(aside); err != nil {
			return errors.Join(cause, err)
		}
		if db.tsdb, err = db.try(); err != nil {
			return err
		}
	}
	if cause != nil {
		db.log.Error("Stored metrics cannot be read and were set aside", "error", cause, "what", what, "folder", aside)
		db.notices.Raise(health.Notice{
			Code: noticeLost, Severity: health.Failing, Title: "Stored metrics cannot be read",
			Text: fmt.Sprintf("%v. Lapwing goes on without %s, which is in %s now. If nobody can repair it, remove that folder. The notice goes with the next start.", cause, what, aside),
		})
	}
	db.guard.ready.Store(true)
	db.tellRepairs()
	db.log.Info("Metrics are open", "folder", db.dir, "series", db.tsdb.Head().NumSeries(), "blocks", len(db.tsdb.Blocks()), "took", time.Since(begin).String())
	return nil
}

func (db *DB) try() (*tsdb.DB, error) {
	db.inner = prometheus.NewRegistry() // one that failed has left its metrics in the other
	return tsdb.Open(db.dir, slog.New(quieter{db.log.With("engine", "tsdb").Handler()}), db.inner, db.options(), nil)
}

func (db *DB) setAllAside(aside string) error {
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	if err := os.Rename(db.dir, filepath.Join(aside, "metrics")); err != nil {
		return err
	}
	return os.MkdirAll(db.dir, 0o700)
}

// setBlocksAside moves the blocks that cannot be opened; it returns how many
// there were, and what is wrong with one of them.
func (db *DB) setBlocksAside(aside string) (moved int, cause, err error) {
	entries, err := os.ReadDir(db.dir)
	if err != nil {
		return 0, nil, err
	}
	for _, entry := range entries {
		if _, err := ulid.ParseStrict(entry.Name()); err != nil || !entry.IsDir() {
			continue
		}
		path := filepath.Join(db.dir, entry.Name())
		wrong := db.readable(path)
		switch {
		case wrong == nil:
			continue
		case !broken(wrong):
			return moved, nil, wrong
		}
		if err := os.MkdirAll(aside, 0o700); err != nil {
			return moved, nil, err
		}
		if err := os.Rename(path, filepath.Join(aside, entry.Name())); err != nil {
			return moved, nil, err
		}
		moved, cause = moved+1, wrong
	}
	return moved, cause, nil
}

// readable says what is wrong with a block.
func (db *DB) readable(path string) error {
	block, err := tsdb.OpenBlock(db.log, path, nil, nil)
	if err != nil {
		return err
	}
	return block.Close()
}

// broken reports whether an error is about what is on disk, and not about the
// disk: permissions, space or too many open files pass.
func broken(err error) bool {
	for _, passing := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EFBIG} {
		if errors.Is(err, passing) {
			return false
		}
	}
	return true
}

// What the TSDB counts while it opens, and what it means for people.
var repairs = []struct{ counter, text string }{
	{"prometheus_tsdb_wal_corruptions_total", "the write-ahead log ended in the middle of a record and was cut there"},
	{"prometheus_tsdb_mmap_chunk_corruptions_total", "chunks of the last hours were damaged, and were made again from the write-ahead log"},
}

// tellRepairs tells what was put in order.
func (db *DB) tellRepairs() {
	families, err := db.inner.Gather()
	if err != nil {
		return // what could be gathered of metrics is no reason to keep the store closed
	}
	var texts []string
	for _, repair := range repairs {
		if total(families, repair.counter) > 0 {
			texts = append(texts, repair.text)
		}
	}
	if len(texts) == 0 {
		return
	}
	text := strings.Join(texts, "; ")
	db.log.Warn("Stored metrics were repaired", "folder", db.dir, "what", text)
	db.notices.Raise(health.Notice{
		Code: noticeRepair, Severity: health.Warning, Title: "Stored metrics were repaired",
		Text: "At the start, " + text + ": the machine or the server ended while it was writing. What was acknowledged is there, unless the machine itself went down. The notice goes with the next start.",
	})
}

// total is the sum of a counter or gauge over its series.
func total(families []*dto.MetricFamily, name string) (sum float64) {
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}
