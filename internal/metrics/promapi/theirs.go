package promapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/grafana/regexp"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/notifications"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// The bounds of remote read.
const (
	readSamples    = 5_000_000
	readConcurrent = 4
	readFrame      = 1 << 20 // bytes
)

// nobody's origin: answers are for clients with a token, not for the scripts of
// other sites.
var nobody = regexp.MustCompile(`$^`)

// theirs is Prometheus' own API. Its constructor takes some 45 values in a row,
// which change with its versions: this is the only place that knows them. Nil
// for any that it calls would panic, so everything is given, and what is off is
// off.
func theirs(a *api) *apiv1.API {
	return apiv1.NewAPI(
		a.DB.Engine(),
		a.DB.SampleAndChunkQueryable(),
		nil, nil, // appendables: what takes samples is handed in as handlers
		a.DB.ExemplarQueryable(),
		func(context.Context) apiv1.ScrapePoolsRetriever { return a.Targets },
		func(context.Context) apiv1.TargetRetriever { return a.Targets },
		func(context.Context) apiv1.AlertmanagerRetriever { return a },
		a.config,
		nil, // flags: they are ours
		a.globalURL(),
		func(h http.HandlerFunc) http.HandlerFunc { return h }, // ready
		tsdbStats{a.DB.TSDB()},
		a.DB.Dir(),
		false,    // admin
		false, 0, // search
		a.Log,
		func(context.Context) apiv1.RulesRetriever { return a },
		readSamples, readConcurrent, readFrame,
		false, // agent
		nobody,
		a.runtimeInfo,
		a.buildInfo(),
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, func() {}, false },
		headChunks{a.Gatherer},
		nil,        // registerer
		nil,        // statistics of queries: as Prometheus renders them
		false, nil, // remote write
		false, false, false, // OTLP, its deltas
		false,        // zero samples at start times
		0,            // lookback of OTLP's deltas
		false, false, // type and unit labels, metadata in the write-ahead log
		nil, // other status codes
		nil, // registry of features
		// Its description of itself is not served: the less is in it, the better.
		apiv1.OpenAPIOptions{IncludePaths: []string{"none"}},
		a.parser,
	)
}

// RuleGroups implements apiv1.RulesRetriever.
func (a *api) RuleGroups() []*promrules.Group { return a.Rules.Groups() }

// AlertingRules implements apiv1.RulesRetriever.
func (a *api) AlertingRules() []*promrules.AlertingRule {
	var rules []*promrules.AlertingRule
	for _, group := range a.Rules.Groups() {
		rules = append(rules, group.AlertingRules()...)
	}
	return rules
}

type noRules struct{}

func (noRules) Groups() []*promrules.Group { return nil }

// Alertmanagers implements apiv1.AlertmanagerRetriever: it is the one inside.
func (a *api) Alertmanagers() []*url.URL {
	own, err := url.Parse(a.ExternalURL())
	if err != nil {
		return nil
	}
	return []*url.URL{own.JoinPath("alertmanager/api/v2/alerts")}
}

// DroppedAlertmanagers implements apiv1.AlertmanagerRetriever.
func (a *api) DroppedAlertmanagers() []*url.URL { return nil }

func (a *api) globalURL() apiv1.GlobalURLOptions {
	own, err := url.Parse(a.ExternalURL())
	if err != nil {
		own = &url.URL{}
	}
	return apiv1.GlobalURLOptions{ListenAddress: own.Host, Host: own.Host, Scheme: own.Scheme}
}
