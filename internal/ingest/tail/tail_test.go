package tail_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/ingest/tail"
)

// heard keeps the lines that it is given.
type heard struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newHeard() *heard { return &heard{more: make(chan struct{}, 1)} }

func (h *heard) Line(line string, cut bool) {
	if cut {
		line = fmt.Sprintf("cut at %d", len(line))
	}
	h.mu.Lock()
	h.lines = append(h.lines, line)
	h.mu.Unlock()
	select {
	case h.more <- struct{}{}:
	default:
	}
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

// want waits until so many lines have come, and compares them all.
func (h *heard) want(t *testing.T, want ...string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for len(h.all()) < len(want) {
		select {
		case <-h.more:
		case <-deadline:
			t.Fatalf("only these lines came:\n%s\nwant\n%s", strings.Join(h.all(), "\n"), strings.Join(want, "\n"))
		}
	}
	if diff := cmp.Diff(want, h.all()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// desk is a folder with a log, and what reads it.
type desk struct {
	*testing.T
	dir   string
	path  string
	store *memory
	heard *heard
	o     tail.Options
	tail  *tail.Tail
	stop  func()

	mu      sync.Mutex
	trouble map[string]error
	told    chan struct{}
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, dir: t.TempDir(), store: &memory{}, heard: newHeard(), trouble: map[string]error{}, told: make(chan struct{}, 100)}
	d.path = filepath.Join(d.dir, "access.log")
	d.o = tail.Options{
		Log: slog.New(slog.DiscardHandler), Path: d.path, Store: d.store, MaxLine: 1000,
		Lines: func(string) tail.Lines { return d.heard },
		Trouble: func(path string, err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.trouble[path] = err
			d.told <- struct{}{}
		},
	}
	return d
}

// start begins to read, and waits until the file that is there is known.
func (d *desk) start() {
	d.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d.tail = tail.New(d.o)
	ended := make(chan error, 1)
	go func() { ended <- d.tail.Run(ctx) }()
	d.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			d.Error(err)
		}
		d.stop = func() {}
	}
	d.Cleanup(func() { d.stop() })
	if _, err := os.Stat(d.o.Path); err != nil && !strings.Contains(d.o.Path, "*") {
		<-d.told // what comes now is new
	}
}

// known waits until the files have been looked at.
func (d *desk) known(files int64) {
	d.Helper()
	for range 2000 {
		if d.tail.Files() >= files {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.Fatalf("%d files are read, want %d", d.tail.Files(), files)
}

// restart stops and starts.
func (d *desk) restart() {
	d.Helper()
	d.stop()
	d.start()
}

func (d *desk) write(path, text string) {
	d.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) zip(path string) {
	d.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		d.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		d.Fatal(err)
	}
	f, err := os.Create(path + ".gz")
	if err != nil {
		d.Fatal(err)
	}
	w := gzip.NewWriter(f)
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close(), f.Close(), os.Chtimes(path+".gz", info.ModTime(), info.ModTime()), os.Remove(path)); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) copy(from, to string) {
	d.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) move(from, to string) {
	d.Helper()
	if err := os.Rename(from, to); err != nil {
		d.Fatal(err)
	}
}

// long makes lines of which a file can be told by its beginning.
func long(names ...string) (lines []string, text string) {
	for _, name := range names {
		lines = append(lines, name+" "+strings.Repeat("x", 90))
	}
	return lines, strings.Join(lines, "\n") + "\n"
}

func TestOnlyNewLinesAtTheFirstStart(t *testing.T) {
	d := newDesk(t)
	d.write(d.path, "old\nbegun")
	d.start()
	d.known(1)
	d.write(d.path, " and ended\nnew\r\n\nha")
	d.heard.want(t, "begun and ended", "new")
	d.write(d.path, "lf\n")
	d.heard.want(t, "begun and ended", "new", "half")
}

