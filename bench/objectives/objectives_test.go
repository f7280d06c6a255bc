//go:build unix

// Package objectives measures what 1,000 objectives with four pairs of windows
// each cost, beside the same as PromQL rules, as Sloth generates them:
//
//	go test -run Cost -bench Cost -v ./bench/objectives
//
// Both in one process, one after the other. A minute of Lapwing's is simulated
// (testing/synctest): the Manager runs as it does in a server, with requests to
// all operations, and what is measured is the CPU time of the process, the
// requests' own included. The rules are evaluated by Prometheus' own engine over
// its own storage, over three days of samples, one every two minutes: a server has
// four to eight times as many.
package objectives

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

const (
	apis         = 10
	perAPI       = 100
	simulated    = 20 * time.Minute
	ruleInterval = 30 * time.Second
)

func TestCostOfAThousandObjectives(t *testing.T) {
	if flag.Lookup("test.bench").Value.String() == "" {
		t.Skip("a measurement: go test -run Cost -bench Cost -v ./bench/objectives")
	}
	minute := lapwing(t)
	evaluation := rules(t)
	byRules := evaluation * (time.Minute / ruleInterval)
	fmt.Printf("Lapwing   %10s of CPU a minute: %d objectives, looked at every 5 s (%s a look)\n", minute.Round(time.Microsecond), apis*perAPI, (minute / 12).Round(time.Microsecond))
	fmt.Printf("PromQL    %10s of CPU a minute: the same windows as rules, every %s (%s an evaluation)\n", byRules.Round(time.Millisecond), ruleInterval, evaluation.Round(time.Millisecond))
	fmt.Printf("ratio     %10.0f a minute, %.0f a look\n", float64(byRules)/float64(minute), float64(evaluation)/float64(minute/12))
}

// lapwing returns the CPU time of a minute.
func lapwing(t *testing.T) (minute time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		m := slo.New(slo.Deps{Log: slog.New(slog.DiscardHandler), Store: nowhere{}})
		commit, err := m.Prepare(slo.Config{APIs: configuration()})
		if err != nil {
			t.Fatal(err)
		}
		commit()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		defer running.Wait()
		defer cancel()
		requests(m, 5*time.Minute)
		runtime.GC()
		before := cpu()
		requests(m, simulated)
		minute = (cpu() - before) / (simulated / time.Minute)
		if list := m.Budgets(); len(list) != apis*perAPI || list[0].Requests == 0 {
			t.Fatalf("%d budgets: %+v", len(list), list[0])
		}
	})
	return minute
}

func configuration() []catalog.API {
	list := make([]catalog.API, apis)
	for i := range list {
		list[i] = catalog.API{Name: "api" + strconv.Itoa(i), URL: "http://127.0.0.1:8000"}
		for j := range perAPI {
			o := catalog.Objective{Name: "o" + strconv.Itoa(j), Operation: "GET " + route(j), Target: .999}
			if j%2 == 1 {
				o.Latency = units.Duration(300 * time.Millisecond)
			}
			list[i].Objectives = append(list[i].Objectives, o)
		}
	}
	return list
}

func route(n int) string { return "/resource" + strconv.Itoa(n) + "/{id}" }

// requests has one to each operation every five seconds.
func requests(m *slo.Manager, length time.Duration) {
	e := &observe.Exchange{Source: observe.SourceGateway, Method: "GET", Status: 200, Verdict: observe.Allowed}
	names, routes := make([]string, apis), make([]string, perAPI)
	for i := range names {
		names[i] = "api" + strconv.Itoa(i)
	}
	for i := range routes {
		routes[i] = route(i)
	}
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(5 * time.Second) {
		e.Time = time.Now()
		for i := range apis {
			for j := range perAPI {
				e.API, e.Route, e.Duration = names[i], routes[j], time.Duration(j)*5*time.Millisecond
				m.Observe(e)
			}
		}
	}
}

// nowhere is a store that keeps nothing.
type nowhere struct{}

func (nowhere) PutSteps(context.Context, []slo.Step) error                   { return nil }
func (nowhere) Steps(context.Context, slo.Query, func(slo.Step) error) error { return nil }
func (nowhere) PruneSteps(context.Context, time.Duration, time.Time) error   { return nil }
func (nowhere) PutConditions(context.Context, []slo.Condition) error         { return nil }
func (nowhere) Conditions(context.Context) (list []slo.Condition, err error) { return nil, nil }
func (nowhere) PutTopErrors(context.Context, []slo.TopError) error           { return nil }
func (nowhere) TopErrors(context.Context) (list []slo.TopError, err error)   { return nil, nil }

// rules returns the CPU time of one evaluation of all rules.
func rules(t *testing.T) time.Duration {
	const (
		history = 3 * 24 * time.Hour
		scrape  = 2 * time.Minute
	)
	options := tsdb.DefaultOptions()
	options.MinBlockDuration = int64(7 * 24 * time.Hour / time.Millisecond) // all of it stays in memory
	options.MaxBlockDuration = options.MinBlockDuration
	options.WALSegmentSize = -1 // no log: it is not what is measured
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := time.Now().Truncate(time.Minute)
	for at := now.Add(-history); !at.After(now); at = at.Add(scrape) {
		app := db.Appender(t.Context())
		n := float64(at.Sub(now.Add(-history)) / time.Second)
		for i := range apis * perAPI {
			id := strconv.Itoa(i)
			for _, s := range []struct {
				name  string
				value float64
			}{{"requests_total", n}, {"errors_total", float64(int(n) / 2000)}} {
				if _, err := app.Append(0, labels.FromStrings("__name__", s.name, "objective", id), at.UnixMilli(), s.value); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute})
	runtime.GC()
	before := cpu()
	for i := range apis * perAPI {
		for _, window := range []string{"5m", "30m", "1h", "2h", "6h", "1d", "3d"} {
			expr := fmt.Sprintf(`sum(rate(errors_total{objective="%d"}[%s])) / sum(rate(requests_total{objective="%d"}[%s]))`, i, window, i, window)
			query, err := engine.NewInstantQuery(t.Context(), db, nil, expr, now)
			if err != nil {
				t.Fatal(err)
			}
			result := query.Exec(t.Context())
			if v, err := result.Vector(); err != nil || len(v) != 1 {
				t.Fatalf("%s: %v, %v", expr, v, err)
			}
			query.Close()
		}
	}
	return cpu() - before
}

// cpu is the time that the process has computed.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
