package limits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/limits/redis"
	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

func newManager() *Manager {
	return New(Deps{Log: slog.New(slog.DiscardHandler), Health: &health.Registry{}})
}

func prepare(t *testing.T, m *Manager, c Config) *Set {
	t.Helper()
	set, commit, err := m.Prepare(c, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	commit()
	return set
}

func rulesOf(t *testing.T, set *Set, names ...string) *limit.Rules {
	t.Helper()
	rules, err := set.Rules(names)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// verdicts makes n requests one after the other.
func verdicts(rules *limit.Rules, q *limit.Request, n int) string {
	var b strings.Builder
	for range n {
		var d limit.Decision
		rules.Decide(context.Background(), q, &d)
		b.WriteByte(d.Verdict.String()[0])
		d.Done(limit.Feedback{Status: 200})
	}
	return b.String()
}

func local() Config {
	c := goodConfig()
	c.Redis = Redis{}
	return c
}

func TestTiersHaveTheirRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := local()
		c.Limits[0].Mode, c.Limits[0].Queue, c.Limits[0].Burst = "", Queue{}, nil
		c.Limits[0].Rate = perMinute(2)
		c.Tiers[0].Limits["per-client"] = perMinute(4)
		rules := rulesOf(t, prepare(t, newManager(), c), "per-client")
		client := netip.MustParseAddr("203.0.113.7")
		free, pro := &limit.Request{Client: client}, &limit.Request{Client: client, Token: claims{"plan": "pro"}}
		if got := verdicts(rules, free, 4); got != "aarr" {
			t.Errorf("free: %s", got)
		}
		if got := verdicts(rules, pro, 6); got != "aaaarr" {
			t.Errorf("pro: %s", got)
		}
		var d limit.Decision
		rules.Decide(t.Context(), pro, &d)
		if d.Tier != "pro" || d.Upstream != "fast" {
			t.Errorf("tier %q goes to %q", d.Tier, d.Upstream)
		}
	})
}

func TestAReloadKeepsWhatWasCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager()
		c := Config{Limits: []Limit{{Name: "a", Rate: perMinute(3)}}}
		q := &limit.Request{Client: netip.MustParseAddr("203.0.113.7")}
		first := rulesOf(t, prepare(t, m, c), "a")
		if got := verdicts(first, q, 2); got != "aa" {
			t.Fatalf("before: %s", got)
		}
		// A set that is prepared works before it is in force, on the same counters.
		set, _, err := m.Prepare(c, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(rulesOf(t, set, "a"), q, 2); got != "ar" {
			t.Errorf("after: %s", got)
		}
		// One that is wrong changes nothing.
		if _, _, err := m.Prepare(Config{Limits: []Limit{{Name: "a"}}}, ""); err == nil {
			t.Error("a limit that limits nothing is accepted")
		}
		if got := verdicts(first, q, 1); got != "r" {
			t.Errorf("after a refused reload: %s", got)
		}
	})
}

func TestExemptClientsAreNotCounted(t *testing.T) {
	c := Config{Limits: []Limit{{
		Name: "a", Rate: perMinute(1), Key: Key{"everyone"},
		Exempt: []Exemption{{Client: "10.0.0.0/8"}, {Client: "::1"}, {APIKey: "internal"}, {When: `path startsWith "/health"`}},
	}}}
	rules := rulesOf(t, prepare(t, newManager(), c), "a")
	stranger := netip.MustParseAddr("203.0.113.7")
	for _, q := range []limit.Request{
		{Client: netip.MustParseAddr("10.9.9.9")},
		{Client: netip.MustParseAddr("::ffff:10.9.9.9")},
		{Client: netip.MustParseAddr("::1")},
		{Client: stranger, APIKey: "internal"},
		{Client: stranger, Path: "/healthz"},
	} {
		if got := verdicts(rules, &q, 3); got != "aaa" {
			t.Errorf("%+v: %s", q, got)
		}
	}
	if got := verdicts(rules, &limit.Request{Client: stranger}, 2); got != "ar" {
		t.Errorf("everybody else: %s", got)
	}
}

