package promapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/cost"
	"lapwing.dev/lapwing/internal/metrics/promapi"
	"lapwing.dev/lapwing/internal/testneeds"
)

// Prometheus' own scripts are run over our store. Each of their queries is asked
// twice, of the engine and through the endpoint, and both must say the same,
// which must be what the script wants. Left out are scripts of experimental PromQL
// and those that load samples in an order that the store refuses.
func TestPrometheusOwnScriptsRunThroughTheEndpoint(t *testing.T) {
	dir := scripts(t)
	for _, name := range []string{
		"aggregators", "collision", "functions", "histograms", "literals", "native_histograms", "operators",
		"range_queries", "staleness", "subquery", "trig_functions",
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && slices.Contains([]string{"functions", "histograms", "native_histograms"}, name) {
				t.Skip("has thousands of queries")
			}
			text, err := os.ReadFile(filepath.Join(dir, name+".test"))
			if err != nil {
				t.Fatal(err)
			}
			script, left := stable(string(text))
			e := &engine{t: t}
			promqltest.RunTestWithStorage(t, script, e, func(t testing.TB) storage.Storage { return e.open(t) })
			t.Logf("%d queries, %d of experimental PromQL left out", e.queries, left)
			if e.queries < 5 {
				t.Error("hardly any query was asked")
			}
		})
	}
}

// scripts finds the folder of the scripts in Prometheus' module.
func scripts(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "promql", "promqltest", "testdata")
	if _, missing := os.Stat(dir); err != nil || missing != nil {
		testneeds.Missing(t, "promqltest", "Prometheus' module with its test scripts")
	}
	return dir
}

// stable leaves out the queries that a stable Prometheus does not understand.
func stable(script string) (kept string, left int) {
	var b strings.Builder
	skipping := false
	for line := range strings.Lines(script) {
		text := strings.TrimSpace(line)
		indented := line != "" && (line[0] == ' ' || line[0] == '\t')
		if !indented && text != "" {
			skipping = false
		}
		if strings.HasPrefix(text, "eval") && !strings.Contains(text, "_fail") {
			if _, err := cost.NewParser().ParseExpr(expression(text)); err != nil {
				skipping = true
				left++
			}
		}
		if !skipping {
			// Warnings tell the name of the metric when delayed-name-removal is on.
			b.WriteString(nameOfMetric.ReplaceAllString(line, "$1"))
		}
	}
	return b.String(), left
}

var nameOfMetric = regexp.MustCompile(`^(\s*expect \w+) .* for metric name ".*`)

// expression is what an eval line evaluates.
func expression(line string) string {
	words := strings.Fields(line)
	switch {
	case len(words) > 8 && words[1] == "range": // eval range from A to B step S EXPR
		return strings.Join(words[8:], " ")
	case len(words) > 4 && words[2] == "at": // eval instant at T EXPR
		return strings.Join(words[4:], " ")
	default:
		return strings.Join(words[2:], " ")
	}
}

// engine asks the engine and the endpoint.
type engine struct {
	t       testing.TB
	stand   *stand
	store   atomic.Pointer[metrics.DB]
	queries int
}

