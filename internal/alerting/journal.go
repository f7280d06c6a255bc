package alerting

import (
	"context"
	"log/slog"
	"maps"
	"sync"

	"lapwing.dev/lapwing/internal/health"
)

// Kinds of blobs.
const (
	kindSilence = "silence"
	kindLog     = "nflog"
	kindSettled = "told"
)

// journal writes pieces of Alertmanager's state to the store. Whoever changes
// something notes it, which is quick and may happen under any lock, and then
// flushes: what all noted by then is written by one of them, together.
type journal struct {
	store  Store
	log    *slog.Logger
	health *health.Registry

	mu     sync.Mutex
	noted  map[blobKey]Blob
	number uint64 // of notes so far

	writing sync.Mutex
	written uint64 // notes that are on disk
}

type blobKey struct{ kind, key string }

const noticeJournal = "silences_not_stored"

// note remembers a piece for the next flush.
func (j *journal) note(b Blob) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.noted == nil {
		j.noted = map[blobKey]Blob{}
	}
	j.noted[blobKey{b.Kind, b.Key}] = b
	j.number++
}

// flush returns when everything that was noted before is on disk. What the disk
// refuses stays noted.
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	wanted := j.number
	j.mu.Unlock()
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.written >= wanted {
		return nil
	}
	j.mu.Lock()
	taken, upTo := j.noted, j.number
	j.noted = nil
	j.mu.Unlock()
	blobs := make([]Blob, 0, len(taken))
	for _, b := range taken {
		blobs = append(blobs, b)
	}
	if err := j.store.PutBlobs(context.WithoutCancel(ctx), blobs); err != nil {
		j.putBack(taken)
		j.log.Error("silences and what was told could not be stored: a restart would forget them", "error", err)
		raise(j.health, health.Notice{
			Code: noticeJournal, Severity: health.Failing, Title: "Silences are not stored",
			Text: "The data folder refuses silences and the log of what was told: they hold, but a restart forgets them. " + err.Error(),
		})
		return err
	}
	unraise(j.health, noticeJournal)
	j.written = upTo
	return nil
}

// putBack notes again what could not be written, unless it is noted anew.
func (j *journal) putBack(taken map[blobKey]Blob) {
	j.mu.Lock()
	defer j.mu.Unlock()
	maps.Copy(taken, j.noted)
	j.noted = taken
}