func TestOperationsCost(t *testing.T) {
	c := Config{Limits: []Limit{{Name: "a", Rate: perMinute(10), Cost: Cost{Fixed: new(int64(2)), Operations: map[string]int64{"POST /reports": 5, "GET /": 0}}}}}
	rules := rulesOf(t, prepare(t, newManager(), c), "a")
	for _, step := range []struct{ operation, want string }{{"GET /", "aaaaaa"}, {"POST /reports", "a"}, {"GET /orders", "aa"}, {"GET /orders", "r"}, {"GET /", "a"}} {
		q := &limit.Request{Operation: step.operation, Client: netip.MustParseAddr("203.0.113.7")}
		if got := verdicts(rules, q, len(step.want)); got != step.want {
			t.Errorf("%s: %s, want %s", step.operation, got, step.want)
		}
	}
}

func TestRulesOfUnknownLimits(t *testing.T) {
	set := prepare(t, newManager(), local())
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"per-client", "reprots"}, `[1]: there is no limit "reprots"; did you mean "reports"?`},
		{[]string{"work", "work"}, `[1]: limit "work" is named twice; remove one`},
	} {
		_, err := set.Rules(c.names)
		if problem, ok := errors.AsType[fault.Problem](err); !ok || problem.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.names, err, c.want)
		}
	}
	if _, err := set.Rules(nil); err != nil {
		t.Errorf("a route without limits: %v", err)
	}
}

