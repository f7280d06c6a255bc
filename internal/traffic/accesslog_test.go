package traffic_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// logging is a Manager with an access log in a folder; stop ends it.
func logging(t testing.TB, d traffic.Deps, c traffic.AccessLog) (m *traffic.Manager, stop func()) {
	t.Helper()
	d.Log = quiet()
	m = traffic.New(d)
	configure(t, m, c)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = m.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return m, stop
}

func configure(t testing.TB, m *traffic.Manager, c traffic.AccessLog) {
	t.Helper()
	commit, err := m.Prepare(traffic.Config{AccessLog: c})
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestEveryRequestIsALineThatReadsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: path})
	var sent []observe.Exchange
	for i := range 1000 {
		e := exchange(func(e *observe.Exchange) {
			e.Path, e.Time, e.UserAgent = fmt.Sprintf("/orders/%d", i), e.Time.UTC().Round(0).Truncate(time.Microsecond), "a \"b\"\n{} \xff"
		})
		m.Observe(e)
		sent = append(sent, *e)
	}
	stop()
	lines := strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n")
	if len(lines) != 1000 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		var e observe.Exchange
		if err := observe.DecodeJSON([]byte(line), &e); err != nil {
			t.Fatalf("line %d: %v\n%s", i, err, line)
		}
		if e.Path != sent[i].Path || !e.Time.Equal(sent[i].Time) || e.Status != 200 || e.Duration != 3*time.Millisecond {
			t.Fatalf("line %d is %+v", i, e)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: addresses of people are nobody else's business", info.Mode(), err)
	}
}

func TestLinesAreWrittenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "access.log")
		m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: path})
		defer stop()
		m.Observe(exchange(nil))
		time.Sleep(time.Second)
		synctest.Wait()
		if n := strings.Count(read(t, path), "\n"); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

func TestAFullFileIsRotatedCompressedAndRemovedInTheEnd(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "access.log")
	keep := 2
	m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: path, MaxSize: units.MiB, Keep: &keep})
	neighbours := []string{"access-notes.log", "access-20261123T180000.log", "other.log"}
	for _, name := range neighbours {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := exchange(func(e *observe.Exchange) { e.Query = strings.Repeat("x", 900) })
	waitFor := func(done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !done(); {
			if time.Now().After(deadline) {
				t.Fatalf("files: %q", names(t, folder))
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	rotated := func(ending string) (list []string) {
		for _, name := range names(t, folder) {
			if strings.HasPrefix(name, "access-2") && strings.HasSuffix(name, ending) && name != neighbours[1] {
				list = append(list, name)
			}
		}
		return list
	}
	var newest string
	for range 5 {
		for range 700 {
			m.Observe(e)
		}
		waitFor(func() bool {
			info, err := os.Stat(path)
			return err == nil && info.Size() > 0
		})
		time.Sleep(300 * time.Millisecond) // the batch is written
		if list := rotated(".gz"); len(list) > 0 {
			newest = list[len(list)-1]
		}
	}
	waitFor(func() bool {
		list := rotated(".gz")
		return len(list) == 2 && len(rotated("")) == 2 && list[1] >= newest
	})
	stop()
	for _, name := range neighbours {
		if read(t, filepath.Join(folder, name)) != "mine" {
			t.Errorf("%s is not ours", name)
		}
	}
	for _, name := range rotated(".gz") {
		file, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
		if len(data) > int(units.MiB) || !bytes.HasSuffix(data, []byte("}\n")) || bytes.Count(data, []byte("\n")) < 100 {
			t.Errorf("%s has %d bytes", name, len(data))
		}
	}
}

func TestANewDayBeginsANewFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		no := false
		m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: filepath.Join(folder, "access.log"), Compress: &no})
		time.Sleep(time.Second)
		for range 3 {
			m.Observe(exchange(nil))
			time.Sleep(time.Second)
			m.Observe(exchange(nil))
			time.Sleep(24 * time.Hour)
		}
		stop()
		if n := len(names(t, folder)); n != 3 {
			t.Errorf("files: %q", names(t, folder))
		}
		for _, name := range names(t, folder) {
			if n := strings.Count(read(t, filepath.Join(folder, name)), "\n"); n != 2 {
				t.Errorf("%s has %d lines", name, n)
			}
		}
	})
}

func TestAFileThatLogrotateMovesIsOpenedAnew(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "access.log")
	m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: path})
	m.Observe(exchange(nil))
	present := func() bool { data, _ := os.ReadFile(path); return len(data) > 0 }
	for !present() {
		time.Sleep(time.Millisecond)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	m.Observe(exchange(nil))
	for !present() {
		time.Sleep(time.Millisecond)
	}
	stop()
	if a, b := strings.Count(read(t, path+".1"), "\n"), strings.Count(read(t, path), "\n"); a != 1 || b != 1 {
		t.Errorf("%d and %d lines", a, b)
	}
}

func TestAReloadChangesTheFileWithoutLosingALine(t *testing.T) {
	folder := t.TempDir()
	m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: filepath.Join(folder, "a.log")})
	for i := range 100 {
		m.Observe(exchange(nil))
		if i == 50 {
			configure(t, m, traffic.AccessLog{Path: filepath.Join(folder, "b.log")})
		}
	}
	stop()
	a, _ := os.ReadFile(filepath.Join(folder, "a.log"))
	if n := bytes.Count(a, []byte("\n")) + strings.Count(read(t, filepath.Join(folder, "b.log")), "\n"); n != 100 {
		t.Errorf("%d lines in both files, want 100", n)
	}
}

