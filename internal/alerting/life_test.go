package alerting_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
	"lapwing.dev/lapwing/internal/fault"
)

func TestARestartTellsNothingTwiceAndLosesNoEnd(t *testing.T) {
	t.Parallel()
	h, store := newHook(t), disk(t)
	c := config(map[string]string{"receivers": h.receivers("hook"), "route": quick})
	d := open(t, store, c)
	say(t, d.Manager, "checks", down("a"), down("b"), down("c"))
	h.until(t, "hook firing Down/a=firing Down/b=firing Down/c=firing")
	say(t, d.Manager, "checks", down("a"), down("c"))
	h.until(t, "hook firing Down/a=firing Down/b=resolved Down/c=firing")
	d.stop()

	// The end of c is stored, and nobody is told of it: the server is gone.
	m, err := alerting.New(alerting.Deps{Log: quietLog(), Store: store})
	if err != nil {
		t.Fatal(err)
	}
	use(t, m, c)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	say(t, m, "checks", down("a"))

	before := len(h.list())
	d = open(t, store, c)
	h.until(t, "hook firing Down/a=firing Down/c=resolved")
	say(t, d.Manager, "checks", down("a"))
	say(t, d.Manager, "checks", down("a"), down("d")) // news, so that something comes after whatever was to come
	h.until(t, "hook firing Down/a=firing Down/d=firing")
	if told := h.list()[before:]; len(told) != 2 {
		t.Errorf("after the restart people heard %q", told)
	}
	d.stop()

	before = len(h.list())
	d = open(t, store, c)
	say(t, d.Manager, "checks", down("d"))
	h.until(t, "hook firing Down/a=resolved Down/d=firing")
	if told := h.list()[before:]; len(told) != 1 {
		t.Errorf("after the second restart people heard %q", told)
	}
}

func TestAReloadTellsNothingTwiceAndLosesNothing(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	with := func(receivers string, route string) alerting.Config {
		return config(map[string]string{"receivers": receivers, "route": route})
	}
	d := open(t, disk(t), with(h.receivers("hook"), quick))
	say(t, d.Manager, "checks", down("a"), down("b"))
	h.until(t, "hook firing Down/a=firing Down/b=firing")
	say(t, d.Manager, "checks", down("a"))
	h.until(t, "hook firing Down/a=firing Down/b=resolved")
	before := len(h.list())
	for range 3 {
		use(t, d.Manager, with(h.receivers("hook", "other"), quick+"routes:\n- receiver: other\n  matchers: [api=other]\n"))
		use(t, d.Manager, with(h.receivers("hook"), quick))
	}
	say(t, d.Manager, "checks") // an end right after a reload
	h.until(t, "hook resolved Down/a=resolved")
	if told := h.list()[before:]; len(told) != 1 {
		t.Errorf("after the reloads people heard %q", told)
	}

	// A changed route is another group: who is there hears what is wrong, and nobody of what is over.
	say(t, d.Manager, "checks", down("c"))
	h.until(t, "hook firing Down/c=firing")
	before = len(h.list())
	use(t, d.Manager, with(h.receivers("hook", "shop"), quick+"routes:\n- receiver: shop\n  matchers: [api=shop]\n"))
	h.until(t, "shop firing Down/c=firing")
	if told := h.list()[before:]; len(told) != 1 {
		t.Errorf("after the new route people heard %q", told)
	}
}

func TestAReloadUnderLoadLosesNothing(t *testing.T) {
	h := newHook(t)
	c := config(map[string]string{"receivers": h.receivers("hook"), "route": strings.Replace(quick, "[alertname, api]", "['...']", 1)})
	d := open(t, disk(t), c)
	const alerts = 60
	want := map[string]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range alerts {
			if err := d.Put(t.Context(), down(string(rune('a'+i%26))+strings.Repeat("x", i/26))); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 5 {
		use(t, d.Manager, c)
	}
	<-done
	for i := range alerts {
		want["hook firing Down/"+string(rune('a'+i%26))+strings.Repeat("x", i/26)+"=firing"] = true
	}
	for text := range want {
		h.until(t, text)
	}
	if list := h.list(); len(list) != alerts {
		t.Errorf("%d alerts were told %d times", alerts, len(list))
	}
}

func TestASilenceKeepsQuietAndOutlivesARestart(t *testing.T) {
	t.Parallel()
	h, store := newHook(t), disk(t)
	c := config(map[string]string{"receivers": h.receivers("hook"), "route": quick})
	d := open(t, store, c)
	id, err := d.Silence(t.Context(), alerting.Silence{
		Matchers: []alerting.Matcher{{Name: "check", Op: "=~", Value: "a|b"}}, Ends: time.Now().Add(time.Hour), By: "ann", Comment: "deploy",
	})
	if err != nil {
		t.Fatal(err)
	}
	d.stop()
	d = open(t, store, c)
	say(t, d.Manager, "checks", down("a"), down("c"))
	h.until(t, "hook firing Down/c=firing")
	list, err := d.Silences(t.Context(), time.Time{})
	if err != nil || len(list) != 1 || list[0].ID != id || list[0].Alerts != 1 || list[0].State != "active" || list[0].By != "ann" {
		t.Fatalf("silences: %+v %v", list, err)
	}
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != 2 || views[0].State != alerting.Firing || views[1].State != alerting.Suppressed || !slices.Equal(views[1].SilencedBy, []string{id}) {
		t.Fatalf("views: %+v %v", views, err)
	}
	if err := d.Unsilence(t.Context(), id, "bob"); err != nil {
		t.Fatal(err)
	}
	h.until(t, "hook firing Down/a=firing Down/c=firing")
	d.stop()
	d = open(t, store, c)
	if list, err := d.Silences(t.Context(), time.Now().Add(-time.Hour)); err != nil || len(list) != 1 || list[0].State != "expired" {
		t.Errorf("silences after the restart: %+v %v", list, err)
	}
	if err := d.Unsilence(t.Context(), "no-such", "bob"); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("ended a silence that is not: %v", err)
	}
}

