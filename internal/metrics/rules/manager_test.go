package rules_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/metrics/rules"
)

const errorRate = `
groups:
  - name: api
    interval: 10s
    labels: {team: shop}
    rules:
      - record: api:errors:ratio
        expr: sum by (api) (errors) / sum by (api) (requests)
      - alert: ErrorRate
        expr: api:errors:ratio > 0.05
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.api }} fails {{ $value | humanizePercentage }}'
          page: '{{ $externalURL }}apis/{{ $labels.api }}'
`

// The clock of these stories is the test's: hours take no time.
func story(t *testing.T, tell func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, tell)
}

// pass lets time go by, and samples come meanwhile.
func pass(t *testing.T, d time.Duration, each func()) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		each()
		time.Sleep(5 * time.Second)
	}
	synctest.Wait()
}

func TestAnAlertIsPendingThenFiresThenEnds(t *testing.T) {
	story(t, func(t *testing.T) {
		db, dir := openDB(t, t.TempDir()), t.TempDir()
		defer db.close(t)
		write(t, dir, "api.yaml", errorRate)
		s := start(t, dir, db)
		defer s.stop()
		errors := 10.0
		samples := func() {
			db.put(t, `errors{api="orders"}`, errors)
			db.put(t, `requests{api="orders"}`, 100)
		}
		begun := time.Now()
		pass(t, 50*time.Second, samples)
		if got := s.Pending(); len(got) != 1 || got[0].Labels["alertname"] != "ErrorRate" || got[0].Starts.Before(begun) {
			t.Fatalf("pending after 50 s: %+v", got)
		}
		if told := s.news(); len(told) != 0 {
			t.Fatalf("told too early: %+v", told)
		}
		pass(t, time.Minute, samples)
		told := s.news()
		if len(told) == 0 {
			t.Fatal("nobody was told after a minute")
		}
		want := rules.Alert{
			Labels:      map[string]string{"alertname": "ErrorRate", "api": "orders", "severity": "critical", "team": "shop"},
			Annotations: map[string]string{"summary": "orders fails 10%", "page": "http://lapwing.example/apis/orders"},
			Expr:        "api:errors:ratio > 0.05",
			Starts:      told[0].Starts, ValidUntil: told[0].Starts.Add(4 * time.Minute),
		}
		if diff := cmp.Diff(want, told[0]); diff != "" {
			t.Error(diff)
		}
		if held := told[0].Starts.Sub(begun); held < time.Minute || held > 90*time.Second {
			t.Errorf("it fires after %s", held)
		}
		if got := db.latest(t, "api:errors:ratio", "api"); got["orders"] != 0.1 {
			t.Errorf("recorded: %v", got)
		}
		errors = 1
		pass(t, 30*time.Second, samples)
		told = s.news()
		if len(told) == 0 || told[len(told)-1].Ends.IsZero() {
			t.Errorf("the end was not told: %+v", told)
		}
	})
}

func TestAConditionThatHeldBeforeARestartDoesNotBeginAnew(t *testing.T) {
	story(t, func(t *testing.T) {
		data, dir := t.TempDir(), t.TempDir()
		write(t, dir, "api.yaml", strings.Replace(errorRate, "for: 1m", "for: 10m", 1))
		db := openDB(t, data)
		samples := func() {
			db.put(t, `errors{api="orders"}`, 10)
			db.put(t, `requests{api="orders"}`, 100)
		}
		s := start(t, dir, db)
		pass(t, 7*time.Minute, samples)
		if told := s.news(); len(told) != 0 {
			t.Fatalf("told before ten minutes: %+v", told)
		}
		s.stop()
		db.close(t)
		time.Sleep(time.Minute) // the server is away

		db = openDB(t, data)
		defer func() { db.close(t) }()
		s = start(t, dir, db)
		defer s.stop()
		begun := time.Now()
		pass(t, 5*time.Minute, samples)
		told := s.news()
		if len(told) == 0 {
			t.Fatal("after seven minutes, a restart and five more nobody was told")
		}
		if after := told[0].Starts.Sub(begun); after > 4*time.Minute {
			t.Errorf("it fired %s after the restart", after)
		}
	})
}

