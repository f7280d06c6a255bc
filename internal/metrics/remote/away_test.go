package remote

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/verbatim"
)

// strict is a receiver that refuses a whole request for one sample that is older
// than the last one of its series, as a Prometheus without an out-of-order
// window does. While answer is not 0 that is its answer.
type strict struct {
	mu     sync.Mutex
	answer int
	got    map[string][]int64 // times by series
	hists  int
	asked  int
}

func (s *strict) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.answer != 0 {
		w.WriteHeader(s.answer)
		return
	}
	var body bytes.Buffer
	_, _ = body.ReadFrom(q.Body)
	raw, err := snappy.Decode(nil, body.Bytes())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fresh := map[string][]int64{}
	add := func(ls labels.Labels, at int64) bool {
		name := ls.Get("n") + ls.Get("region")
		times := fresh[name]
		if times == nil {
			times = slices.Clone(s.got[name])
		}
		if len(times) > 0 && times[len(times)-1] > at {
			return false
		}
		if len(times) == 0 || times[len(times)-1] < at {
			times = append(times, at)
		}
		fresh[name] = times
		return true
	}
	builder := labels.NewScratchBuilder(0)
	ok, hists := true, 0
	if strings.Contains(q.Header.Get("Content-Type"), "v2") {
		var request writev2.Request
		_ = request.Unmarshal(raw)
		for _, ts := range request.Timeseries {
			ls, _ := ts.ToLabels(&builder, request.Symbols)
			for _, one := range ts.Samples {
				ok = ok && add(ls, one.Timestamp)
			}
			for _, one := range ts.Histograms {
				ok = ok && add(ls, one.Timestamp)
				hists++
			}
		}
	} else {
		var request prompb.WriteRequest
		_ = request.Unmarshal(raw)
		for _, ts := range request.Timeseries {
			for _, one := range ts.Samples {
				ok = ok && add(ts.ToLabels(&builder, nil), one.Timestamp)
			}
			for _, one := range ts.Histograms {
				ok = ok && add(ts.ToLabels(&builder, nil), one.Timestamp)
				hists++
			}
		}
	}
	if !ok {
		http.Error(w, "out of order sample", http.StatusBadRequest)
		return
	}
	s.hists += hists
	if s.got == nil {
		s.got = map[string][]int64{}
	}
	maps.Copy(s.got, fresh)
	w.WriteHeader(http.StatusNoContent)
}

func (s *strict) answers(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = code
}

func (s *strict) has(series string) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got[series])
}

func (s *strict) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("in vain: %s", what)
}