func TestWhatASilenceMustHave(t *testing.T) {
	d := open(t, &alertingtest.Memory{}, alerting.Config{})
	hour := time.Now().Add(time.Hour)
	one := []alerting.Matcher{{Name: "a", Op: "=", Value: "b"}}
	for name, s := range map[string]alerting.Silence{
		"no matcher":            {Ends: hour, By: "ann"},
		"no end":                {Matchers: one, By: "ann"},
		"an end that is over":   {Matchers: one, Ends: time.Now().Add(-time.Second), By: "ann"},
		"nobody":                {Matchers: one, Ends: hour},
		"no such operator":      {Matchers: []alerting.Matcher{{Name: "a", Op: "~", Value: "b"}}, Ends: hour, By: "ann"},
		"a bad expression":      {Matchers: []alerting.Matcher{{Name: "a", Op: "=~", Value: "("}}, Ends: hour, By: "ann"},
		"matches all":           {Matchers: []alerting.Matcher{{Name: "a", Op: "=~", Value: ".*"}}, Ends: hour, By: "ann"},
		"ends before it begins": {Matchers: one, Starts: hour.Add(time.Hour), Ends: hour, By: "ann"},
		"too large":             {Matchers: []alerting.Matcher{{Name: "a", Op: "=", Value: strings.Repeat("b", 1<<20)}}, Ends: hour, By: "ann"},
	} {
		if id, err := d.Silence(t.Context(), s); fault.KindOf(err) != fault.KindInvalid {
			t.Errorf("%s: %q %v", name, id, err)
		}
	}
	if _, err := d.Silence(t.Context(), alerting.Silence{ID: "x", Matchers: one, Ends: hour, By: "ann"}); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("changed a silence that is not: %v", err)
	}
}

func TestOneAlertInhibitsAnother(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	d := open(t, disk(t), config(map[string]string{
		"receivers": h.receivers("hook"), "route": quick,
		"inhibit_rules": "- source_matchers: [alertname=Outage]\n  target_matchers: [alertname=Down]\n  equal: [api]\n",
	}))
	outage := down("all")
	outage.Labels["alertname"] = "Outage"
	say(t, d.Manager, "slo", outage)
	h.until(t, "hook firing Outage/all=firing")
	say(t, d.Manager, "checks", down("a"))
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != 2 || views[1].State != alerting.Suppressed || len(views[1].InhibitedBy) != 1 || views[1].InhibitedBy[0] != views[0].ID {
		t.Fatalf("views: %+v %v", views, err)
	}
	say(t, d.Manager, "slo")
	h.until(t, "hook resolved Outage/all=resolved")
	h.until(t, "hook firing Down/a=firing")
	if list := h.list(); len(list) != 3 {
		t.Errorf("people heard %q", list)
	}
}

func TestATimeIntervalMutes(t *testing.T) {
	h := newHook(t)
	d := open(t, disk(t), config(map[string]string{
		"receivers":      h.receivers("hook"),
		"route":          quick + "routes:\n- matchers: [check=a]\n  mute_time_intervals: [always]\n- matchers: [check=b]\n  active_time_intervals: [never]\n",
		"time_intervals": "- name: always\n  time_intervals:\n    - months: ['1:12']\n- name: never\n  time_intervals:\n    - years: ['1999']\n",
	}))
	say(t, d.Manager, "checks", down("a"), down("b"), down("c"))
	h.until(t, "hook firing Down/c=firing")
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != 3 {
		t.Fatalf("views: %+v %v", views, err)
	}
	for _, v := range views {
		want := map[string][]string{"a": {"always"}, "b": {"never"}, "c": nil}[v.Labels["check"]]
		if !slices.Equal(v.MutedBy, want) || (v.State == alerting.Suppressed) != (want != nil) {
			t.Errorf("%s: %s, muted by %v", v.Labels["check"], v.State, v.MutedBy)
		}
	}
	if list := h.list(); len(list) != 1 {
		t.Errorf("people heard %q", list)
	}
}

