package ui_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

func TestHeartbeatsAreBelowTheChecks(t *testing.T) {
	u := open(t, ui.Deps{Checks: &uitest.Source{}, Heartbeats: uitest.NightHeartbeats(noon)})
	doc := page(t, u, "/checks")
	rows := doc.Find("section#heartbeats tbody tr")
	for i, wanted := range []string{
		"missing send-invoices orders 21 Nov 2026 11:00:00 UTC, 2 d ago 22 Nov 2026 11:00:00 UTC, 25 h ago 22 Nov 2026 12:00:00 UTC, 24 h ago",
		"failed import-prices orders 23 Nov 2026 11:56:00 UTC, 4 min ago 23 Nov 2026 12:11:00 UTC, in 11 min disk full <script>alert(1)</script> 23 Nov 2026 11:26:00 UTC, 34 min ago",
		"late rotate-keys 23 Nov 2026 10:55:00 UTC, 65 min ago 23 Nov 2026 11:55:00 UTC, 5 min ago 23 Nov 2026 11:55:00 UTC, 5 min ago",
		"waiting report never 23 Nov 2026 12:20:00 UTC, in 20 min 23 Nov 2026 11:20:00 UTC, 40 min ago",
		"ok nightly-backup 23 Nov 2026 03:00:00 UTC, 9 h ago 24 Nov 2026 03:00:00 UTC, in 15 h 412 MB in 18m 24 Oct 2026 12:00:00 UTC, 30 d ago",
	} {
		var cells []string
		for _, cell := range rows.Eq(i).Find("td").EachIter() {
			if told := text(cell); told != "" {
				cells = append(cells, told)
			}
		}
		if got := strings.Join(cells, " "); got != strings.ReplaceAll(wanted, "65 min", "1 h") {
			t.Errorf("row %d: %q, want %q", i, got, wanted)
		}
	}
	for class, n := range map[string]int{"down": 1, "degraded": 2, "unknown": 1, "up": 1} {
		if got := doc.Find("#heartbeats tbody .st." + class).Length(); got != n {
			t.Errorf("%d rows are marked %s, want %d", got, class, n)
		}
	}
	want(t, doc, "#heartbeats .card-head .pill.down", "1 missing")
	want(t, doc, "#heartbeats .card-head .pill.degraded", "1 failed")
	if doc.Find("script:contains(alert)").Length() != 0 {
		t.Error("what a job said is part of the page")
	}
}

func TestHeartbeatsThatNobodyHasAreNotShown(t *testing.T) {
	for name, deps := range map[string]ui.Deps{
		"no heartbeats here": {Checks: &uitest.Source{}},
		"none configured":    {Checks: &uitest.Source{}, Heartbeats: uitest.Heartbeats{}},
	} {
		if page(t, open(t, deps), "/checks").Find("#heartbeats").Length() != 0 {
			t.Errorf("%s: the section is there", name)
		}
	}
}

func TestHeartbeatsComeAloneWhenThePageAsksForNews(t *testing.T) {
	u := open(t, ui.Deps{Checks: uitest.Shop(noon), Heartbeats: uitest.NightHeartbeats(noon)})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/checks", nil)
	r.Header.Set("Lapwing-Part", "live")
	doc := parse(t, send(t, u, r))
	if doc.Find("section#heartbeats[data-part] tbody tr").Length() != 5 || doc.Find("table.rows, nav").Length() != 0 {
		t.Error("the part has no heartbeats, or more than them")
	}
}

func TestManyHeartbeatsAreCutAndSayWhereTheRestIs(t *testing.T) {
	var list uitest.Heartbeats
	for range 1000 {
		list = append(list, heartbeats.View{Name: strings.Repeat("x", 100), State: heartbeats.OK, Due: noon, Since: noon})
	}
	doc := page(t, open(t, ui.Deps{Checks: &uitest.Source{}, Heartbeats: list}), "/checks")
	if n := doc.Find("#heartbeats tbody tr").Length(); n != 200 {
		t.Errorf("%d rows", n)
	}
	want(t, doc, "#heartbeats .more", "and 800 more: lapwing heartbeat listCopy lapwing heartbeat list")
}

