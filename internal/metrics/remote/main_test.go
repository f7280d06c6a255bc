package remote_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/remote"
	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/internal/verbatim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openDB opens a store in a folder.
func openDB(t *testing.T, dir string) *metrics.DB {
	t.Helper()
	db, err := metrics.Open(dir, metrics.Section{}, quiet(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// store appends one sample to each of the series that texts name.
func store(t *testing.T, db *metrics.DB, at time.Time, value float64, series ...labels.Labels) {
	t.Helper()
	app := db.Appendable().Appender(t.Context())
	for _, ls := range series {
		if _, err := app.Append(0, ls, at.UnixMilli(), value); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// stored returns the values of the series of a name, by the label n and time.
func stored(t *testing.T, db *metrics.DB, name string) map[string]map[int64]float64 {
	t.Helper()
	q, err := db.Queryable().Querier(0, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	found := map[string]map[int64]float64{}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	for set.Next() {
		values := map[int64]float64{}
		it := set.At().Iterator(nil)
		for it.Next() != 0 {
			at, v := it.At()
			values[at] = v
		}
		found[set.At().Labels().Get("n")] = values
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return found
}

// histograms is how many samples of histograms are stored.
func histograms(t *testing.T, db *metrics.DB) (n int) {
	t.Helper()
	q, err := db.Queryable().Querier(0, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, ""))
	for set.Next() {
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if kind == chunkenc.ValHistogram || kind == chunkenc.ValFloatHistogram {
				n++
			}
		}
	}
	return n
}

// eventually waits for something that another program does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("in vain: %s", what)
}

// section makes a part of the file as the loader does, with a path for each line
// of its entries.
func section(text string) verbatim.YAML {
	y := verbatim.YAML{Text: text}
	entry := -1
	for line := range strings.Lines(text) {
		key, isEntry := strings.CutPrefix(line, "- ")
		if isEntry {
			entry++
		}
		key, _, _ = strings.Cut(strings.TrimSpace(key), ":")
		y.Paths = append(y.Paths, "["+string(rune('0'+entry))+"]."+key)
	}
	return y
}

// run runs a Remote until the test stops it, or ends.
func run(t *testing.T, r *remote.Remote) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// sender is a Remote of a store that sends to an URL, with its queue connected.
func sender(t *testing.T, db *metrics.DB, text string) *remote.Remote {
	t.Helper()
	r := remote.New(remote.Deps{Log: quiet(), Dir: db.Dir(), Queryable: db.Queryable()})
	db.TSDB().SetWriteNotified(r)
	commit, err := r.Prepare(metrics.Config{RemoteWrite: section(text), Metrics: metrics.Section{Labels: map[string]string{"region": "eu"}}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	return r
}

// promServer is a real server of Prometheus.
type promServer struct {
	url string
	cmd *exec.Cmd
}

var listening = regexp.MustCompile(`Listening on.*address=(\S+)`)

// startPrometheus starts one on a folder and a configuration. It listens on
// address, "127.0.0.1:0" for any.
func startPrometheus(t *testing.T, dir, config, address string, flags ...string) *promServer {
	t.Helper()
	path := testneeds.Program(t, "prometheus")
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, append([]string{ // #nosec G204 -- found by testneeds
		"--config.file=" + file, "--storage.tsdb.path=" + dir, "--web.listen-address=" + address,
	}, flags...)...)
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &promServer{cmd: cmd}
	t.Cleanup(p.kill)
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
			}
		}
		_, _ = io.Copy(io.Discard, logs)
	}()
	select {
	case at := <-ready:
		p.url = "http://" + at
	case <-time.After(30 * time.Second):
		t.Fatal("prometheus does not listen")
	}
	eventually(t, "prometheus is ready", func() bool {
		answer, err := get(t, p.url+"/-/ready")
		return err == nil && strings.Contains(answer, "Ready")
	})
	return p
}

func (p *promServer) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// has returns the values of an expression with a range, by the label n and time.
func (p *promServer) has(t *testing.T, expression string) map[string]map[int64]string {
	t.Helper()
	text, err := get(t, p.url+"/api/v1/query?query="+url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
		Error string
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Error != "" {
		t.Fatalf("%v: %s", err, text)
	}
	found := map[string]map[int64]string{}
	for _, series := range answer.Data.Result {
		values := map[int64]string{}
		for _, v := range series.Values {
			at, _ := v[0].(float64)
			values[int64(at*1000+0.5)], _ = v[1].(string)
		}
		found[series.Metric["n"]] = values
	}
	return found
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

func get(t *testing.T, address string) (string, error) {
	t.Helper()
	q, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := client.Do(q)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// freeAddress is one where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