// open puts an empty store behind the endpoint; scripts do that dozens of times.
func (e *engine) open(t testing.TB) storage.Storage {
	if e.stand == nil {
		e.stand = open(t, metrics.Section{}, func(d *promapi.Deps) { d.DB = exchanged{d.DB, &e.store} })
		t.Cleanup(e.close)
	}
	e.close()
	db, err := metrics.Open(t.TempDir(), metrics.Section{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), &health.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	e.store.Store(db)
	return scriptStore{db.TSDB()}
}

func (e *engine) close() {
	if db := e.store.Swap(nil); db != nil {
		if err := db.Close(); err != nil {
			e.t.Error(err)
		}
	}
}

// exchanged is a database whose series are those of the store.
type exchanged struct {
	promapi.Database
	store *atomic.Pointer[metrics.DB]
}

func (e exchanged) SampleAndChunkQueryable() storage.SampleAndChunkQueryable { return e }

func (e exchanged) Querier(from, to int64) (storage.Querier, error) {
	return e.store.Load().SampleAndChunkQueryable().Querier(from, to)
}

func (e exchanged) ChunkQuerier(from, to int64) (storage.ChunkQuerier, error) {
	return e.store.Load().SampleAndChunkQueryable().ChunkQuerier(from, to)
}

// scriptStore is closed by the engine.
type scriptStore struct{ *tsdb.DB }

// Close implements storage.Storage.
func (scriptStore) Close() error { return nil }

func (e *engine) NewInstantQuery(ctx context.Context, q storage.Queryable, opts promql.QueryOpts, text string, at time.Time) (promql.Query, error) {
	query, err := e.stand.db.Engine().NewInstantQuery(ctx, q, opts, text, at)
	return e.both(query, err, "/api/v1/query", url.Values{"query": {text}, "time": {seconds(at)}})
}

func (e *engine) NewRangeQuery(ctx context.Context, q storage.Queryable, opts promql.QueryOpts, text string, start, end time.Time, step time.Duration) (promql.Query, error) {
	query, err := e.stand.db.Engine().NewRangeQuery(ctx, q, opts, text, start, end, step)
	return e.both(query, err, "/api/v1/query_range", url.Values{"query": {text}, "start": {seconds(start)}, "end": {seconds(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}})
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

func (e *engine) both(query promql.Query, err error, path string, form url.Values) (promql.Query, error) {
	if err != nil {
		if got := e.stand.post(e.t, path, form); got.Status != "error" {
			e.t.Errorf("%s: the engine says %v, the endpoint %.300s", form, err, got.raw)
		}
		return nil, err
	}
	return &asked{Query: query, engine: e, path: path, form: form}, nil
}

// asked is one query.
type asked struct {
	promql.Query
	engine *engine
	path   string
	form   url.Values
}

// Exec asks both, and returns what the engine says.
func (q *asked) Exec(ctx context.Context) *promql.Result {
	result := q.Query.Exec(ctx)
	// promqltest asks each query again at seven times by "@": some of those do.
	if q.engine.queries++; strings.Contains(q.form.Get("query"), "@ ") && q.engine.queries%16 > 0 {
		return result
	}
	got := q.engine.stand.post(q.engine.t, q.path, q.form)
	if result.Err != nil {
		if got.Error != strings.ToValidUTF8(result.Err.Error(), "\ufffd") {
			q.engine.t.Errorf("%s: the engine says %v, the endpoint %.300s", q.form, result.Err, got.raw)
		}
		return result
	}
	warnings, infos := result.Warnings.AsStrings(q.form.Get("query"), 10, 10)
	want, err := apiv1.JSONCodec{}.Encode(&apiv1.Response{
		Status: "success", Data: &apiv1.QueryData{ResultType: result.Value.Type(), Result: result.Value}, Warnings: warnings, Infos: infos,
	})
	if err != nil {
		q.engine.t.Errorf("%s: %v", q.form, err)
		return result
	}
	if diff := cmp.Diff(sorted(q.engine.t, want), sorted(q.engine.t, []byte(got.raw))); diff != "" {
		q.engine.t.Errorf("%s: engine and endpoint differ (-engine +endpoint):\n%s", q.form, diff)
	}
	return result
}

// sorted brings an answer into one order: maps have none.
func sorted(t testing.TB, raw []byte) any {
	t.Helper()
	var answer struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
		Warnings, Infos []string
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&answer); err != nil {
		t.Errorf("%v in %.300s", err, raw)
	}
	slices.Sort(answer.Warnings)
	slices.Sort(answer.Infos)
	lines := []string{answer.Data.ResultType}
	var series []json.RawMessage
	if answer.Data.ResultType == "scalar" || answer.Data.ResultType == "string" || json.Unmarshal(answer.Data.Result, &series) != nil {
		series = []json.RawMessage{answer.Data.Result}
	}
	for _, s := range series {
		lines = append(lines, string(s))
	}
	slices.Sort(lines[1:])
	return [][]string{lines, answer.Warnings, answer.Infos}
}
