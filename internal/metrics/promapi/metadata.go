package promapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/metrics"
)

// metadataFor is how long metadata is kept: to read it, all metrics are read.
const metadataFor = 15 * time.Second

// description is what is known of a metric.
type description struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// metadataCache has the metadata of our own metrics.
type metadataCache struct {
	mu  sync.Mutex
	at  time.Time
	own map[string]description
}

// ownMetadata describes the metrics that are taken from this server. The map
// must not be changed.
func (a *api) ownMetadata() map[string]description {
	c := &a.metadata
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own != nil && time.Since(c.at) < metadataFor {
		return c.own
	}
	c.own, c.at = map[string]description{}, time.Now()
	add := func(f *dto.MetricFamily) error {
		kind := strings.ToLower(f.GetType().String())
		if f.GetType() == dto.MetricType_UNTYPED {
			kind = "unknown"
		}
		c.own[f.GetName()] = description{Type: kind, Help: f.GetHelp(), Unit: f.GetUnit()}
		return nil
	}
	_ = metrics.Everything(a.Gatherer, a.Sources, nil)(add) //nolint:errcheck // add never fails, and what could be gathered is described
	return c.own
}

// serveMetadata answers /api/v1/metadata: our own metrics, which nobody scrapes,
// and those of targets.
func (a *api) serveMetadata(w http.ResponseWriter, r *http.Request) {
	limit, err := number(r, "limit")
	if err != nil {
		fail(w, http.StatusBadRequest, "bad_data", "limit must be a number")
		return
	}
	perMetric, err := number(r, "limit_per_metric")
	if err != nil {
		fail(w, http.StatusBadRequest, "bad_data", "limit_per_metric must be a number")
		return
	}
	wanted := r.FormValue("metric")
	all := map[string][]description{}
	add := func(name string, d description) {
		if wanted != "" && name != wanted || perMetric > 0 && len(all[name]) >= perMetric || slices.Contains(all[name], d) {
			return
		}
		all[name] = append(all[name], d)
	}
	for name, d := range a.ownMetadata() {
		add(name, d)
	}
	for _, targets := range a.Targets.TargetsActive() {
		for _, t := range targets {
			if wanted != "" {
				if m, ok := t.GetMetadata(wanted); ok {
					add(m.MetricFamily, description{string(m.Type), m.Help, m.Unit})
				}
				continue
			}
			for _, m := range t.ListMetadata() {
				add(m.MetricFamily, description{string(m.Type), m.Help, m.Unit})
			}
		}
	}
	if limit >= 0 && len(all) > limit {
		for _, name := range slices.Sorted(maps.Keys(all))[limit:] {
			delete(all, name)
		}
	}
	succeed(w, all)
}

// number reads a parameter; -1 is none.
func number(r *http.Request, name string) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return -1, nil
	}
	return strconv.Atoi(text)
}
