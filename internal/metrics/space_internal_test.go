package metrics

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"lapwing.dev/lapwing/internal/health"
)

// The last bytes of a disk are left to those who need them more.
func TestMetricsStopBeforeTheDiskIsFull(t *testing.T) {
	notices := &health.Registry{}
	db, err := Open(t.TempDir(), Section{}, slog.New(slog.DiscardHandler), nil, notices)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	free := uint64(reserve)
	db.space.free = func(string) (uint64, bool) { return free, true }
	write := func() error {
		app := db.Appendable().Appender(t.Context())
		_, err := app.Append(0, labels.FromStrings("__name__", "a"), time.Now().UnixMilli(), 1)
		return errors.Join(err, app.Commit())
	}
	db.watchSpace()
	if err := write(); err != nil {
		t.Fatal(err)
	}

	free--
	db.watchSpace()
	err = write()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Reason != RefusedDisk {
		t.Errorf("on a full disk: %v", err)
	}
	if errors.Is(err, storage.ErrOutOfBounds) {
		t.Error("a sender is told that it is in vain to send it again")
	}
	if list := notices.List(); len(list) != 1 || list[0].Code != noticeDisk || list[0].Severity != health.Failing || !db.Stats().Full {
		t.Errorf("told: %+v", list)
	}

	free++
	db.watchSpace()
	if err := write(); err != nil {
		t.Error(err)
	}
	if list := notices.List(); len(list) != 0 || db.Stats().Full {
		t.Errorf("still told: %+v", list)
	}
}