func TestOverviewTellsOfEachHeartbeatOnce(t *testing.T) {
	alert := func(id, job, name string, state alerting.State) alerting.View {
		severity := "critical"
		if job == "import-prices" {
			severity = "warning"
		}
		return alerting.View{
			ID: id, State: state, Starts: noon.Add(-time.Hour), Annotations: map[string]string{alerting.NoteSummary: job + " has not told that it ran"},
			Labels: map[string]string{alerting.LabelName: name, alerting.LabelSeverity: severity, alerting.LabelSource: "heartbeats", "heartbeat": job},
		}
	}
	up := &uitest.Source{Views: []checks.View{{ID: "a", Name: "a", State: checks.Up}}}
	fine := uitest.NightHeartbeats(noon)[:1]
	for _, test := range []struct {
		name         string
		source       *uitest.Source
		beats        ui.Heartbeats
		alerts       []alerting.View
		verdict, sub string
		class        string
		attention    []string
	}{
		{"fine", up, fine, nil, "The check is up", "1 of 1 up", "up", nil},
		{"no check, one job", &uitest.Source{}, fine, nil, "No checks yet", "", "unknown", nil},
		{"nobody was told yet", up, uitest.NightHeartbeats(noon), nil, "1 heartbeat missing, 1 failed", "1 of 1 up · The check is up", "down", []string{"send-invoices orders", "import-prices orders"}},
		{"no check, and a job is missing", &uitest.Source{}, uitest.NightHeartbeats(noon), nil, "1 heartbeat missing, 1 failed", "", "down", []string{"send-invoices orders", "import-prices orders"}},
		{
			"alerts fire about both", up, uitest.NightHeartbeats(noon),
			[]alerting.View{alert("a1", "send-invoices", "HeartbeatMissing", alerting.Firing), alert("a2", "import-prices", "HeartbeatFailed", alerting.Firing)},
			"2 alerts firing", "1 of 1 up · The check is up", "down",
			[]string{"send-invoices orders", "import-prices orders"},
		},
		{
			"an alert fires, the other is silenced", up, uitest.NightHeartbeats(noon),
			[]alerting.View{alert("a1", "send-invoices", "HeartbeatMissing", alerting.Firing), alert("a2", "import-prices", "HeartbeatFailed", alerting.Suppressed)},
			"1 alert firing", "1 of 1 up · The check is up · 1 heartbeat failed", "down",
			[]string{"send-invoices orders", "import-prices orders"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			deps := ui.Deps{Checks: test.source, Heartbeats: test.beats, Alerts: &uitest.Alerts{At: noon, List: test.alerts}}
			doc := page(t, open(t, deps), "/")
			want(t, doc, "h1", test.verdict)
			want(t, doc, ".verdict .sub", test.sub)
			if !doc.Find("h1").HasClass(test.class) {
				t.Errorf("the verdict is not %s", test.class)
			}
			var names []string
			for _, item := range doc.Find("#attention .what").EachIter() {
				item.Find(".st").Remove()
				names = append(names, text(item))
			}
			if strings.Join(names, ", ") != strings.Join(test.attention, ", ") {
				t.Errorf("needs attention: %q, want %q", names, test.attention)
			}
		})
	}
	deps := ui.Deps{Checks: up, Heartbeats: uitest.NightHeartbeats(noon), Alerts: &uitest.Alerts{At: noon, List: []alerting.View{alert("a1", "send-invoices", "HeartbeatMissing", alerting.Firing)}}}
	doc := page(t, open(t, deps), "/")
	want(t, doc, `#attention li:first-child .what a[href="/checks#heartbeat-send-invoices"]`, "send-invoices")
	want(t, doc, `#attention li:first-child .links a[href="/alerts/a1"]`, "alert of send-invoices")
	want(t, doc, "#attention li:first-child .why", "it has not told that it ran for 2 d; it was due 25 h ago")
	want(t, doc, "#attention li:nth-child(2) .why", "failed: disk full")
}
