// Package deploy_test holds what is shipped for Grafana and Prometheus to what
// the product measures.
package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/cost"
	"lapwing.dev/lapwing/internal/metrics/rules"
	"lapwing.dev/lapwing/internal/testneeds"
)

// query is an expression that is shipped, and where it stands.
type query struct{ where, expr string }

// board is what these tests read of a dashboard.
type board struct {
	UID, Title    string
	SchemaVersion int `json:"schemaVersion"`
	Templating    struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int } `json:"gridPos"`
		Targets     []struct {
			Expr       string
			Datasource struct{ UID string }
		}
	}
}

func boards(t *testing.T) map[string]board {
	t.Helper()
	files, err := filepath.Glob("grafana/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no dashboards", err)
	}
	all := map[string]board{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var b board
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[file] = b
	}
	return all
}

func TestDashboardsAreWhatGrafanaTakes(t *testing.T) {
	builtIn := []string{"row", "stat", "timeseries", "table", "state-timeline", "heatmap"}
	for file, b := range boards(t) {
		if want := "lapwing-" + strings.TrimSuffix(filepath.Base(file), ".json"); b.UID != want {
			t.Errorf("%s: its uid is %q, want %q: links to it would break", file, b.UID, want)
		}
		if b.SchemaVersion > 39 {
			t.Errorf("%s: schema version %d is newer than Grafana 10", file, b.SchemaVersion)
		}
		ids, places := map[int]bool{}, map[[2]int]string{}
		for _, p := range b.Panels {
			if ids[p.ID] {
				t.Errorf("%s: two panels have the id %d", file, p.ID)
			}
			ids[p.ID] = true
			if !slices.Contains(builtIn, p.Type) {
				t.Errorf("%s: the panel %q needs a plugin: %s", file, p.Title, p.Type)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, taken := places[[2]int{x, y}]; taken || x >= 24 {
						t.Fatalf("%s: %q lies over %q", file, p.Title, other)
					}
					places[[2]int{x, y}] = p.Title
				}
			}
			for _, target := range p.Targets {
				if target.Datasource.UID != "${datasource}" {
					t.Errorf("%s: %q does not ask the chosen data source", file, p.Title)
				}
			}
		}
	}
}

func TestTheDataSourceIsTheOneOfTheDashboards(t *testing.T) {
	text, err := os.ReadFile("grafana/provisioning/datasources/lapwing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Datasources []struct{ UID, Type, URL string }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	want := struct{ UID, Type, URL string }{"lapwing", "prometheus", "http://lapwing:7480/prometheus"}
	if len(file.Datasources) != 1 || file.Datasources[0] != want {
		t.Errorf("got %+v", file.Datasources)
	}
}

func TestPromtoolTakesTheRulesAndTheirTests(t *testing.T) {
	promtool := testneeds.Program(t, "promtool", "promtool")
	for _, args := range [][]string{{"check", "rules", "lapwing.rules.yaml"}, {"test", "rules", "lapwing.tests.yaml"}} {
		command := exec.CommandContext(t.Context(), promtool, args...)
		command.Dir = "prometheus"
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestLapwingTakesTheRules(t *testing.T) {
	m := rules.New(rules.Deps{Log: slog.New(slog.DiscardHandler)})
	if _, err := m.Prepare(metrics.Config{Rules: []string{"prometheus/*.rules.yaml"}, Dir: "."}); err != nil {
		t.Error(err)
	}
}

// Each query that is shipped names metrics that Lapwing has, by labels that they
// have, and yields something from series as Lapwing makes them.
func TestQueriesAskForWhatThereIs(t *testing.T) {
	known := reference(t)
	db, err := metrics.Open(t.TempDir(), metrics.Section{}, slog.New(slog.DiscardHandler), nil, &health.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := time.Now().Truncate(time.Second)
	invent(t, db.TSDB(), known, now)
	for _, q := range queries(t, known) {
		expr, err := cost.NewParser().ParseExpr(macros.Replace(q.expr))
		if err != nil {
			t.Errorf("%s: %s: %v", q.where, q.expr, err)
			continue
		}
		if err := known.check(expr); err != nil {
			t.Errorf("%s: %s: %v", q.where, q.expr, err)
			continue
		}
		answer, err := db.Engine().NewInstantQuery(t.Context(), db.Queryable(), nil, expr.String(), now)
		if err != nil {
			t.Errorf("%s: %s: %v", q.where, q.expr, err)
			continue
		}
		result := answer.Exec(t.Context())
		vector, err := result.Vector()
		switch {
		case err != nil:
			t.Errorf("%s: %s: %v", q.where, q.expr, err)
		case len(vector) == 0 && !strings.Contains(q.where, "alert "): // these are to yield nothing as a rule
			t.Errorf("%s: %s yields nothing", q.where, q.expr)
		}
		answer.Close()
	}
}

// macros are Grafana's, as it fills them in.
var macros = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "15s", "$__range", "1h",
	"$api", ".*", "$operation", ".*", "$check", ".*", "$policy", ".*")

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// queries are those of all dashboards, and of the rules. Recording rules become
// known.
func queries(t *testing.T, known catalogue) []query {
	t.Helper()
	var list []query
	for file, b := range boards(t) {
		for _, p := range b.Panels {
			for _, target := range p.Targets {
				list = append(list, query{file + ", panel " + p.Title, target.Expr})
			}
		}
		for _, v := range b.Templating.List {
			if v.Type != "query" {
				continue
			}
			found := labelValues.FindStringSubmatch(v.Definition)
			if found == nil {
				t.Errorf("%s: the variable %s asks %q", file, v.Name, v.Definition)
				continue
			}
			list = append(list, query{file + ", variable " + v.Name, "count by (" + found[2] + ") (" + found[1] + ")"})
		}
	}
	text, err := os.ReadFile("prometheus/lapwing.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Record != "" {
				known[rule.Record] = metric{"gauge", []string{"api"}}
				list = append(list, query{"rule " + rule.Record, rule.Expr})
			} else {
				list = append(list, query{"alert " + rule.Alert, rule.Expr})
			}
		}
	}
	return list
}

// metric is a line of the reference.
type metric struct {
	kind   string
	labels []string
}

// catalogue is what Lapwing measures, by name of the series.
type catalogue map[string]metric

var row = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (\\w+) \\| ([^|]*) \\|")

// reference reads docs/reference/metrics.md, which is written from what a
// running server says.
func reference(t *testing.T) catalogue {
	t.Helper()
	text, err := os.ReadFile("../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := catalogue{"ALERTS": {"gauge", []string{"alertname", "alertstate", "severity", "api", "check"}}}
	for _, found := range row.FindAllStringSubmatch(string(text), -1) {
		m := metric{kind: found[2]}
		for label := range strings.SplitSeq(found[3], ", ") {
			m.labels = append(m.labels, strings.Trim(label, "` "))
		}
		if strings.HasPrefix(found[1], "probe_") || strings.HasPrefix(found[1], "lapwing_check_") && !strings.HasPrefix(found[1], "lapwing_check_r") {
			m.labels = append(m.labels, "check", "api")
		}
		m.labels = slices.DeleteFunc(m.labels, func(l string) bool { return l == "" })
		known[found[1]] = m
		if m.kind == "histogram" {
			for _, suffix := range []string{"_count", "_sum"} {
				known[found[1]+suffix] = metric{"counter", m.labels}
			}
			if !strings.HasPrefix(found[1], "http_server_request_duration") { // that one is stored as a native histogram
				known[found[1]+"_bucket"] = metric{"bucket", append([]string{"le"}, m.labels...)}
			}
		}
	}
	if len(known) < 50 {
		t.Fatalf("the reference has %d metrics only", len(known))
	}
	return known
}

// check finds metrics and labels that nobody has.
func (c catalogue) check(expr parser.Expr) error {
	var wrong []error
	var names []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			m, ok := c[n.Name]
			if !ok {
				wrong = append(wrong, errors.New("nobody measures "+n.Name))
				return nil
			}
			names = append(names, m.labels...)
			for _, matcher := range n.LabelMatchers {
				if matcher.Name != model.MetricNameLabel && !slices.Contains(m.labels, matcher.Name) {
					wrong = append(wrong, errors.New(n.Name+" has no label "+matcher.Name))
				}
			}
		case *parser.AggregateExpr:
			wrong = append(wrong, c.grouping(n)...)
		}
		return nil
	})
	return errors.Join(wrong...)
}

