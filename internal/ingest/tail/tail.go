package tail

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"
)

// Times of a Tail.
const (
	poll       = time.Second           // looks at all files, whatever inotify says
	gather     = 50 * time.Millisecond // waits for more after an event
	saveEvery  = time.Second           // positions
	scanEvery  = 2 * time.Second       // looks for new matches of a pattern
	grace      = 30 * time.Second      // a file that was put away may still be written to
	storeRetry = 2 * time.Second       // positions that could not be read
	lastSave   = 5 * time.Second       // may take so long when the program ends
	liveRounds = 8                     // blocks of live files for one of the backlog
)

// maxFiles bounds the files that one Tail reads at the same time.
const maxFiles = 1000

// maxLeaving bounds how many files are kept open after they were put away.
const maxLeaving = 64

// Options of a Tail. Path, Lines and Log are needed.
type Options struct {
	Log *slog.Logger
	// Path of the file, or a pattern as path/filepath.Match has it; absolute.
	Path string
	// Name under which positions are stored; "" is Path. Two Tails need two names.
	Name string
	// Backfill reads what is there at the first start: the file and those that it was
	// rotated to. Without it a file is read from its present end.
	Backfill bool
	// MaxLine is how many bytes of a line are handed on.
	MaxLine int
	// Lines returns who takes the lines of a file that is begun; path is the name by
	// which it is written to, also for the rotated files of it.
	Lines func(path string) Lines
	// Store keeps positions; nil: every start is the first.
	Store Store
	// Turn holds as many as may read a block of a backlog at the same time, over all
	// Tails; nil: this one need not share.
	Turn chan struct{}
	// Trouble is called when a path cannot be read, and with a nil error when it can
	// again. An error that is fs.ErrNotExist says that the file is waited for.
	Trouble func(path string, err error)
	// NoEvents looks every second only, as on systems without inotify.
	NoEvents bool
}

// Tail reads one file, or all that match a pattern.
type Tail struct {
	Stats

	o       Options
	log     *slog.Logger
	buffer  []byte
	large   []byte               // for the backlog
	live    map[string]*file     // by the path that is written to
	leaving []*file              // put away, oldest first
	backlog []*file              // what was there before, oldest first
	done    map[int64]*file      // positions of what was read to its end
	gone    []int64              // ids to be forgotten
	ids     int64                // the last one
	started bool                 // everything that is new from now on is read from its beginning
	trouble map[string]string    // by path, as it was told
	denied  map[string]*Position // by path: what could not be read, and from where on it is to be
	rounds  int
	scanned time.Time            // for a pattern's matches
	seenAt  map[string]time.Time // when there was a file in a place
	began   time.Time            // when it was begun to look
	saved   time.Time
	saving  bool // the last time it worked
	watch   *watch
}

// New returns a Tail, which Run starts.
func New(o Options) *Tail {
	if o.Name == "" {
		o.Name = o.Path
	}
	if o.Trouble == nil {
		o.Trouble = func(string, error) {}
	}
	if o.MaxLine == 0 {
		o.MaxLine = 64 << 10
	}
	return &Tail{
		o: o, log: o.Log.With("path", o.Path), buffer: make([]byte, block), saving: true,
		live: map[string]*file{}, done: map[int64]*file{}, trouble: map[string]string{}, denied: map[string]*Position{}, seenAt: map[string]time.Time{},
	}
}