func TestARestartGoesOn(t *testing.T) {
	d := newDesk(t)
	d.start()
	_, text := long("one", "two")
	d.write(d.path, text+"ha")
	want, _ := long("one", "two", "three", "four")
	d.heard.want(t, want[:2]...)
	d.stop()
	_, text = long("three")
	d.write(d.path, "lf\n"+text)
	d.start()
	d.heard.want(t, want[0], want[1], "half", want[2])
	d.restart()
	_, text = long("four")
	d.write(d.path, text)
	d.heard.want(t, want[0], want[1], "half", want[2], want[3])
}

func TestTheOldFileIsReadToItsEndFirst(t *testing.T) {
	for _, events := range []bool{true, false} {
		t.Run(fmt.Sprint("events ", events), func(t *testing.T) {
			d := newDesk(t)
			d.o.NoEvents = !events
			d.start()
			d.write(d.path, "1\n")
			d.heard.want(t, "1")
			d.write(d.path, "2\n")
			d.move(d.path, d.path+".1")
			d.write(d.path+".1", "3\n") // the writer has not noticed yet
			d.heard.want(t, "1", "2", "3")
			d.write(d.path, "4\n")
			d.heard.want(t, "1", "2", "3", "4")
			d.write(d.path+".1", "5\n") // one of its workers still has not
			d.heard.want(t, "1", "2", "3", "4", "5")
		})
	}
}

// TestTwoRotationsBetweenTwoLooks: a file that was never seen in its place.
func TestTwoRotationsBetweenTwoLooks(t *testing.T) {
	d := newDesk(t)
	d.o.NoEvents = true
	d.write(d.path+".3", "older\n")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(d.path+".3", old, old); err != nil {
		t.Fatal(err)
	}
	d.start()
	lines, _ := long("1", "2", "3", "4")
	d.write(d.path, lines[0]+"\n")
	d.heard.want(t, lines[0])
	d.write(d.path, lines[1]+"\n")
	d.move(d.path, d.path+".2")
	d.write(d.path, lines[2]+"\n")
	d.move(d.path, d.path+".1")
	d.write(d.path, lines[3]+"\n")
	d.heard.want(t, lines...)
}

func TestACopyIsReadWhereTheFileWasTruncated(t *testing.T) {
	d := newDesk(t)
	d.o.NoEvents = true // so that it is only looked at after a second
	d.start()
	lines, text := long("1", "2", "3", "4")
	d.write(d.path, text[:2*93])
	d.heard.want(t, lines[:2]...)
	d.write(d.path, text[2*93:3*93])
	d.copy(d.path, d.path+".1")
	if err := os.Truncate(d.path, 0); err != nil {
		t.Fatal(err)
	}
	d.write(d.path, lines[3]+"\n")
	d.heard.want(t, lines...)
	if d.tail.Truncations() != 1 {
		t.Errorf("%d truncations", d.tail.Truncations())
	}
}

// TestTruncatedAndGrownAgain: the file is as long as before when it is looked at.
func TestTruncatedAndGrownAgain(t *testing.T) {
	d := newDesk(t)
	d.o.NoEvents = true
	d.start()
	lines, text := long("1", "2")
	d.write(d.path, text)
	d.heard.want(t, lines...)
	more, text := long("3", "4", "5")
	if err := os.WriteFile(d.path, []byte(text), 0o600); err != nil { // truncates
		t.Fatal(err)
	}
	d.heard.want(t, append(lines, more...)...)
}

func TestAfterARestartWhatWasRotatedIsFound(t *testing.T) {
	for name, rotate := range map[string]func(d *desk){
		"renamed":                func(d *desk) { d.move(d.path, d.path+".1") },
		"renamed and compressed": func(d *desk) { d.move(d.path, d.path+".1"); d.zip(d.path + ".1") },
		"copied and truncated": func(d *desk) {
			d.copy(d.path, d.path+"-20261123")
			if err := os.Truncate(d.path, 0); err != nil {
				d.Fatal(err)
			}
		},
		"twice": func(d *desk) {
			d.move(d.path, d.path+".2")
			d.zip(d.path + ".2")
			time.Sleep(10 * time.Millisecond) // a later time of the file
			d.write(d.path+".1", "between\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.start()
			lines, text := long("1", "2", "3", "4")
			d.write(d.path, text[:2*93])
			d.heard.want(t, lines[:2]...)
			d.stop()
			d.write(d.path, text[2*93:3*93])
			rotate(d)
			d.write(d.path, lines[3]+"\n")
			d.start()
			want := append([]string(nil), lines[:3]...)
			if name == "twice" {
				want = append(want, "between")
			}
			want = append(want, lines[3])
			d.heard.want(t, want...)
			d.restart()
			d.write(d.path, "end\n")
			d.heard.want(t, append(want, "end")...)
		})
	}
}