func open(t *testing.T, dir string) *metrics.DB {
	t.Helper()
	db, err := metrics.Open(dir, metrics.Section{}, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// start runs a Remote on a store until the test ends, or stops it.
func start(t *testing.T, db *metrics.DB, log *slog.Logger, notices *health.Registry, text string) (r *Remote, stop func()) {
	t.Helper()
	r = New(Deps{Log: log, Dir: db.Dir(), Queryable: db.Queryable(), Notices: notices})
	db.TSDB().SetWriteNotified(r)
	commit, err := r.Prepare(metrics.Config{RemoteWrite: verbatim.YAML{Text: text}, Metrics: metrics.Section{Labels: map[string]string{"region": "eu"}}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return r, stop
}

// put stores a sample of each of some series.
func put(t *testing.T, db *metrics.DB, at time.Time, n int) {
	t.Helper()
	app := db.Appendable().Appender(t.Context())
	for i := range n {
		if _, err := app.Append(0, labels.FromStrings(model.MetricNameLabel, "m", "n", strconv.Itoa(i)), at.UnixMilli(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// mark writes what a receiver has, as an earlier run would have.
func mark(t *testing.T, dir, key string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, marksFile), []byte(`{"`+key+`":`+strconv.FormatInt(at.UnixMilli(), 10)+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAReceiverThatWasAwayGetsEverythingInOrder(t *testing.T) {
	for name, version := range map[string]string{"version 1": "prometheus.WriteRequest", "version 2": "io.prometheus.write.v2.Request"} {
		t.Run(name, func(t *testing.T) {
			var receiver strict
			server := httptest.NewServer(&receiver)
			defer server.Close()
			dir := t.TempDir()
			db := open(t, dir)
			begin := time.Now().Add(-50 * time.Minute)
			var want []int64
			for i := range 190 {
				at := begin.Add(time.Duration(i) * 15 * time.Second)
				put(t, db, at, 30)
				want = append(want, at.UnixMilli())
			}
			app := db.Appendable().Appender(t.Context())
			h := &histogram.Histogram{Schema: 1, Count: 1, Sum: 3, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []int64{1}}
			if _, err := app.AppendHistogram(0, labels.FromStrings(model.MetricNameLabel, "h"), begin.UnixMilli(), h, nil); err != nil || app.Commit() != nil {
				t.Fatal(err)
			}
			// It has the first third, of some series a little more: the mark on disk is behind.
			receiver.got = map[string][]int64{}
			for i := range 30 {
				receiver.got[strconv.Itoa(i)+"eu"] = slices.Clone(want[:60+i%3])
			}
			mark(t, dir, "there", time.UnixMilli(want[50]))
			receiver.answers(http.StatusServiceUnavailable) // away
			r, _ := start(t, db, slog.New(slog.DiscardHandler), nil, "- {name: there, url: '"+server.URL+"', protobuf_message: "+version+", send_native_histograms: true, queue_config: {max_backoff: 100ms, batch_send_deadline: 100ms, max_samples_per_send: 500}}\n")
			wait(t, "it is asked", func() bool { return receiver.requests() > 2 })
			receiver.answers(0) // back
			wait(t, "it has everything", func() bool {
				for i := range 30 {
					if !slices.Equal(receiver.has(strconv.Itoa(i)+"eu"), want) {
						return false
					}
				}
				return true
			})
			wait(t, "it is fed by the queue", func() bool {
				put(t, db, time.Now(), 1)
				return len(receiver.has("0eu")) > len(want)+3
			})
			if got := value(t, r, "lapwing_remote_write_resumed_samples_total"); got < 30*120 {
				t.Errorf("%v samples were sent from the store", got)
			}
		})
	}
}

// value is the sum of a counter or gauge of a Remote.
func value(t *testing.T, r *Remote, name string) (sum float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestAQueueThatIsFarBehindIsFedFromTheStore(t *testing.T) {
	var receiver strict
	server := httptest.NewServer(&receiver)
	defer server.Close()
	db := open(t, t.TempDir())
	var notices health.Registry
	r, _ := start(t, db, slog.New(slog.DiscardHandler), &notices, "- {name: there, url: '"+server.URL+"', queue_config: {max_backoff: 100ms, batch_send_deadline: 100ms}}\n")
	wait(t, "the queue has begun", func() bool { put(t, db, time.Now(), 1); return len(receiver.has("0eu")) > 0 })
	receiver.answers(http.StatusInternalServerError)
	put(t, db, time.Now(), 5)
	wait(t, "samples wait", func() bool { return value(t, r, "prometheus_remote_storage_samples_pending") > 0 })
	r.marks.mu.Lock()
	r.marks.sent["there"] = time.Now().Add(-30 * time.Minute).UnixMilli() // as if time had passed
	r.marks.mu.Unlock()
	wait(t, "people are told", func() bool { return len(notices.List()) == 1 })
	if text := notices.List()[0].Text; !strings.Contains(text, "there has nothing newer than") {
		t.Error(text)
	}
	wait(t, "the queue has ended", func() bool { return value(t, r, "prometheus_remote_storage_shards_max") == 0 })
	receiver.answers(0)
	wait(t, "it has what it missed", func() bool { return len(receiver.has("4eu")) == 1 })
	wait(t, "it is fed by the queue again", func() bool {
		put(t, db, time.Now(), 6)
		return len(receiver.has("5eu")) > 3
	})
	wait(t, "people are told that it is over", func() bool { return len(notices.List()) == 0 })
}

func TestAnExpiredKeyLosesNothingThatWasMissed(t *testing.T) {
	if !aboutUs(errAnswer("server returned HTTP status 401 Unauthorized: no")) || !aboutUs(errAnswer("server returned HTTP status 429 Too Many Requests: no")) {
		t.Error("who we are is taken for what we send")
	}
	if aboutUs(errAnswer("server returned HTTP status 400 Bad Request: 401")) || aboutUs(errAnswer("something else")) {
		t.Error("what we send is taken for who we are")
	}
}

type errAnswer string

func (e errAnswer) Error() string { return string(e) }

func TestPasswordsAndTokensOfReceiversAreNotShown(t *testing.T) {
	var receiver strict
	receiver.answers(http.StatusInternalServerError)
	server := httptest.NewServer(&receiver)
	defer server.Close()
	var logs lockedBuffer
	db := open(t, t.TempDir())
	address := strings.Replace(server.URL, "http://", "http://joe:hunter2@", 1) + "/write?key=tokentoken"
	r, stop := start(t, db, slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})), nil,
		"- {url: '"+address+"', headers: {X-Scope: scopescope}, queue_config: {batch_send_deadline: 50ms, max_backoff: 50ms}}\n")
	wait(t, "it is asked", func() bool { put(t, db, time.Now(), 1); return receiver.requests() > 1 })
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.Collectors()...)
	families, err := registry.Gather()
	if err != nil || len(families) < 10 {
		t.Fatalf("%d families: %v", len(families), err)
	}
	for _, f := range families {
		logs.add(f.String())
	}
	stop()
	onDisk, _ := os.ReadFile(filepath.Join(db.Dir(), marksFile))
	logs.add(string(onDisk))
	for _, secret := range []string{"hunter2", "tokentoken", "scopescope"} {
		if text := logs.text(); strings.Contains(text, secret) {
			at := strings.Index(text, secret)
			t.Errorf("%s is shown: %s", secret, text[max(0, at-200):at+50])
		}
	}
	if !strings.Contains(logs.text(), "remote_name") {
		t.Error("nothing was logged")
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) add(text string) { _, _ = l.Write([]byte(text)) }

func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestAKillLosesNothing(t *testing.T) {
	var receiver strict
	server := httptest.NewServer(&receiver)
	defer server.Close()
	text := "- {name: there, url: '" + server.URL + "', queue_config: {max_backoff: 100ms, batch_send_deadline: 50ms, max_samples_per_send: 20}}\n"
	dir := t.TempDir()
	db := open(t, dir)
	_, stop := start(t, db, slog.New(slog.DiscardHandler), nil, text)
	var want []int64
	add := func() {
		at := time.Now().Truncate(time.Millisecond)
		if n := len(want); n > 0 && at.UnixMilli() <= want[n-1] {
			at = time.UnixMilli(want[n-1] + 1)
		}
		put(t, db, at, 10)
		want = append(want, at.UnixMilli())
	}
	all := func() bool {
		for i := range 10 {
			if got := receiver.has(strconv.Itoa(i) + "eu"); len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) {
				return false
			}
		}
		return true
	}
	wait(t, "the queue has begun", func() bool { put(t, db, time.Now(), 10); return len(receiver.has("9eu")) > 0 })
	for range 50 {
		add()
	}
	wait(t, "it has the first ones", all)
	receiver.answers(http.StatusBadGateway)
	for range 50 {
		add()
	}
	// What is on disk now is what a kill would leave.
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	stop()
	receiver.answers(0)
	db = open(t, killed)
	start(t, db, slog.New(slog.DiscardHandler), nil, text)
	for range 50 {
		add()
	}
	wait(t, "it has everything", all)
}