// Run reads until ctx ends; then everything that was taken is stored.
func (t *Tail) Run(ctx context.Context) error {
	stored, ok := t.load(ctx)
	if !ok {
		return nil // ctx has ended
	}
	t.watch = newWatch(t.o.NoEvents, t.log)
	defer t.watch.close()
	defer t.closeAll()
	t.start(stored)
	t.started = true
	tick := time.NewTicker(poll)
	defer tick.Stop()
	t.saved = time.Now()
	look := true
	for ctx.Err() == nil {
		if time.Since(t.saved) >= saveEvery {
			t.save(ctx)
		}
		if t.round(look) {
			look = false
			select { // time goes on while there is much to read
			case <-tick.C:
				t.beat()
				look = true
			default:
			}
			continue
		}
		look = t.wait(ctx, tick.C)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
	defer cancel()
	t.save(last)
	return nil
}

// wait returns when there may be something to read; true when time has passed, so
// that everything has to be looked at.
func (t *Tail) wait(ctx context.Context, tick <-chan time.Time) (look bool) {
	select {
	case <-ctx.Done():
		return false
	case <-tick:
		t.beat()
		return true
	case <-t.watch.wake:
	}
	more := time.NewTimer(gather)
	defer more.Stop()
	select {
	case <-ctx.Done():
	case <-more.C:
	}
	return true
}

// load reads the stored positions; it tries until it can, because to begin
// without them would lose lines or count them twice.
func (t *Tail) load(ctx context.Context) ([]Position, bool) {
	if t.o.Store == nil {
		return nil, true
	}
	for first := true; ; first = false {
		stored, err := t.o.Store.Positions(ctx, t.o.Name)
		if err == nil {
			return stored, true
		}
		if first && ctx.Err() == nil {
			t.log.Warn("the positions of a log cannot be read; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-time.After(storeRetry):
		}
	}
}

// round reads a block of every file that has one, and reports whether any had.
// look says that time has passed: files are looked for and looked at.
func (t *Tail) round(look bool) (progress bool) {
	if look {
		t.scan()
	}
	kept := t.leaving[:0]
	for i, f := range t.leaving { // before the new ones: lines come in order
		if t.advance(f, t.buffer, look) {
			progress = true
		}
		if len(t.leaving)-i > maxLeaving {
			t.finish(f)
		}
		if !f.done {
			kept = append(kept, f)
		}
	}
	clear(t.leaving[len(kept):])
	t.leaving = kept
	for _, f := range t.live {
		if t.advance(f, t.buffer, look) {
			progress = true
		}
	}
	t.rounds++
	if !progress || t.rounds%liveRounds == 0 {
		progress = t.old() || progress
	}
	return progress
}

// old reads a block of the backlog.
func (t *Tail) old() bool {
	if len(t.backlog) == 0 {
		t.large = nil
		return false
	}
	if t.o.Turn != nil {
		select {
		case t.o.Turn <- struct{}{}:
			defer func() { <-t.o.Turn }()
		case <-time.After(gather):
			return true // another one's turn
		}
	}
	if t.large == nil {
		t.large = make([]byte, backlogBlock)
	}
	f := t.backlog[0]
	if !t.advance(f, t.large, false) && !f.done {
		if c := t.copyOf(f); c != nil { // it was truncated meanwhile
			t.adopt(c, f.log)
			c.end = f.end
			t.backlog = append(t.backlog, c)
		}
		t.finish(f)
	}
	if f.done {
		t.backlog[0] = nil
		t.backlog = t.backlog[1:]
	}
	return true
}

// advance reads the next block of a file. It sees to files that were truncated, and
// ends those that were put away.
func (t *Tail) advance(f *file, buffer []byte, look bool) bool {
	if look {
		if info, err := f.f.Stat(); err == nil {
			size, known := info.Size(), f.info
			f.info = info
			if f.gz == nil && (size != f.read || !info.ModTime().Equal(known.ModTime())) && f.replaced(size) {
				t.truncated(f)
			}
		}
	}
	if f.gz == nil && f.end == 0 && !look && f.read >= f.info.Size() {
		return false // nothing new, as far as is known
	}
	n, err := f.step(buffer)
	if n > 0 {
		f.grown = time.Now()
		t.bytes.Add(uint64(n))
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		t.tell(f.path, err)
		t.log.Warn("a log cannot be read any further", "file", f.path, "error", err)
		if f.leaving || f.end > 0 || f.gz != nil {
			t.finish(f)
		}
	case n > 0:
		return true
	case f.gz != nil || f.end > 0 && f.read >= f.end:
		t.finish(f)
	case f.leaving && look && t.over(f):
		t.finish(f)
	}
	return false
}

// over reports whether nobody writes to a file any more that was put away: there
// is another one in its place, or it has no name left, and it has been quiet.
func (t *Tail) over(f *file) bool {
	if time.Since(f.grown) < grace {
		return false
	}
	_, _, names := identify(f.info)
	return names == 0 || t.live[f.log] != nil || f.f == nil
}

func (t *Tail) finish(f *file) {
	f.finish()
	t.done[f.id] = f
}

// truncated begins a file anew. Who copies a file before truncating it has the
// lines that were not read yet in the copy.
func (t *Tail) truncated(f *file) {
	t.truncations.Add(1)
	t.log.Info("a log was truncated; reading it from its beginning", "file", f.path)
	if rest := t.copyOf(f); rest != nil && t.byIdentity(rest.info) == nil {
		t.adopt(rest, f.log)
		for t.advance(rest, t.buffer, false) {
		}
		if !rest.done {
			t.finish(rest)
		}
	}
	f.head, f.read, f.rest, f.skip, f.changed = nil, 0, nil, false, true
}

// copyOf opens the copy of a file where the file was left; nil: there is none.
func (t *Tail) copyOf(f *file) *file {
	if len(f.head) < telling {
		return nil
	}
	p := f.position(time.Now())
	for _, candidate := range rotated(f.log) {
		c, err := openFile(candidate.path, 0)
		if err != nil {
			continue
		}
		head := headOf(c)
		c.close()
		if !p.begins(head) || os.SameFile(c.info, f.info) {
			continue
		}
		if c, err = openFile(candidate.path, p.Offset); err == nil {
			return c
		}
	}
	return nil
}

// adopt gives a file what every one needs.
func (t *Tail) adopt(f *file, log string) {
	t.ids++
	f.id, f.log, f.most, f.grown, f.changed = t.ids, log, t.o.MaxLine, time.Now(), true
	f.lines = counted{t.o.Lines(log), &t.Stats}
}

// counted counts the lines that pass.
type counted struct {
	Lines
	stats *Stats
}

func (c counted) Line(line string, cut bool) {
	c.stats.lines.Add(1)
	if cut {
		c.stats.cut.Add(1)
	}
	c.Lines.Line(line, cut)
}

// save stores the positions that have changed.
func (t *Tail) save(ctx context.Context) {
	t.saved = time.Now()
	if t.o.Store == nil {
		return
	}
	var changed []Position
	var of []*file
	t.each(func(f *file) {
		if f.changed {
			changed, of = append(changed, f.position(t.saved)), append(of, f)
		}
	})
	gone := t.forgotten()
	if len(changed) == 0 && len(gone) == 0 {
		return
	}
	err := t.o.Store.SavePositions(ctx, t.o.Name, changed, gone)
	switch {
	case err != nil && t.saving:
		t.log.Warn("how far a log was read cannot be stored; after a restart some lines would come again", "error", err)
	case err == nil && !t.saving:
		t.log.Info("how far a log was read is stored again")
	}
	t.saving = err == nil
	if err != nil {
		t.gone = gone
		return
	}
	for _, f := range of {
		f.changed = false
	}
	t.gone = nil
}

// keptDone is how many positions of files that were read to their end are kept.
const keptDone = 64

// forgotten picks the oldest positions of what has been read, beyond keptDone.
func (t *Tail) forgotten() []int64 {
	gone := t.gone
	for len(t.done) > keptDone {
		oldest := int64(-1)
		for id := range t.done {
			if oldest < 0 || id < oldest {
				oldest = id
			}
		}
		delete(t.done, oldest)
		gone = append(gone, oldest)
	}
	return gone
}

// each visits all files.
func (t *Tail) each(visit func(*file)) {
	for _, f := range t.leaving {
		visit(f)
	}
	for _, f := range t.live {
		visit(f)
	}
	for _, f := range t.backlog {
		visit(f)
	}
	for _, f := range t.done {
		visit(f)
	}
}

func (t *Tail) closeAll() { t.each((*file).close) }

// tell says that a path has trouble, or has none any more: once.
func (t *Tail) tell(path string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if t.trouble[path] == text {
		return
	}
	if text == "" {
		delete(t.trouble, path)
	} else if len(t.trouble) < maxFiles {
		t.trouble[path] = text
	}
	t.o.Trouble(path, err)
}