func TestBackfillReadsWhatIsThere(t *testing.T) {
	d := newDesk(t)
	d.o.Backfill = true
	older, text := long("a", "b")
	d.write(d.path+".2", text)
	d.zip(d.path + ".2")
	old, text := long("c", "d")
	d.write(d.path+".1", text)
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(d.path+".2.gz", long.Add(-time.Hour), long.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(d.path+".1", long, long); err != nil {
		t.Fatal(err)
	}
	d.write(d.dir+"/access.log.swp", "not this\n")
	d.write(d.dir+"/access_admin.log", "nor this\n")
	d.write(d.path, "e\nf\n")
	d.start()
	want := append(append(older, old...), "e", "f")
	d.heard.want(t, want...)
	d.write(d.path, "g\n")
	d.heard.want(t, append(want, "g")...)
	d.restart()
	d.write(d.path, "h\n")
	d.heard.want(t, append(want, "g", "h")...)
}

// TestABacklogKeepsNobodyWaiting: new lines come while an hour's are read.
func TestABacklogKeepsNobodyWaiting(t *testing.T) {
	d := newDesk(t)
	d.o.Backfill = true
	d.o.Turn = make(chan struct{}, 1)
	_, text := long("old")
	d.write(d.path, strings.Repeat(text, 5000))
	d.o.Turn <- struct{}{} // somebody else's backlog
	d.start()
	d.known(2)
	d.write(d.path, "new\n")
	d.heard.want(t, "new")
	if d.tail.Behind() == 0 {
		t.Error("nothing is left to be read")
	}
	<-d.o.Turn
	for range 2000 {
		if len(d.heard.all()) == 5001 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := len(d.heard.all()); n != 5001 {
		t.Errorf("%d lines", n)
	}
}

func TestABackfillGoesOnAfterARestart(t *testing.T) {
	d := newDesk(t)
	d.o.Backfill = true
	var text strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&text, "%d %s\n", i, strings.Repeat("x", 50))
	}
	d.write(d.path, text.String())
	d.start()
	for len(d.heard.all()) == 0 {
		<-d.heard.more
	}
	d.stop()
	part := len(d.heard.all())
	if part >= 50_000 {
		t.Skip("it was too quick to be stopped")
	}
	d.move(d.path, d.path+".1")
	d.write(d.path, "new\n")
	d.start()
	for range 2000 {
		if len(d.heard.all()) >= 50_001 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	seen := map[string]int{}
	for _, line := range d.heard.all() {
		first, _, _ := strings.Cut(line, " ")
		seen[first]++
	}
	for i := range 50_000 {
		if n := seen[strconv.Itoa(i)]; n != 1 {
			t.Fatalf("line %d came %d times (stopped after %d)", i, n, part)
		}
	}
	if seen["new"] != 1 {
		t.Errorf("the new line came %d times", seen["new"])
	}
}

func TestAPatternTakesNewFiles(t *testing.T) {
	d := newDesk(t)
	d.o.Path = d.dir + "/*.log"
	d.write(d.dir+"/a.log", "old\n")
	d.start()
	d.known(1)
	d.write(d.dir+"/a.log", "1\n")
	d.heard.want(t, "1")
	d.write(d.dir+"/b.log", "2\n")
	d.heard.want(t, "1", "2")
	d.move(d.dir+"/a.log", d.dir+"/a-20261123.log") // matches, but is only put away
	d.write(d.dir+"/a.log", "3\n")
	d.heard.want(t, "1", "2", "3")
	d.move(d.dir+"/b.log", d.dir+"/renamed.log") // the same file
	d.write(d.dir+"/renamed.log", "4\n")
	d.heard.want(t, "1", "2", "3", "4")
	if err := os.Remove(d.dir + "/renamed.log"); err != nil {
		t.Fatal(err)
	}
	d.write(d.dir+"/c.log", "5\n")
	d.heard.want(t, "1", "2", "3", "4", "5")
}

func TestALinkThatIsTurned(t *testing.T) {
	d := newDesk(t)
	d.write(d.dir+"/today-1", "old\n")
	if err := os.Symlink("today-1", d.path); err != nil {
		t.Skip(err)
	}
	d.start()
	d.known(1)
	d.write(d.dir+"/today-1", "1\n")
	d.heard.want(t, "1")
	d.write(d.dir+"/today-2", "2\n")
	if err := errors.Join(os.Symlink("today-2", d.path+".new"), os.Rename(d.path+".new", d.path)); err != nil {
		t.Fatal(err)
	}
	d.write(d.dir+"/today-1", "3\n")
	d.heard.want(t, "1", "3", "2")
}

func TestAMissingFileIsWaitedFor(t *testing.T) {
	d := newDesk(t)
	d.o.Path = d.dir + "/later/access.log"
	d.start()
	d.mu.Lock()
	err := d.trouble[d.o.Path]
	d.mu.Unlock()
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("told %v", err)
	}
	if err := os.Mkdir(d.dir+"/later", 0o700); err != nil {
		t.Fatal(err)
	}
	d.write(d.o.Path, "1\n")
	d.heard.want(t, "1")
	<-d.told
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trouble[d.o.Path] != nil {
		t.Errorf("told %v", d.trouble)
	}
}

func TestAFileThatMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	d := newDesk(t)
	d.write(d.path, "old\n")
	if err := os.Chmod(d.path, 0); err != nil {
		t.Fatal(err)
	}
	d.start()
	<-d.told
	d.mu.Lock()
	err := d.trouble[d.path]
	d.mu.Unlock()
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("told %v", err)
	}
	if err := os.Chmod(d.path, 0o600); err != nil {
		t.Fatal(err)
	}
	<-d.told
	d.write(d.path, "new\n")
	d.heard.want(t, "new")
}

func TestWhatIsNoFile(t *testing.T) {
	d := newDesk(t)
	d.o.Path = d.dir
	d.start()
	<-d.told
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.trouble[d.dir]; err == nil || !strings.Contains(err.Error(), "no ordinary file") {
		t.Errorf("told %v", err)
	}
}

func TestADeletedFileIsWaitedForAgain(t *testing.T) {
	d := newDesk(t)
	d.start()
	d.write(d.path, "1\n")
	d.heard.want(t, "1")
	d.write(d.path, "2\n")
	if err := os.Remove(d.path); err != nil {
		t.Fatal(err)
	}
	d.heard.want(t, "1", "2")
	d.write(d.path, "3\n")
	d.heard.want(t, "1", "2", "3")
}

// TestALineOfTenMiB is cut, and what follows it is read.
func TestALineOfTenMiB(t *testing.T) {
	d := newDesk(t)
	d.start()
	d.write(d.path, "1\n")
	d.heard.want(t, "1")
	d.write(d.path, strings.Repeat("x", 10<<20))
	d.heard.want(t, "1", "cut at 1000")
	d.restart() // in the middle of it
	d.write(d.path, strings.Repeat("y", 10)+"\nnext\n"+strings.Repeat("z", 1200)+"\nlast\n")
	d.heard.want(t, "1", "cut at 1000", "next", "cut at 1000", "last")
	if d.tail.Cut() != 1 { // since the restart
		t.Errorf("%d cut", d.tail.Cut())
	}
}

func TestAnEmptyStoreIsNoReasonToStop(t *testing.T) {
	d := newDesk(t)
	d.o.Store = nil
	d.start()
	d.write(d.path, "1\n")
	d.heard.want(t, "1")
}
