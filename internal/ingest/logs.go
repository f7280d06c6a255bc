package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/ingest/tail"
	"lapwing.dev/lapwing/middleware/observe"
)

// Offsets keeps how far files were read; see tail.Store.
type Offsets = tail.Store

// LogsDeps are what a Logs works with. Log and Sink are needed.
type LogsDeps struct {
	Log        *slog.Logger
	Sink       observe.Sink
	Operations Operations       // nil: requests are of no operation
	Offsets    Offsets          // nil: every start is the first
	Health     *health.Registry // nil: nobody is told
	// Messages is told of each line of an error log that matched, at most 500 bytes of
	// it; nil: nobody is.
	Messages func(api, operation, message string, at time.Time)
	// Changed is called every few seconds with what Conditions returns; nil: nobody asks.
	Changed func([]Condition)
}

const changedEvery = 5 * time.Second

// Logs follows the log files of a configuration: the lines of access logs become
// exchanges, those of error logs are counted.
type Logs struct {
	deps   LogsDeps
	log    *slog.Logger
	redact *observe.Redactor
	world  atomic.Pointer[world]
	turn   chan struct{} // one backlog at a time
	notes  notes

	changed chan struct{} // what is wanted is another
	mu      sync.Mutex
	wanted  map[string]*source // by key
	running map[string]*source
}

// world is what all sources have in common of a configuration. It is never changed.
type world struct {
	apis    apis
	trusted []netip.Prefix
}

// source is one entry of the configuration that is followed.
type source struct {
	key    string // of all that it was made of
	path   string
	tail   *tail.Tail
	access *accessLog // or
	errors *errorLog

	cancel context.CancelFunc
	ended  chan struct{}
}

// NewLogs returns one that follows nothing yet.
func NewLogs(d LogsDeps) *Logs {
	l := &Logs{
		deps: d, log: d.Log.With("part", "log files"), redact: observe.NewRedactor(observe.RedactOptions{}),
		turn: make(chan struct{}, 1), changed: make(chan struct{}, 1), wanted: map[string]*source{}, running: map[string]*source{},
	}
	l.notes.health = d.Health
	l.world.Store(&world{})
	return l
}

// Prepare makes a configuration ready; the error is fault.Problems with paths
// relative to the section and leaves everything as it was. dir is what relative
// paths are relative to; trusted are the proxies whose X-Forwarded-For counts, as in
// gateway.trusted_proxies. commit cannot fail; files whose entries have not
// changed are read on as if nothing had been.
func (l *Logs) Prepare(c Config, dir string, list []catalog.API, trusted ...netip.Prefix) (commit func(), err error) {
	ps := c.Validate()
	checkAPIs(&ps, &c, list)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	wanted := map[string]*source{}
	for i := range c.AccessLogs {
		a := c.AccessLogs[i]
		a.Path = absolute(dir, a.Path)
		s := &source{key: fmt.Sprintf("access %+v", a), path: a.Path, access: newAccessLog(l, a)}
		s.tail = l.follow(s, "access:"+a.Path, a.Backfill, func(string) tail.Lines { return s.access.lines() })
		wanted[s.key] = s
	}
	for i := range c.ErrorLogs {
		e := c.ErrorLogs[i]
		e.Path = absolute(dir, e.Path)
		s := &source{key: fmt.Sprintf("error %+v", e), path: e.Path, errors: newErrorLog(l, e)}
		s.tail = l.follow(s, "error:"+e.name()+":"+e.Path, false, func(string) tail.Lines { return s.errors })
		wanted[s.key] = s
	}
	next := &world{apis: newAPIs(list), trusted: slices.Clone(trusted)}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.world.Store(next)
		l.wanted = wanted
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}, nil
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func checkAPIs(ps *fault.Problems, c *Config, list []catalog.API) {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	check := func(place, api string) {
		if api == "" || slices.Contains(names, api) {
			return
		}
		hint := fault.DidYouMean(api, names)
		if hint == "" {
			hint = "add it under apis:"
		}
		ps.Add(place, hint, "there is no API %q", api)
	}
	for i := range c.AccessLogs {
		check(fmt.Sprintf("access_logs[%d].api", i), c.AccessLogs[i].API)
	}
	for i := range c.ErrorLogs {
		check(fmt.Sprintf("error_logs[%d].api", i), c.ErrorLogs[i].API)
	}
}