func TestWhatNeedsARestart(t *testing.T) {
	m := newManager()
	c := local()
	prepare(t, m, c)
	if got := m.NeedsRestart(c, ""); len(got) != 0 {
		t.Errorf("nothing changed, yet %v", got)
	}
	c.Limiter.Memory, c.Redis.URL = 1<<20, "redis://127.0.0.1:1"
	if diff := cmp.Diff([]string{"limiter", "redis"}, m.NeedsRestart(c, "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWithoutItsStore is a server whose Redis is not there: it limits, and says so.
func TestWithoutItsStore(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "redis.password"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{
		Limits: []Limit{{Name: "share", Rate: perMinute(2)}, {Name: "closed", Rate: perMinute(2), OnOutage: "closed"}, {Name: "open", Rate: perMinute(2), OnOutage: "open"}},
		Redis:  Redis{URL: "redis://127.0.0.1:1", PasswordFile: "redis.password"},
	}
	m := newManager()
	set, commit, err := m.Prepare(c, dir)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	q := &limit.Request{Client: netip.MustParseAddr("203.0.113.7")}
	for name, want := range map[string]string{"share": "aar", "closed": "rrr", "open": "aaa"} {
		if got := verdicts(rulesOf(t, set, name), q, 3); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	var d limit.Decision
	rulesOf(t, set, "open").Decide(ctx, q, &d)
	if !d.Degraded {
		t.Error("the decision does not say that the store is away")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestServersWithOneStore: two servers with the same configuration know a client
// by the same name, and share its limit.
func TestServersWithOneStore(t *testing.T) {
	server := redistest.Start(t)
	c := Config{
		Limits: []Limit{{Name: "rate", Rate: limit.PerHour(4)}, {Name: "quota", Quota: Quota{{Count: 4, Period: limit.Month}}}, {Name: "work", Concurrency: Concurrency{Max: new(int64(4))}}},
		Redis:  Redis{URL: server.URL(), Timeout: units.Duration(time.Second)},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	var rules [2]*limit.Rules
	for i := range rules {
		m := newManager()
		set := prepare(t, m, c)
		group.Go(func() {
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for m.Shared().Report().State != redis.Up {
			time.Sleep(time.Millisecond) // another process cannot be waited for otherwise
		}
		rules[i] = rulesOf(t, set, "rate", "quota", "work")
	}
	q := &limit.Request{Client: netip.MustParseAddr("203.0.113.7")}
	var got strings.Builder
	for i := range 6 {
		got.WriteString(verdicts(rules[i%2], q, 1))
	}
	if got.String() != "aaaarr" {
		t.Errorf("together they let in %s, want 4", &got)
	}
	for key := range strings.FieldsSeq(server.Command("keys", "*")) {
		if strings.Contains(key, "203.0.113.7") {
			t.Errorf("the store has a client's address: %s", key)
		}
	}
}

func TestAPasswordFileThatIsNotThere(t *testing.T) {
	_, _, err := newManager().Prepare(Config{Redis: Redis{URL: "redis://127.0.0.1:1", PasswordFile: "nowhere"}}, t.TempDir())
	problems, ok := errors.AsType[fault.Problems](err)
	if !ok || problems[0].Path != "redis.password_file" {
		t.Errorf("got %v", err)
	}
}

func TestMetricsAndDescriptions(t *testing.T) {
	m := newManager()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collectors()...)
	if families, err := registry.Gather(); len(families) != 0 || err != nil {
		t.Errorf("without limits: %d families, %v", len(families), err)
	}
	c := Config{Limits: []Limit{{Name: "a", Rate: perMinute(2), Test: perMinute(1)}, {Name: "b", Concurrency: Concurrency{Adaptive: true}}}}
	set := prepare(t, m, c)
	verdicts(rulesOf(t, set, "a", "b"), &limit.Request{Client: netip.MustParseAddr("203.0.113.7")}, 5)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		if family.GetName() == "lapwing_limit_requests_total" {
			for _, metric := range family.Metric {
				got = append(got, labelsOf(metric)+" "+fmt.Sprint(metric.GetCounter().GetValue()))
			}
		}
	}
	want := []string{
		"a  allow 2", "a  delay 0", "a  exempt 0", "a  shadow 0", "a rate reject 3",
		"b  allow 2", "b  delay 0", "b  exempt 0", "b  shadow 0", "b rate reject 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	list := m.Describe()
	if len(list) != 2 || list[0].Allowed != 2 || list[0].RejectedAll() != 3 || list[0].Rule != "2/minute" {
		t.Errorf("described as %+v", list)
	}
}

// labelsOf are the values of a metric's labels, by the labels' names.
func labelsOf(metric *dto.Metric) string {
	var values []string
	for _, label := range metric.Label {
		values = append(values, label.GetValue())
	}
	return strings.Join(values, " ")
}

func TestExplanations(t *testing.T) {
	c := local()
	q := &limit.Request{Method: "POST", Path: "/reports", Operation: "POST /reports", APIKey: "mobile", Client: netip.MustParseAddr("203.0.113.7"), Token: claims{"plan": "pro"}}
	got, err := c.Explain(t.Context(), []string{"per-client", "reports", "work"}, q)
	if err != nil {
		t.Fatal(err)
	}
	want := &Explanation{
		Tier: "pro", Upstream: "fast", Verdict: "allow",
		Limits: []LimitStates{
			{Name: "per-client", Key: "client.address 203.0.113.7", Cost: 1, States: []State{{"per-client", 5000, 49, 60e9}}},
			{Name: "reports", Key: "api_key mobile, operation POST /reports", Cost: 20, States: []State{
				{"reports.day", 100, 80, 86400e9}, {"reports.month", 2000, 1980, got.Limits[1].States[1].Window},
			}},
			{Name: "work", Key: "everyone", Cost: 1, States: []State{}},
		},
		Fields: got.Fields,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.Fields) != 2 || !strings.HasPrefix(got.Fields[0].Value, `"per-client";q=5000;w=60`) {
		t.Errorf("fields %+v", got.Fields)
	}
	q.APIKey = ""
	got, err = c.Explain(t.Context(), []string{"reports"}, q)
	if err != nil || got.Limits[0].Key != "client.address 203.0.113.7 (no api_key), operation POST /reports" {
		t.Errorf("without a key: %+v, %v", got, err)
	}
}

// BenchmarkDecide is a decision with everything: two tiers, a throttle, an exempt list.
func BenchmarkDecide(b *testing.B) {
	c := local()
	c.Limits[0].Rate, c.Limits[0].Burst, c.Tiers[0].Limits["per-client"] = limit.PerSecond(1_000_000), new(int64(1_000_000)), limit.PerSecond(5_000_000)
	m := newManager()
	set, _, err := m.Prepare(c, "")
	if err != nil {
		b.Fatal(err)
	}
	rules, err := set.Rules([]string{"per-client", "work"})
	if err != nil {
		b.Fatal(err)
	}
	q := &limit.Request{Client: netip.MustParseAddr("203.0.113.7"), Method: "GET", Path: "/orders", Token: claims{"plan": "pro"}}
	var d limit.Decision
	b.ReportAllocs()
	for b.Loop() {
		rules.Decide(b.Context(), q, &d)
		d.Done(limit.Feedback{Status: 200, Latency: time.Millisecond})
	}
}
