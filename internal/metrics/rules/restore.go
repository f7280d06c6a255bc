package rules

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// restorer lets alerts that were kept firing go on after a restart. Prometheus
// restores for how long a condition has held, and only while it holds; what
// keep_firing_for keeps it forgets. So the first evaluations of a rule get what
// was firing, by the series ALERTS, beside what its expression yields.
type restorer struct {
	queryable storage.Queryable

	mu     sync.Mutex
	groups map[*promrules.Group]*restoration
}

// restoration is what is known of a group that began a moment ago.
type restoration struct {
	group *promrules.Group
	begun time.Time
	kept  map[*promrules.AlertingRule][]labels.Labels
}

type restorationKey struct{}

// begin returns the context of an evaluation.
func (r *restorer) begin(ctx context.Context, g *promrules.Group, at time.Time) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.groups[g]
	if one == nil {
		one = &restoration{group: g, begun: at, kept: map[*promrules.AlertingRule][]labels.Labels{}}
		if r.groups == nil {
			r.groups = map[*promrules.Group]*restoration{}
		}
		r.groups[g] = one
	}
	// Two evaluations, then Prometheus restores, then an alert fires again; one
	// with a short `for` waits for that first.
	if at.Sub(one.begun) > 3*g.Interval()+forGrace {
		one.kept = nil
		return ctx
	}
	return context.WithValue(ctx, restorationKey{}, one)
}

// keep forgets the groups that are gone.
func (r *restorer) keep(groups []*promrules.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for g := range r.groups {
		if !slices.Contains(groups, g) {
			delete(r.groups, g)
		}
	}
}

// complete adds what was kept firing to what the expression of a rule yields.
func (r *restorer) complete(ctx context.Context, query string, at time.Time, vector promql.Vector) promql.Vector {
	one, ok := ctx.Value(restorationKey{}).(*restoration)
	if !ok {
		return vector
	}
	rule := one.rule(promrules.FromOriginContext(ctx), query)
	if rule == nil {
		return vector
	}
	// A group evaluates its rules one after the other: no lock.
	kept, known := one.kept[rule]
	if !known {
		kept = r.firing(ctx, rule, at)
	}
	present := make(map[uint64]bool, len(vector))
	for i := range vector {
		present[identity(rule, vector[i].Metric).Hash()] = true
	}
	firing := map[uint64]bool{}
	rule.ForEachActiveAlert(func(a *promrules.Alert) {
		if a.State == promrules.StateFiring {
			firing[identity(rule, a.Labels).Hash()] = true
		}
	})
	kept = slices.DeleteFunc(kept, func(l labels.Labels) bool { return present[l.Hash()] || firing[l.Hash()] })
	one.kept[rule] = kept
	for _, l := range kept {
		vector = append(vector, promql.Sample{Metric: l, T: timestamp.FromTime(at), F: math.NaN()})
	}
	return vector
}

// rule is the rule that asks, if it keeps alerts firing and this is its own expression.
func (r *restoration) rule(detail promrules.RuleDetail, query string) *promrules.AlertingRule {
	if detail.Kind != promrules.KindAlerting || detail.Query != query {
		return nil
	}
	for _, rule := range r.group.Rules() {
		alerting, ok := rule.(*promrules.AlertingRule)
		if ok && alerting.KeepFiringFor() > 0 && alerting.Name() == detail.Name &&
			labels.Equal(alerting.Labels(), detail.Labels) && alerting.Query().String() == query {
			return alerting
		}
	}
	return nil
}

// firing reads which alerts of a rule were firing when rules were last
// evaluated, if that is less than keep_firing_for ago.
func (r *restorer) firing(ctx context.Context, rule *promrules.AlertingRule, at time.Time) []labels.Labels {
	since := at.Add(-min(rule.KeepFiringFor(), outageTolerance))
	querier, err := r.queryable.Querier(timestamp.FromTime(since), timestamp.FromTime(at))
	if err != nil {
		return nil
	}
	defer func() { _ = querier.Close() }() //nolint:errcheck // it was read only
	var found []labels.Labels
	series := querier.Select(ctx, false, nil,
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, "ALERTS"),
		labels.MustNewMatcher(labels.MatchEqual, labels.AlertName, rule.Name()),
		labels.MustNewMatcher(labels.MatchEqual, "alertstate", promrules.StateFiring.String()),
	)
	var samples chunkenc.Iterator
	for series.Next() && len(found) < maxSeries {
		last := math.Float64frombits(value.StaleNaN)
		samples = series.At().Iterator(samples)
		for samples.Next() == chunkenc.ValFloat {
			_, last = samples.At()
		}
		if !value.IsStaleNaN(last) {
			found = append(found, identity(rule, series.At().Labels()))
		}
	}
	return found
}

// identity is what tells the alerts of a rule apart: the labels of the sample
// that raised it, without those that the rule gives to all of them.
func identity(rule *promrules.AlertingRule, l labels.Labels) labels.Labels {
	b := labels.NewBuilder(l)
	b.Del(model.MetricNameLabel, labels.AlertName, "alertstate")
	rule.Labels().Range(func(own labels.Label) { b.Del(own.Name) })
	return b.Labels()
}