// What was served before the log was switched off is in it.
func TestSwitchingTheLogOffLosesNoLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: path})
	m.Observe(exchange(nil))
	for len(names(t, filepath.Dir(path))) == 0 { // it is open
		time.Sleep(time.Millisecond)
	}
	for range 100 {
		m.Observe(exchange(nil))
	}
	configure(t, m, traffic.AccessLog{})
	stop()
	if n := strings.Count(read(t, path), "\n"); n != 101 {
		t.Errorf("%d lines, want 101", n)
	}
}

// fullDisk is a device of Linux on which there is never space.
const fullDisk = "/dev/full"

func TestAFullDiskIsToldAndDropsLines(t *testing.T) {
	if _, err := os.Stat(fullDisk); err != nil {
		t.Skip("needs " + fullDisk)
	}
	registry := &health.Registry{}
	folder := t.TempDir()
	link := filepath.Join(folder, "access.log")
	if err := os.Symlink(fullDisk, link); err != nil {
		t.Fatal(err)
	}
	m, stop := logging(t, traffic.Deps{Health: registry}, traffic.AccessLog{Path: link})
	for range 10 {
		m.Observe(exchange(nil))
	}
	for len(registry.List()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if n := registry.List()[0]; n.Code != "access_log" || n.Severity != health.Failing || !strings.Contains(n.Text, "no space left") {
		t.Errorf("notice %+v", n)
	}
	// Space again: the link leads to a real file.
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	for len(registry.List()) > 0 {
		m.Observe(exchange(nil))
		time.Sleep(time.Millisecond)
	}
	stop()
	if !strings.HasPrefix(read(t, link), `{"time":`) {
		t.Errorf("log %q", read(t, link))
	}
}

// A reader of standard output that has stopped must not stop requests.
func TestAStuckReaderNeverStopsRequests(t *testing.T) {
	stuck := &stuckWriter{release: make(chan struct{})}
	m, stop := logging(t, traffic.Deps{Stdout: stuck}, traffic.AccessLog{Stdout: true})
	e := exchange(func(e *observe.Exchange) { e.Query = strings.Repeat("x", 1000) })
	for range 20_000 { // 28 MB
		m.Observe(e)
	}
	close(stuck.release)
	stop()
	if n := stuck.lines; n == 0 || n >= 20_000 {
		t.Errorf("%d lines were written; some had no room, and none waits for ever", n)
	}
}

type stuckWriter struct {
	release chan struct{}
	lines   int
}

func (s *stuckWriter) Write(p []byte) (int, error) {
	<-s.release
	s.lines += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

func TestASampleKeepsWhatSomebodyWouldLookFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	share := units.Share(.1)
	m, stop := logging(t, traffic.Deps{}, traffic.AccessLog{Path: path, Sample: &share})
	for range 2000 {
		m.Observe(exchange(nil))
	}
	for range 100 {
		m.Observe(exchange(func(e *observe.Exchange) { e.Status = 500 }))
		m.Observe(exchange(func(e *observe.Exchange) { e.Status, e.Verdict = 429, observe.Rejected }))
		m.Observe(exchange(func(e *observe.Exchange) { e.Verdict = observe.Delayed }))
	}
	stop()
	log := read(t, path)
	ordinary := strings.Count(log, `"status":200`) - strings.Count(log, `"verdict":"delay"`)
	if ordinary < 100 || ordinary > 350 {
		t.Errorf("%d of 2000 ordinary requests are logged, want some 200", ordinary)
	}
	if n := strings.Count(log, "\n") - ordinary; n != 300 {
		t.Errorf("%d of 300 others are logged", n)
	}
}

func TestMistakesOfTheSectionAreToldBeforeAnythingRuns(t *testing.T) {
	folder := t.TempDir()
	many := -1
	tests := []struct {
		name   string
		config traffic.Config
		want   string
	}{
		{"no folder", traffic.Config{AccessLog: traffic.AccessLog{Path: filepath.Join(folder, "no", "access.log")}}, "access_log.path: there is no folder"},
		{"a folder", traffic.Config{AccessLog: traffic.AccessLog{Path: folder}}, "is a folder"},
		{"a folder by its name", traffic.Config{AccessLog: traffic.AccessLog{Path: folder + "/"}}, "is a folder"},
		{"tiny files", traffic.Config{AccessLog: traffic.AccessLog{Stdout: true, MaxSize: 5}}, "access_log.max_size: 5B is too small"},
		{"fewer than no files", traffic.Config{AccessLog: traffic.AccessLog{Stdout: true, Keep: &many}}, "access_log.keep: -1 is out of range"},
		{"nowhere to log", traffic.Config{AccessLog: traffic.AccessLog{MaxSize: units.MiB}}, "nothing says where to log"},
		{"too many operations", traffic.Config{Traffic: traffic.Bounds{Operations: 1 << 20}}, "traffic.operations: 1048576 is out of range"},
		{"hardly any memory", traffic.Config{Traffic: traffic.Bounds{Memory: 1}}, "traffic.memory: 1B is out of range"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := traffic.New(traffic.Deps{Log: quiet()}).Prepare(test.config)
			var ps fault.Problems
			if !errors.As(err, &ps) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	if diff := cmp.Diff([]string(nil), names(t, folder)); diff != "" {
		t.Errorf("preparing left files behind: %s", diff)
	}
}