// grouping finds labels of an aggregation that none of its metrics has.
func (c catalogue) grouping(n *parser.AggregateExpr) []error {
	var have []string
	parser.Inspect(n.Expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			have = append(have, c[selector.Name].labels...)
		}
		return nil
	})
	var wrong []error
	for _, label := range n.Grouping {
		if !slices.Contains(have, label) {
			wrong = append(wrong, errors.New(n.String()+" has no label "+label))
		}
	}
	return wrong
}

// values are what labels hold where queries ask for certain ones.
var values = map[string][]string{
	"status": {"2xx", "5xx"}, "state": {"up", "degraded", "down", "paused", "unknown", "firing", "pending"}, "verdict": {"allow", "reject"},
	"error_type": {"", "reset"}, "result": {"allow", "reject"}, "mode": {"enforced", "shadow"}, "kind": {"rate", "quota"},
	"alertstate": {"firing"}, "window": {"5m", "1h"}, "severity": {"failing"}, "operation": {"", "GET /orders"}, "le": {"0.1", "1", "+Inf"},
}

// invent writes series of all metrics for some minutes, as a busy server does.
func invent(t *testing.T, db storage.Appendable, known catalogue, until time.Time) {
	t.Helper()
	appender := db.Appender(context.Background())
	for name, m := range known {
		for _, l := range combinations(name, m.labels) {
			for i := range 20 {
				at, v := until.Add(time.Duration(i-19)*15*time.Second).UnixMilli(), float64(i%3)
				var err error
				switch m.kind {
				case "histogram":
					_, err = appender.AppendHistogram(0, l, at, native(i), nil)
				case "counter", "bucket":
					_, err = appender.Append(0, l, at, float64(i*10))
				default:
					_, err = appender.Append(0, l, at, v)
				}
				if err != nil {
					t.Fatal(name, err)
				}
			}
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

func native(i int) *histogram.Histogram {
	n := int64(i + 1)
	return &histogram.Histogram{
		Schema: 3, Count: uint64(2 * n), Sum: float64(n), ZeroThreshold: 1e-9, // #nosec G115 -- a few
		PositiveSpans: []histogram.Span{{Offset: -20, Length: 2}}, PositiveBuckets: []int64{n, 0},
	}
}

// combinations are the series of a metric: each value that matters, of each label.
func combinations(name string, names []string) []labels.Labels {
	all := []map[string]string{{model.MetricNameLabel: name, "job": "lapwing", "instance": "host"}}
	for _, label := range names {
		choices := values[label]
		if choices == nil {
			choices = []string{"one"}
		}
		var next []map[string]string
		for _, have := range all {
			for _, choice := range choices {
				one := map[string]string{label: choice}
				for k, v := range have {
					if k != label {
						one[k] = v
					}
				}
				next = append(next, one)
			}
		}
		all = next
	}
	out := make([]labels.Labels, len(all))
	for i, one := range all {
		out[i] = labels.FromMap(one)
	}
	return out
}
