package promapi

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"lapwing.dev/lapwing/internal/metrics"
)

// engineVersion is the Prometheus whose engine this is, as its own servers call
// themselves: clients decide by it what they may ask for.
const engineVersion = "3.15.0"

func (a *api) buildInfo() *apiv1.PrometheusVersion {
	return &apiv1.PrometheusVersion{
		Version: engineVersion, Revision: "lapwing-" + a.Version, Branch: "lapwing", BuildUser: "lapwing", GoVersion: runtime.Version(),
	}
}

func (a *api) runtimeInfo() (apiv1.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	at, ok := a.Reloaded()
	return apiv1.RuntimeInfo{
		StartTime: a.Started, Hostname: host, ServerTime: time.Now().UTC(), ReloadConfigSuccess: ok, LastConfigTime: at,
		GoroutineCount: runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0), StorageRetention: retention(a.DB.Section()),
	}, nil
}

// config is what /api/v1/status/config shows: the global part and the names of
// rule files. What scrapes and remote writes send along is not there, so that
// nothing of it can be secret.
func (a *api) config() config.Config {
	section := a.DB.Section()
	c := config.Config{GlobalConfig: config.DefaultGlobalConfig}
	c.GlobalConfig.ScrapeInterval = model.Duration(section.Every)
	c.GlobalConfig.EvaluationInterval = model.Duration(section.RuleInterval)
	c.GlobalConfig.ExternalLabels = labels.FromMap(section.Labels)
	for _, group := range a.Rules.Groups() { // by file
		if file := group.File(); len(c.RuleFiles) == 0 || c.RuleFiles[len(c.RuleFiles)-1] != file {
			c.RuleFiles = append(c.RuleFiles, file)
		}
	}
	return c
}

// serveFlags answers /api/v1/status/flags: those of Prometheus' that clients look
// at, as they are in force.
func (a *api) serveFlags(w http.ResponseWriter, _ *http.Request) {
	s := a.DB.Section()
	succeed(w, map[string]string{
		"query.lookback-delta":             "5m",
		"query.max-concurrency":            strconv.Itoa(s.Query.Concurrent),
		"query.max-samples":                strconv.Itoa(s.Query.MaxSamples),
		"query.timeout":                    model.Duration(s.Query.Timeout).String(),
		"storage.tsdb.retention.size":      strconv.FormatInt(int64(s.MaxSize), 10) + "B",
		"storage.tsdb.retention.time":      model.Duration(s.Retention).String(),
		"web.enable-admin-api":             "false",
		"web.enable-lifecycle":             "false",
		"web.enable-otlp-receiver":         strconv.FormatBool(a.OTLP != nil),
		"web.enable-remote-write-receiver": strconv.FormatBool(a.RemoteWrite != nil),
		"web.external-url":                 strings.TrimSuffix(a.ExternalURL(), "/") + Prefix,
		"web.route-prefix":                 Prefix,
	})
}

func retention(s metrics.Section) string {
	text := model.Duration(s.Retention).String()
	if s.MaxSize > 0 {
		text += " or " + strconv.FormatInt(int64(s.MaxSize)>>20, 10) + "MiB"
	}
	return text
}

// errNotHere is the answer to what no route leads to.
var errNotHere = errors.New("this server's series cannot be changed by the API")

// tsdbStats is what the API may know of the store, and nothing that it may do.
type tsdbStats struct{ db *tsdb.DB }

func (tsdbStats) CleanTombstones() error { return errNotHere }

func (tsdbStats) Delete(context.Context, int64, int64, ...*labels.Matcher) error { return errNotHere }

func (tsdbStats) Snapshot(string, bool) error { return errNotHere }

func (tsdbStats) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

func (s tsdbStats) BlockMetas() ([]tsdb.BlockMeta, error) { return s.db.BlockMetas(), nil }

func (s tsdbStats) Stats(label string, limit int) (*tsdb.Stats, error) {
	return s.db.Head().Stats(label, limit), nil
}

// headChunks gathers the one metric that /api/v1/status/tsdb looks for among all.
type headChunks struct{ from prometheus.Gatherer }

// Gather implements prometheus.Gatherer.
func (g headChunks) Gather() ([]*dto.MetricFamily, error) {
	name, none := "prometheus_tsdb_head_chunks", 0.0
	if g.from != nil {
		families, err := g.from.Gather()
		for _, f := range families {
			if err == nil && f.GetName() == name && len(f.GetMetric()) == 1 {
				return []*dto.MetricFamily{f}, nil
			}
		}
	}
	return []*dto.MetricFamily{{Name: &name, Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &none}}}}}, nil
}
