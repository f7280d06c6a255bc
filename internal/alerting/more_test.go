package alerting_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/units"
)

func TestWhoseSourceWasAwayGetsAGrace(t *testing.T) {
	now := time.Now()
	store := &alertingtest.Memory{}
	stored := func(check string, ends, updated time.Time) alerting.Stored {
		a := down(check)
		a.Ends = ends
		return alerting.Stored{ID: check, Alert: a, Updated: updated}
	}
	err := store.PutAlerts(t.Context(), []alerting.Stored{
		stored("repeated", now.Add(-time.Hour), now.Add(-61*time.Minute)), // we were away when its end came
		stored("soon", now.Add(time.Minute), now.Add(-time.Minute)),
		stored("late", now.Add(time.Hour), now.Add(-time.Minute)),
		stored("over", now.Add(-time.Minute), now.Add(-time.Minute)),
		stored("on", time.Time{}, now.Add(-48*time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, store, alerting.Config{})
	views, err := d.Alerts(t.Context(), now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range views {
		left := "never"
		if !v.Ends.IsZero() {
			left = v.Ends.Sub(now).Round(time.Minute).String()
		}
		got[v.Labels["check"]] = string(v.State) + " " + left
	}
	for check, want := range map[string]string{
		"repeated": "firing 5m0s", "soon": "firing 5m0s", "late": "firing 1h0m0s", "over": "resolved -1m0s", "on": "firing never",
	} {
		if got[check] != want {
			t.Errorf("%s: %s, want %s", check, got[check], want)
		}
	}
}

func TestTheNextReceiverIsToldWhenNobodyHasIt(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	c := config(map[string]string{"receivers": h.receivers("hook", "boss"), "route": quick})
	c.Alerting.Escalations = []alerting.Escalation{{After: units.Duration(time.Second), To: "boss"}}
	d := open(t, disk(t), c)
	say(t, d.Manager, "checks", down("a"))
	h.until(t, "hook firing Down/a=firing")
	h.until(t, "boss firing Down/a=firing")
	escalated := func() bool { // it is noted once the boss has taken it
		views, err := d.Alerts(t.Context(), time.Time{})
		return err == nil && len(views) == 1 && slices.Equal(views[0].Escalated, []string{"boss"})
	}
	looks, last := time.NewTicker(10*time.Millisecond), time.After(10*time.Second)
	defer looks.Stop()
	for !escalated() {
		select {
		case <-looks.C:
		case <-last:
			t.Fatal("nobody can see that the boss was told")
		}
	}
	say(t, d.Manager, "checks")
	h.until(t, "boss resolved Down/a=resolved")
}

func TestAStopInTheMiddleOfAMessageLosesNothing(t *testing.T) {
	t.Parallel()
	h, store := newHook(t), disk(t)
	asked, answer := make(chan struct{}, 8), make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	}))
	defer stuck.Close()
	defer close(answer)
	at := func(url string) alerting.Config {
		return config(map[string]string{"receivers": "- name: hook\n  webhook_configs:\n  - url: " + url + "\n", "route": quick})
	}
	d := open(t, store, at(stuck.URL))
	say(t, d.Manager, "checks", down("a"))
	<-asked
	d.stop()
	d = open(t, store, at(h.URL))
	h.until(t, "hook firing Down/a=firing")
	say(t, d.Manager, "checks")
	h.until(t, "hook resolved Down/a=resolved")
}

// audience remembers what was published.
type audience struct {
	mu    sync.Mutex
	heard []string
}

func (a *audience) Publish(kind string, data any) {
	if c, ok := data.(alerting.Change); ok && kind == alerting.Event {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.heard = append(a.heard, c.Name+" "+string(c.State))
	}
}

func TestPagesHearWhatChanges(t *testing.T) {
	heard := &audience{}
	m, err := alerting.New(alerting.Deps{Log: quietLog(), Store: &alertingtest.Memory{}, Publisher: heard})
	if err != nil {
		t.Fatal(err)
	}
	use(t, m, alerting.Config{})
	for range 2 {
		say(t, m, "checks", down("a"))
	}
	views, err := m.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != 1 {
		t.Fatal(views, err)
	}
	if err := m.Acknowledge(t.Context(), views[0].ID, "ann", "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := m.Unacknowledge(t.Context(), views[0].ID, "ann"); err != nil {
		t.Fatal(err)
	}
	say(t, m, "checks")
	say(t, m, "checks", down("a"))
	if want := []string{"Down firing", "Down acknowledged", "Down firing", "Down resolved", "Down firing"}; !slices.Equal(heard.heard, want) {
		t.Errorf("heard %q", heard.heard)
	}
}

func TestAFullDiskIsNoticed(t *testing.T) {
	store, notices := &alertingtest.Memory{}, &health.Registry{}
	m, err := alerting.New(alerting.Deps{Log: quietLog(), Store: store, Health: notices, Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	use(t, m, alerting.Config{})
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.Fail(errors.New("no space"))
	_ = m.Put(t.Context(), down("a"))
	_, _ = m.Silence(t.Context(), alerting.Silence{Matchers: []alerting.Matcher{{Name: "a", Op: "=", Value: "b"}}, Ends: time.Now().Add(time.Hour), By: "ann"})
	var codes []string
	for _, n := range notices.List() {
		codes = append(codes, n.Code)
	}
	slices.Sort(codes)
	if got := strings.Join(codes, " "); got != "alerts_not_stored silences_not_stored" {
		t.Errorf("noticed: %q", got)
	}
	store.Fail(nil)
	if err := m.Put(t.Context(), down("b")); err != nil {
		t.Fatal(err)
	}
	if list := notices.List(); len(list) != 1 {
		t.Errorf("still noticed: %+v", list)
	}
}

func TestAlertsAreOrderedByUrgency(t *testing.T) {
	d := open(t, &alertingtest.Memory{}, alerting.Config{})
	info, warning, old := down("info"), down("warning"), down("old")
	info.Labels["severity"], warning.Labels["severity"], old.Starts = "info", "warning", time.Now().Add(-time.Hour)
	say(t, d.Manager, "checks", info, old, warning, down("new"))
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, v := range views {
		order = append(order, v.Labels["check"])
	}
	if got := strings.Join(order, " "); got != "new old warning info" {
		t.Errorf("ordered %q", got)
	}
}

func BenchmarkSyncOfWhatIsKnown(b *testing.B) {
	m, err := alerting.New(alerting.Deps{Log: quietLog(), Store: &alertingtest.Memory{}})
	if err != nil {
		b.Fatal(err)
	}
	use(b, m, alerting.Config{})
	firing := make([]alerting.Alert, 1000)
	for i := range firing {
		firing[i] = down(strconv.Itoa(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Sync(b.Context(), "checks", firing); err != nil {
			b.Fatal(err)
		}
	}
}