func TestWhoHasAnAlertIsNotToldAgain(t *testing.T) {
	t.Parallel()
	h, store := newHook(t), disk(t)
	c := config(map[string]string{"receivers": h.receivers("hook"), "route": strings.Replace(quick, "repeat_interval: 1h", "repeat_interval: 1s", 1)})
	d := open(t, store, c)
	say(t, d.Manager, "checks", down("a"), down("b"))
	h.until(t, "hook firing Down/a=firing Down/b=firing")
	ids := map[string]string{}
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		ids[v.Labels["check"]] = v.ID
	}
	if err := d.Acknowledge(t.Context(), ids["a"], "ann", "on it", time.Time{}); err != nil {
		t.Fatal(err)
	}
	h.until(t, "hook firing Down/b=firing") // a repetition names only what nobody has
	d.stop()
	d = open(t, store, c)
	v, err := d.Alert(t.Context(), ids["a"])
	if err != nil || v.State != alerting.Acknowledged || v.Ack == nil || v.Ack.By != "ann" || v.Ack.Note != "on it" {
		t.Fatalf("after the restart: %+v %v", v, err)
	}
	if err := d.Acknowledge(t.Context(), ids["b"], "bob", "", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	settled := len(h.list())
	say(t, d.Manager, "checks", down("b"))
	h.until(t, "hook firing Down/a=resolved Down/b=firing") // an end is told all the same
	for _, text := range h.list()[settled:] {
		if text == "hook firing Down/a=firing Down/b=firing" {
			t.Errorf("told again: %q", h.list())
		}
	}
	say(t, d.Manager, "checks", down("a"), down("b"))
	if v, err := d.Alert(t.Context(), ids["a"]); err != nil || v.State != alerting.Firing || v.Ack != nil {
		t.Errorf("when it is back nobody has it: %+v %v", v, err)
	}
	if err := d.Unacknowledge(t.Context(), ids["b"], "cem"); err != nil {
		t.Fatal(err)
	}
	for err, kind := range map[error]fault.Kind{
		d.Unacknowledge(t.Context(), ids["b"], "cem"):                               fault.KindConflict,
		d.Acknowledge(t.Context(), "nonsense", "ann", "", time.Time{}):              fault.KindNotFound,
		d.Acknowledge(t.Context(), "0123456789abcdef", "ann", "", time.Time{}):      fault.KindNotFound,
		d.Acknowledge(t.Context(), ids["b"], "ann", "", time.Now().Add(-time.Hour)): fault.KindInvalid,
	} {
		if fault.KindOf(err) != kind {
			t.Errorf("want %s, got %v", kind, err)
		}
	}
	say(t, d.Manager, "checks")
	if err := d.Acknowledge(t.Context(), ids["b"], "ann", "", time.Time{}); fault.KindOf(err) != fault.KindConflict {
		t.Errorf("acknowledged what is over: %v", err)
	}
}

func TestChecksChooseWhoIsTold(t *testing.T) {
	h := newHook(t)
	c := config(map[string]string{"receivers": h.receivers("hook", "shop", "on-call"), "route": quick + "routes:\n- receiver: hook\n  matchers: [severity=critical]\n"})
	c.Named = []alerting.Named{{Receiver: "shop"}, {Receiver: "on-call"}, {Receiver: "shop"}}
	d := open(t, disk(t), c)
	a, b := down("a"), down("b")
	a.Labels["notify"] = "shop,on-call"
	say(t, d.Manager, "checks", a, b)
	h.until(t, "hook firing Down/b=firing")
	h.until(t, "shop firing Down/a=firing")
	h.until(t, "on-call firing Down/a=firing")
	var who []string
	for _, r := range d.Recipients(a.Labels) {
		who = append(who, r.Receiver)
		if r.Route != "alert.to of the check" {
			t.Errorf("told by %q", r.Route)
		}
	}
	if !slices.Equal(who, []string{"on-call", "shop"}) {
		t.Errorf("recipients: %q", who)
	}
	if r := d.Recipients(b.Labels); len(r) != 1 || r[0].Receiver != "hook" || r[0].Route != `{} > {severity="critical"}` || r[0].Repeat != time.Hour || !slices.Equal(r[0].GroupBy, []string{"alertname", "api"}) {
		t.Errorf("recipients: %+v", r)
	}
}

