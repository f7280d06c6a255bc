package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/tsdb"

	"lapwing.dev/lapwing/internal/health"
)

// open opens the TSDB. It repairs the end of a write-ahead log by itself; a
// store that it cannot read at all is set aside: a broken store of metrics must
// not keep a monitor from watching.
func (db *DB) open() (err error) {
	begin := time.Now()
	if db.tsdb, err = db.try(); err != nil {
		if !broken(err) {
			return err
		}
		aside := db.dir + time.Now().UTC().Format(".broken-20060102T150405")
		if moved := os.Rename(db.dir, aside); moved != nil {
			return errors.Join(err, moved)
		}
		db.log.Error("Stored metrics cannot be read and were set aside", "error", err, "folder", aside)
		db.notices.Raise(health.Notice{
			Code: noticeLost, Severity: health.Failing, Title: "Stored metrics cannot be read",
			Text: fmt.Sprintf("%v. They were moved to %s, and metrics begin anew. If nobody can repair them, remove that folder; the notice goes with the next start.", err, aside),
		})
		if err := os.MkdirAll(db.dir, 0o700); err != nil {
			return err
		}
		if db.tsdb, err = db.try(); err != nil {
			return err
		}
	}
	db.guard.ready.Store(true)
	db.tellRepairs()
	db.log.Info("Metrics are open", "folder", db.dir, "series", db.tsdb.Head().NumSeries(), "blocks", len(db.tsdb.Blocks()), "took", time.Since(begin).String())
	return nil
}

func (db *DB) try() (*tsdb.DB, error) {
	return tsdb.Open(db.dir, db.log.With("engine", "tsdb"), db.inner, db.options(), nil)
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