func TestWhatIsKeptFiringGoesOnAfterARestart(t *testing.T) {
	const kept = `
groups:
  - name: jobs
    interval: 10s
    rules:
      - alert: JobFailed
        expr: failed > 0
        keep_firing_for: 30m
        labels: {severity: warning}
      - alert: JobSlow
        expr: failed > 0
        for: 2m
        keep_firing_for: 30m
`
	story(t, func(t *testing.T) {
		data, dir := t.TempDir(), t.TempDir()
		write(t, dir, "jobs.yaml", kept)
		db := openDB(t, data)
		s := start(t, dir, db)
		pass(t, 4*time.Minute, func() { db.put(t, `failed{job="night"}`, 1) })
		pass(t, 5*time.Minute, func() { db.put(t, `failed{job="night"}`, 0) })
		for _, a := range s.news() {
			if !a.Ends.IsZero() {
				t.Fatalf("it ended although it is kept: %+v", a)
			}
		}
		s.stop()
		db.close(t)
		time.Sleep(2 * time.Minute)

		db = openDB(t, data)
		defer func() { db.close(t) }()
		s = start(t, dir, db)
		defer s.stop()
		pass(t, 5*time.Minute, func() { db.put(t, `failed{job="night"}`, 0) })
		firing := map[string]map[string]string{}
		for _, a := range s.news() {
			if !a.Ends.IsZero() {
				t.Errorf("it ended with the restart: %+v", a)
			}
			firing[a.Labels["alertname"]] = a.Labels
		}
		want := map[string]map[string]string{
			"JobFailed": {"alertname": "JobFailed", "job": "night", "severity": "warning"},
			"JobSlow":   {"alertname": "JobSlow", "job": "night"},
		}
		if diff := cmp.Diff(want, firing); diff != "" {
			t.Errorf("firing after the restart: %s", diff)
		}
		pass(t, 45*time.Minute, func() { db.put(t, `failed{job="night"}`, 0) })
		ended := map[string]bool{}
		for _, a := range s.news() {
			ended[a.Labels["alertname"]] = !a.Ends.IsZero()
		}
		if diff := cmp.Diff(map[string]bool{"JobFailed": true, "JobSlow": true}, ended); diff != "" {
			t.Errorf("ended in the end: %s", diff)
		}
	})
}

func TestAReloadKeepsWhatHasBegun(t *testing.T) {
	story(t, func(t *testing.T) {
		db, dir := openDB(t, t.TempDir()), t.TempDir()
		defer db.close(t)
		write(t, dir, "api.yaml", errorRate)
		s := start(t, dir, db)
		defer s.stop()
		samples := func() {
			db.put(t, `errors{api="orders"}`, 10)
			db.put(t, `requests{api="orders"}`, 100)
		}
		begun := time.Now()
		pass(t, 45*time.Second, samples)
		s.load(t) // nothing has changed
		write(t, dir, "api.yaml", strings.Replace(errorRate, "fails", "FAILS", 1))
		s.load(t)
		write(t, dir, "more.yaml", `groups: [{name: more, rules: [{record: one, expr: "1"}]}]`)
		s.load(t)
		pass(t, 45*time.Second, samples)
		told := s.news()
		if len(told) == 0 {
			t.Fatal("the reloads made it begin anew")
		}
		if held := told[0].Starts.Sub(begun); held > 90*time.Second {
			t.Errorf("it fires after %s", held)
		}
		if text := told[0].Annotations["summary"]; text != "orders FAILS 10%" {
			t.Errorf("its summary is the old one: %s", text)
		}
		if groups := s.Groups(); len(groups) != 2 || groups[0].File() != "api.yaml" || groups[1].Name() != "more" {
			t.Errorf("groups: %v", groups)
		}
	})
}

func TestAFailingRuleIsSeenAndCounted(t *testing.T) {
	story(t, func(t *testing.T) {
		db, dir := openDB(t, t.TempDir()), t.TempDir()
		defer db.close(t)
		write(t, dir, "bad.yaml", `
groups:
  - name: joins
    rules:
      - alert: Never
        expr: one * on () two
`)
		s := start(t, dir, db)
		defer s.stop()
		samples := func() {
			for _, series := range []string{`one{a="1"}`, `one{a="2"}`, `two{a="1"}`, `two{a="2"}`} {
				db.put(t, series, 1)
			}
		}
		pass(t, time.Minute, samples)
		notices := s.health.List()
		if len(notices) != 1 || notices[0].Code != "rules_failing" || !strings.Contains(notices[0].Text, `"Never" of the group "joins" in bad.yaml`) {
			t.Fatalf("notices: %+v", notices)
		}
		if got := gather(t, s.Manager); got["lapwing_rules_failing"] != 1 || got["prometheus_rule_evaluation_failures_total"] == 0 {
			t.Errorf("counted: %v", got)
		}
		write(t, dir, "bad.yaml", strings.Replace(`groups: [{name: joins, rules: [{alert: Never, expr: "one > 2"}]}]`, "2", "3", 1))
		s.load(t)
		pass(t, time.Minute, samples)
		if notices := s.health.List(); len(notices) != 0 {
			t.Errorf("mended, and still: %+v", notices)
		}
	})
}

// gather sums the metrics of a manager.
func gather(t *testing.T, m *rules.Manager) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sums[f.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sums
}