func TestAFullDiskKeepsNobodyFromHearing(t *testing.T) {
	h, store := newHook(t), &alertingtest.Memory{}
	d := open(t, store, config(map[string]string{"receivers": h.receivers("hook"), "route": quick}))
	full := errors.New("disk full")
	store.Fail(full)
	if err := d.Sync(t.Context(), "checks", []alerting.Alert{down("a")}); !errors.Is(err, full) {
		t.Errorf("said to be stored: %v", err)
	}
	h.until(t, "hook firing Down/a=firing")
	if _, err := d.Silence(t.Context(), alerting.Silence{Matchers: []alerting.Matcher{{Name: "a", Op: "=", Value: "b"}}, Ends: time.Now().Add(time.Hour), By: "ann"}); !errors.Is(err, full) {
		t.Errorf("a silence is said to be stored: %v", err)
	}
	store.Fail(nil)
	say(t, d.Manager, "checks", down("a")) // unchanged, but the disk has not got it
	stored, err := store.Alerts(t.Context(), time.Now())
	if err != nil || len(stored) != 1 {
		t.Errorf("stored: %v %v", stored, err)
	}
}

func TestNothingNewIsNotWritten(t *testing.T) {
	store := &alertingtest.Memory{}
	d := open(t, store, alerting.Config{})
	alert := down("a")
	say(t, d.Manager, "checks", alert)
	writes := store.Writes()
	for range 10 {
		again := alert
		again.Starts = time.Now() // a source that forgot since when
		say(t, d.Manager, "checks", again)
	}
	if more := store.Writes() - writes; more > 1 { // the log of what was told, once
		t.Errorf("%d writes for nothing", more)
	}
	v, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(v) != 1 || !v[0].Starts.Equal(alert.Starts) || !v[0].Ends.IsZero() {
		t.Errorf("views: %+v %v", v, err)
	}
}

func TestWhatIsEmptyIsNoLabel(t *testing.T) {
	store := &alertingtest.Memory{}
	d := open(t, store, alerting.Config{})
	alert := down("a")
	alert.Labels["notify"], alert.Labels["operation"], alert.Annotations["curl"] = "", "bad \xff", ""
	for range 3 {
		say(t, d.Manager, "checks", alert)
	}
	views, err := d.Alerts(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || len(views) != 1 || views[0].State != alerting.Firing || views[0].Labels["operation"] != "bad \ufffd" {
		t.Errorf("views: %+v %v", views, err)
	}
}

func TestPendingAlertsAreShownOnly(t *testing.T) {
	d := open(t, &alertingtest.Memory{}, alerting.Config{})
	d.SetPending("rules", []alerting.Alert{down("a")})
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != 1 || views[0].State != alerting.Pending || !slices.Equal(views[0].Receivers, []string{"default"}) {
		t.Fatalf("views: %+v %v", views, err)
	}
	if v, err := d.Alert(t.Context(), views[0].ID); err != nil || v.State != alerting.Pending {
		t.Errorf("view: %+v %v", v, err)
	}
	d.SetPending("rules", nil)
	if _, err := d.Alert(t.Context(), views[0].ID); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("still there: %v", err)
	}
}

func TestWhatIsOverCanBeSeen(t *testing.T) {
	d := open(t, disk(t), alerting.Config{})
	say(t, d.Manager, "checks", down("a"), down("b"))
	say(t, d.Manager, "checks", down("b"))
	views, err := d.Alerts(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || len(views) != 2 || views[1].State != alerting.Resolved || views[1].Labels["check"] != "a" || views[1].Ends.IsZero() {
		t.Fatalf("views: %+v %v", views, err)
	}
	if v, err := d.Alert(t.Context(), views[1].ID); err != nil || v.State != alerting.Resolved {
		t.Errorf("view: %+v %v", v, err)
	}
}

func TestWhatASourceDoesNotKnowYetGoesOn(t *testing.T) {
	t.Parallel()
	h, store := newHook(t), disk(t)
	c := config(map[string]string{"receivers": h.receivers("hook"), "route": quick})
	d := open(t, store, c)
	say(t, d.Manager, "health", down("a"), down("b"))
	h.until(t, "hook firing Down/a=firing Down/b=firing")
	d.stop()

	d = open(t, store, c)
	if err := d.Add(t.Context(), "health", []alerting.Alert{down("c")}); err != nil {
		t.Fatal(err)
	}
	h.until(t, "hook firing Down/a=firing Down/b=firing Down/c=firing")
	say(t, d.Manager, "health", down("c"))
	h.until(t, "hook firing Down/a=resolved Down/b=resolved Down/c=firing")
}