// follow makes the Tail of a source.
func (l *Logs) follow(s *source, name string, backfill bool, lines func(path string) tail.Lines) *tail.Tail {
	return tail.New(tail.Options{
		Log: l.log, Path: s.path, Name: name, Backfill: backfill, Lines: lines, Store: l.deps.Offsets, Turn: l.turn,
		Trouble: l.notes.trouble,
	})
}

// Load makes sure that it is known how far files were read: once, before Run.
func (l *Logs) Load(ctx context.Context) error {
	if l.deps.Offsets == nil {
		return nil
	}
	if _, err := l.deps.Offsets.Positions(ctx, ""); err != nil {
		return fmt.Errorf("log files: %w", err)
	}
	return nil
}

// Run follows what is configured, until ctx ends and how far it came is stored.
func (l *Logs) Run(ctx context.Context) error {
	tick := time.NewTicker(changedEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.stop(slices.Collect(maps.Values(l.snapshot())))
			return nil
		case <-l.changed:
			l.renew(ctx)
		case <-tick.C:
			l.judge()
		}
	}
}

// renew stops what is not wanted any more and starts what is new.
func (l *Logs) renew(ctx context.Context) {
	l.mu.Lock()
	var old []*source
	for key, s := range l.running {
		if l.wanted[key] == nil {
			old = append(old, s)
			delete(l.running, key)
		}
	}
	l.mu.Unlock()
	l.stop(old) // before the new ones: an entry that changed goes on where it was
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, s := range l.wanted {
		if l.running[key] != nil {
			continue
		}
		run, cancel := context.WithCancel(ctx)
		s.cancel, s.ended = cancel, make(chan struct{})
		l.running[key] = s
		go func() {
			defer close(s.ended)
			if err := s.tail.Run(run); err != nil {
				l.log.Error("a log is not read any more", "path", s.path, "error", err)
			}
		}()
	}
}

func (l *Logs) stop(list []*source) {
	for _, s := range list {
		s.cancel()
	}
	for _, s := range list {
		<-s.ended
		l.notes.forget(s.path)
	}
}

// snapshot is what runs now.
func (l *Logs) snapshot() map[string]*source {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.running)
}

// sources lists what runs, by path and key.
func (l *Logs) sources() []*source {
	running := l.snapshot()
	list := make([]*source, 0, len(running))
	for _, key := range slices.Sorted(maps.Keys(running)) {
		list = append(list, running[key])
	}
	return list
}

// judge is what happens every few seconds: whoever asks hears the conditions, and
// formats that do not fit are told.
func (l *Logs) judge() {
	for _, s := range l.sources() {
		if s.access != nil {
			s.access.judge()
		}
	}
	if l.deps.Changed != nil {
		l.deps.Changed(l.Conditions())
	}
}

// Condition is an error log with too many lines.
type Condition struct {
	API     string
	Name    string        // of the error log
	Path    string        //
	Lines   int           // that matched within Over
	Alert   int           // that are too many
	Over    time.Duration //
	Since   time.Time     // when it began
	Example string        // the last line that matched
}

// Conditions returns the error logs that have too many lines now, by name.
func (l *Logs) Conditions() []Condition {
	var list []Condition
	now := time.Now()
	for _, s := range l.sources() {
		if s.errors == nil {
			continue
		}
		if c, ok := s.errors.condition(now); ok {
			list = append(list, c)
		}
	}
	return list
}
