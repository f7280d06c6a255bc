package state

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/checks/history"
	"lapwing.dev/lapwing/internal/fault"
)

// CheckStore keeps the history of checks: it implements checks.Store.
//
// A batch costs one row in results_journal, and is durable with it. In memory
// the runs of each check grow a tail, and their counts a few hourly roll-ups.
// When the journal has grown enough, a checkpoint seals the checks some at a
// time: a tail goes into chunks, its counts into pages of roll-ups, and the
// check's row notes up to which journal row that was (sealed_seq). When all are
// sealed, the journal's rows are deleted. After a crash the journal is read
// again, except what its check has sealed; so at no moment is a run lost or
// counted twice.
//
//	Append ──► results_journal            (disk)
//	   └─────► tail, hours of each check  (memory) ──seal──► result_chunks, rollups, checks (disk)
type CheckStore struct {
	db      *DB
	log     *slog.Logger
	archive *history.Archive
	limits  limits

	// writing is held by whoever changes anything: it orders journal rows,
	// seals and their effects in memory. It guards the fields down to mu.
	writing sync.Mutex
	closed  bool
	seq     int64 // last row of the journal
	journal journal
	sealer  sealer
	names   map[int64]string // IDs of checks by key

	// mu is held for moments only: by writers while memory follows what the
	// disk has, by readers while they copy from memory and fix their view of
	// the disk. It is taken after writing.
	mu    sync.RWMutex
	known map[string]*known // by check ID; changed only with writing held as well
}

// limits say when the journal is sealed.
type limits struct {
	journal int           // bytes of journal rows
	age     time.Duration // of its first row
	checks  int           // sealed in one transaction
	runs    int           // sealed in one transaction, unless one check alone has more
}

func defaultLimits() limits {
	return limits{journal: 8 << 20, age: 15 * time.Minute, checks: 256, runs: 32 << 10}
}

// known is a check that has a row: what its row says, and what is newer.
type known struct {
	key       int64
	id        string
	life      checks.Life
	tail      history.Tail
	hours     []checks.Rollup // of what is not sealed, oldest first
	openChunk int64           // takes the next runs; 0 for a new one
	sealedSeq int64           // as its row has it
}

// unsealed reports whether a seal would change anything.
func (k *known) unsealed() bool { return k.tail.Len() > 0 || len(k.hours) > 0 }

// add counts a result that is in the journal. buffer is for its attempts.
func (k *known) add(r *checks.Result, buffer []checks.Attempt) []checks.Attempt {
	kept := history.Kept(r, buffer[:0])
	k.tail.Append(&kept)
	k.life.Apply(&kept)
	k.life.Since = k.life.Since.UTC()
	var hour *checks.Rollup
	k.hours, hour = history.Find(k.hours, checks.Hourly.Start(kept.At()))
	hour.Add(&kept)
	return kept.Attempts
}

// miss counts missed runs that are in the journal.
func (k *known) miss(at time.Time, count uint32) {
	var hour *checks.Rollup
	k.hours, hour = history.Find(k.hours, checks.Hourly.Start(at))
	hour.Missed += count
}

// Checks returns the store of check history, and reads what an earlier process
// left in the journal. History has one writer, so it takes the server's lock;
// the error is that of LockServer when another process has it. Every call
// returns the same store; Close of the database closes it.
func (db *DB) Checks(ctx context.Context) (*CheckStore, error) {
	if err := db.LockServer(); err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.checks != nil {
		return db.checks, nil
	}
	archive, err := history.NewArchive()
	if err != nil {
		return nil, err
	}
	s := &CheckStore{
		db: db, log: db.log.With("store", "checks"), archive: archive, limits: defaultLimits(),
		names: map[int64]string{}, known: map[string]*known{},
	}
	if err := s.load(ctx); err != nil {
		return nil, db.explain("read the history of checks", err)
	}
	db.checks = s
	return s, nil
}

// load reads the checks, then applies what the journal has beyond them.
func (s *CheckStore) load(ctx context.Context) error {
	byKey, err := s.loadChecks(ctx)
	if err != nil {
		return err
	}
	rows, err := s.db.read.QueryContext(ctx, `SELECT seq, data FROM results_journal ORDER BY seq`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var buffer []checks.Attempt
	var data sql.RawBytes
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq, &data); err != nil {
			return err
		}
		s.seq = max(s.seq, seq)
		s.journal.add(len(data))
		unsealed := func(key uint64) *known {
			k := byKey[int64(key)] // #nosec G115 -- as the row was written
			if k == nil || k.sealedSeq >= seq {
				return nil
			}
			return k
		}
		err := history.ReadJournal(data, func(e history.Entry) {
			if k := unsealed(e.Key); k != nil {
				buffer = k.add(e.Result, buffer)
			}
		}, func(m history.Missed) {
			if k := unsealed(m.Key); k != nil {
				k.miss(time.UnixMilli(m.AtMS), m.Count)
			}
		})
		if err != nil {
			s.log.Error("a row of the journal is unreadable; its results are lost", "row", seq, "error", err)
		}
	}
	return rows.Err()
}

func (s *CheckStore) loadChecks(ctx context.Context) (map[int64]*known, error) {
	const query = `SELECT key, id, state, since_ms, failures, successes, last_run, paused, paused_by, open_chunk, sealed_seq FROM checks`
	rows, err := s.db.read.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byKey := map[int64]*known{}
	for rows.Next() {
		var k known
		var since sql.NullInt64
		l := &k.life
		if err := rows.Scan(&k.key, &k.id, &l.State, &since, &l.Failures, &l.Successes, &l.LastRun, &l.Paused, &l.PausedBy,
			&k.openChunk, &k.sealedSeq); err != nil {
			return nil, err
		}
		if since.Valid {
			l.Since = time.UnixMilli(since.Int64).UTC()
		}
		s.seq = max(s.seq, k.sealedSeq)
		s.known[k.id], s.names[k.key], byKey[k.key] = &k, k.id, &k
	}
	return byKey, rows.Err()
}

// close seals everything. Without it nothing would be lost, but the next start
// would have the journal to read.
func (s *CheckStore) close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.closed = true
	ctx := context.Background() // closing is not given up
	if err := s.sealAll(ctx); err != nil {
		return err
	}
	return s.db.vacuum(ctx, 0, vacuumOnClose)
}

// begin takes the right to write.
func (s *CheckStore) begin() error {
	s.writing.Lock()
	if s.closed {
		s.writing.Unlock()
		return errClosed()
	}
	return nil
}

func errClosed() error { return fault.Unavailable("the history of checks is closed") }

// Lives implements checks.Store.
func (s *CheckStore) Lives(ctx context.Context) (map[string]checks.Life, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	lives := make(map[string]checks.Life, len(s.known))
	for id, k := range s.known {
		// A check that only missed runs has a row but no life yet.
		if k.life.LastRun != 0 || k.life.Paused || !k.life.Since.IsZero() {
			lives[id] = k.life
		}
	}
	return lives, ctx.Err()
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
