package metrics

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/units"
)

// spaceEvery is how often the disk is looked at.
const spaceEvery = 5 * time.Second

// reserve is what metrics leave of a disk to everybody else. It also keeps the
// write-ahead log from ending in the middle of a record: a full disk is seen
// before it is one.
const reserve = 32 * units.MiB

// space is whether there is room on the disk.
type space struct {
	free   func(dir string) (bytes uint64, known bool)
	full   atomic.Bool
	failed atomic.Bool // since a commit succeeded
}

// watchSpace looks at the disk.
func (db *DB) watchSpace() {
	free, known := db.space.free(db.dir)
	switch {
	case known && free < uint64(reserve):
		if !db.space.full.Swap(true) {
			db.log.Error("The disk is full: metrics are not stored until there is room", "folder", db.dir, "free", units.Size(free).String()) // #nosec G115 -- below reserve
		}
		db.notices.Raise(health.Notice{
			Code: noticeDisk, Severity: health.Failing, Title: "Metrics are not stored: the disk is full",
			Text: fmt.Sprintf("Less than %s are free in %s. Nothing else is affected; make room, or lower metrics.retention or metrics.max_size.", reserve, db.dir),
		})
	case db.space.full.Swap(false):
		db.log.Info("There is room on the disk again: metrics are stored", "folder", db.dir)
		if !db.space.failed.Load() {
			db.notices.Clear(noticeDisk)
		}
	}
}

// writeFailed tells of samples that could not be written.
func (db *DB) writeFailed(err error) {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		db.space.full.Store(true)
	}
	if !db.space.failed.Swap(true) {
		db.log.Error("Metrics could not be written", "folder", db.dir, "error", err)
	}
	db.notices.Raise(health.Notice{
		Code: noticeDisk, Severity: health.Failing, Title: "Metrics could not be written",
		Text: fmt.Sprintf("%v. Nothing else is affected.", err),
	})
}

// writeSucceeded takes the news back.
func (db *DB) writeSucceeded() {
	if db.space.failed.Load() && db.space.failed.Swap(false) {
		db.log.Info("Metrics are written again", "folder", db.dir)
		db.notices.Clear(noticeDisk)
	}
}
