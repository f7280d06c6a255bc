package ui_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/web/ui"
	"lapwing.dev/lapwing/internal/web/uitest"
)

// The invented alerts that tests name.
const (
	refundsAlert = "4f1a0c7be2d95a31"
	ackedAlert   = "0a11ce5b0b0b0001"
)

// alarmed is the pages of the shop with its alerts, seen by anna.
func alarmed(t testing.TB) (*ui.UI, *uitest.Alerts) {
	t.Helper()
	alerts := uitest.RushAlerts(noon)
	u := rush(t, func(d *ui.Deps) {
		d.Alerts, d.Identity = alerts, as(ui.Viewer{Name: "anna", CanRead: true, CanWrite: true})
	})
	return u, alerts
}

// listed is a server with these alerts and nothing else.
func listed(t testing.TB, list ...alerting.View) *ui.UI {
	t.Helper()
	return open(t, ui.Deps{Checks: &uitest.Source{}, Alerts: &uitest.Alerts{At: noon, List: list}})
}

func TestAlertsPageSaysWhoIsWaitedFor(t *testing.T) {
	view := func(state alerting.State, severity string) alerting.View {
		return alerting.View{ID: "a", State: state, Starts: noon.Add(-time.Minute), Ends: noon, Labels: map[string]string{"alertname": "A", "severity": severity}}
	}
	for _, test := range []struct {
		name      string
		list      []alerting.View
		want, sub string
		badge     string
	}{
		{"nothing", nil, "up: No alert is firing", "", "Alerts"},
		{"a warning", []alerting.View{view(alerting.Firing, "warning")}, "degraded: 1 alert firing", "", "Alerts 1 firing"},
		{"critical", []alerting.View{view(alerting.Firing, "warning"), view(alerting.Firing, "critical")}, "down: 2 alerts firing", "", "Alerts 2 firing"},
		{"of no severity", []alerting.View{view(alerting.Firing, "")}, "degraded: 1 alert firing", "", "Alerts 1 firing"},
		{"somebody has it", []alerting.View{view(alerting.Acknowledged, "critical")}, "degraded: Nothing new: somebody has each alert that fires", "1 acknowledged", "Alerts"},
		{"silenced", []alerting.View{view(alerting.Suppressed, "critical")}, "paused: Nothing but silenced alerts", "1 quiet", "Alerts"},
		{"pending and over", []alerting.View{view(alerting.Pending, "critical"), view(alerting.Resolved, "critical")}, "up: No alert is firing", "1 pending · 1 resolved in 24 h", "Alerts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := page(t, listed(t, test.list...), "/alerts")
			class, _ := doc.Find("h1").Attr("class")
			if got := strings.TrimPrefix(class, "st ") + ": " + text(doc.Find("h1")); got != test.want {
				t.Errorf("verdict %q, want %q", got, test.want)
			}
			want(t, doc, "#sub", test.sub)
			want(t, doc, `nav a[href="/alerts"]`, test.badge)
		})
	}
}

func TestAlertsPage(t *testing.T) {
	u, _ := alarmed(t)
	doc := page(t, u, "/alerts")
	want(t, doc, "#alert-"+refundsAlert+" .what", "firing ErrorRateHigh critical 11:43:00 UTC, 17 min ago")
	want(t, doc, "#alert-"+refundsAlert+" .why", "POST /refunds fails: 33.4 % of 174 requests in 5 min")
	want(t, doc, "#alert-"+refundsAlert+" .labels", "apiordersoperationPOST /refundssourcesloteamshop")
	want(t, doc, "#alert-"+refundsAlert+" .tells", "Tells on-call, team-shop · escalated to head-of-shop")
	want(t, doc, "#alert-"+ackedAlert+" .acked", "Acknowledged by anna, 23 Nov 2026 11:51:00 UTC, until 23 Nov 2026 14:00:00 UTC: payment provider is on it, ticket 4711")
	want(t, doc, "#alert-5eed5eed5eed5eed .tells", "Nobody is told: silenced 7c1d3e52-9b1a-4c63-8f5e-2f0a6c1f4d11")
	want(t, doc, "#alert-bebebebebebebebe .tells", "Nobody is told before it lasts long enough.")
	want(t, doc, "#alert-ca11ab1eca11ab1e .since", "resolved 07:40:00 UTC, 4 h ago")
	want(t, doc, "#silences > table tbody tr:nth-child(1) .matchers", `api="orders" operation=~"GET /reports/.*" severity!="critical"`)
	want(t, doc, "#silences > table tbody tr:nth-child(2) .when", "23 Nov 2026 23:00:00 UTC, begins in 9 h")
	want(t, doc, "#silences .past summary", "Ended in the last 24 hours (1)")
	want(t, doc, "#deliveries tbody tr:nth-child(2) .res", "waiting, 2 tries, next try in 41 sPOST https://pager.example.com/…: 502 Bad Gateway: upstream connect error or disconnect/reset before headers")
	want(t, doc, "#deliveries tbody tr:nth-child(1) .who", "head-of-shop email escalation")
	want(t, doc, "#deliveries tbody tr:nth-child(5) .counts", "1 resolved")
	if n := doc.Find("#deliveries form").Length(); n != 2 {
		t.Errorf("%d notifications can be tried again, want the one that waits and the one that failed", n)
	}
	want(t, doc, "#receivers tbody tr:nth-child(4) .res", "tells nobody")
	if doc.Find("#receivers pre").Length() != 0 {
		t.Error("receivers are explained to somebody who has some")
	}
}

func TestAlertsAreFiltered(t *testing.T) {
	u, _ := alarmed(t)
	for query, n := range map[string]int{
		"": 8, "state=firing": 3, "state=acknowledged": 1, "state=suppressed": 2, "state=pending": 1, "state=resolved": 1, "state=nonsense": 8,
		"q=refunds": 3, "q=instance%3Ddb-2": 1, "q=ErrorRateHigh+POST": 2, "q=%00": 0, "state=firing&q=orders": 2,
	} {
		if got := page(t, u, "/alerts?"+query).Find("#alerts .alerts > li").Length(); got != n {
			t.Errorf("%s: %d alerts, want %d", query, got, n)
		}
	}
	want(t, page(t, u, "/alerts?q=nothing"), "#alerts .empty", "No alert matches.Show all 8")
	doc := page(t, u, "/alerts?receiver=on-call")
	want(t, doc, "#deliveries-title", "Notifications to on-call")
	if n := doc.Find("#deliveries tbody tr").Length(); n != 1 {
		t.Errorf("%d notifications to on-call", n)
	}
}

func TestNoReceiversSayWhatToWrite(t *testing.T) {
	doc := page(t, listed(t), "/alerts")
	want(t, doc, "#alerts .calm", "Nothing fires, and nothing did in the last 24 hours.")
	want(t, doc, "#deliveries .waiting", "Nobody was told anything yet.")
	want(t, doc, "#receivers .command code", "lapwing notify test team")
	desktop := &uitest.Alerts{At: noon, Tell: []alerting.Receiver{{Name: "default", Integrations: []string{"desktop"}}}}
	doc = page(t, open(t, ui.Deps{Checks: &uitest.Source{}, Alerts: desktop}), "/alerts")
	if doc.Find("#receivers pre").Length() != 1 || doc.Find("#receivers tbody tr").Length() != 1 {
		t.Error("who is only told on the desktop is not told how others are")
	}
}

func TestTenThousandAlertsComeInPages(t *testing.T) {
	list := make([]alerting.View, 10_000)
	for i := range list {
		list[i] = alerting.View{ID: fmt.Sprintf("%016x", i), State: alerting.Firing, Starts: noon.Add(-time.Hour), Labels: map[string]string{"alertname": "Many", "severity": "warning", "n": strconv.Itoa(i)}}
	}
	u := listed(t, list...)
	doc := page(t, u, "/alerts?page=100")
	want(t, doc, "h1", "10 000 alerts firing")
	want(t, doc, ".pager span", "Page 100 of 100")
	if n := doc.Find("#alerts .alerts > li").Length(); n != 100 {
		t.Errorf("%d alerts on a page", n)
	}
	if n := page(t, u, "/").Find("#attention li").Length(); n != 6 {
		t.Errorf("%d things need attention on the overview", n)
	}
	want(t, page(t, u, "/"), "#attention .card-head a", "9994 more")
}

func TestOneAlert(t *testing.T) {
	u, _ := alarmed(t)
	doc := page(t, u, "/alerts/"+refundsAlert)
	want(t, doc, "h1", "ErrorRateHigh firing")
	want(t, doc, "#sub", "critical · since 23 Nov 2026 11:43:00 UTC, 17 min ago")
	want(t, doc, "#what pre", `POST /refunds HTTP/1.1 authorization: [redacted] HTTP/1.1 503 Service Unavailable content-type: application/json {"detail":"payment provider: connection pool exhausted (size 20, waiting 118)"}`)
	want(t, doc, "#labels dd:first-of-type", "ErrorRateHighcriticalordersPOST /refundssloshop")
	var links []string
	for _, a := range doc.Find("#buttons a").EachIter() {
		href, _ := a.Attr("href")
		links = append(links, text(a)+" "+href)
	}
	if diff := cmp.Diff([]string{
		"Acknowledge… #ack", "Silence… /alerts/silences/new?alert=" + refundsAlert, "Operation /endpoints/POST/refunds?api=orders", "Data http://127.0.0.1:7480/endpoints/POST/refunds?api=orders",
	}, links); diff != "" {
		t.Error(diff)
	}
	var story []string
	for _, li := range doc.Find("#timeline li p:first-child").EachIter() {
		story = append(story, text(li))
	}
	if diff := cmp.Diff([]string{
		"began to fire 23 Nov 2026 11:43:00 UTC", "told team-shop (slack) 23 Nov 2026 11:43:00 UTC", "told head-of-shop (email), because nobody had acknowledged it 23 Nov 2026 11:53:00 UTC",
		"could not tell on-call (webhook) yet, tried 2 times 23 Nov 2026 11:58:30 UTC",
	}, story); diff != "" {
		t.Error(diff)
	}
	want(t, doc, "#recipients li:nth-child(1) strong", "on-call")
	if n := doc.Find("#deliveries tbody tr").Length(); n != 3 {
		t.Errorf("%d notifications about it", n)
	}
	acked := page(t, u, "/alerts/"+ackedAlert)
	want(t, acked, "#ack button", "Unacknowledge")
	want(t, acked, "#timeline li:nth-child(3) p:first-child", "acknowledged by anna 23 Nov 2026 11:51:00 UTC")
	if href, _ := acked.Find("#buttons a:nth-child(2)").Attr("href"); href != "/checks/checkout-journey" {
		t.Errorf("the check is at %q", href)
	}
	silenced := page(t, u, "/alerts/5eed5eed5eed5eed")
	want(t, silenced, "#timeline li:nth-child(2) p:first-child", "silenced by anna 23 Nov 2026 11:20:00 UTC")
	resolved := page(t, u, "/alerts/ca11ab1eca11ab1e")
	if resolved.Find("#ack").Length() != 0 {
		t.Error("what is over can be acknowledged")
	}
	if answer := get(t, u, "/alerts/none"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestWhatIsDoneAboutAlerts(t *testing.T) {
	u, alerts := alarmed(t)
	alerts.Refuse = nil
	tests := []struct {
		name, path string
		form       url.Values
		status     int
		to         string
	}{
		{"acknowledge from the list", "/alerts/91c02e5d77aa10f4/acknowledge", url.Values{"list": {"1"}}, 303, "/alerts#alert-91c02e5d77aa10f4"},
		{"acknowledge for a while", "/alerts/" + refundsAlert + "/acknowledge", url.Values{"note": {" mine "}, "for": {"2h"}}, 303, "/alerts/" + refundsAlert},
		{"acknowledge what somebody has", "/alerts/" + refundsAlert + "/acknowledge", nil, 409, ""},
		{"for no time that there is", "/alerts/d00dfeed00c0ffee/acknowledge", url.Values{"for": {"-3h"}}, 400, ""},
		{"acknowledge nothing", "/alerts/none/acknowledge", nil, 404, ""},
		{"take it back", "/alerts/" + refundsAlert + "/unacknowledge", nil, 303, "/alerts/" + refundsAlert},
		{"silence", "/alerts/silences", url.Values{"matchers": {"api=\"orders\"\nseverity=~warn.*"}, "for": {"30m"}, "comment": {"deploy"}}, 303, "/alerts#silence-new"},
		{"silence without a reason", "/alerts/silences", url.Values{"matchers": {`api="orders"`}, "for": {"30m"}, "comment": {" "}}, 400, ""},
		{"silence everything", "/alerts/silences", url.Values{"matchers": {""}, "for": {"30m"}, "comment": {"x"}}, 400, ""},
		{"silence what is no matcher", "/alerts/silences", url.Values{"matchers": {"orders"}, "for": {"30m"}, "comment": {"x"}}, 400, ""},
		{"silence by what is no pattern", "/alerts/silences", url.Values{"matchers": {`api=~"("`}, "for": {"30m"}, "comment": {"x"}}, 400, ""},
		{"silence for ever", "/alerts/silences", url.Values{"matchers": {`api="x"`}, "for": {"0"}, "comment": {"x"}}, 400, ""},
		{"silence as Alertmanager refuses it", "/alerts/silences", url.Values{"matchers": {"a=everything"}, "for": {"1h"}, "comment": {"x"}}, 400, ""},
		{"end a silence", "/alerts/silences/night-work/expire", nil, 303, "/alerts#silences"},
		{"end it again", "/alerts/silences/night-work/expire", nil, 404, ""},
		{"try a notification again", "/alerts/deliveries/107/retry", nil, 303, "/alerts#deliveries"},
		{"from the page of an alert", "/alerts/deliveries/88/retry", url.Values{"alert": {"//evil.example/"}}, 303, "/alerts/%2F%2Fevil.example%2F#deliveries"},
		{"try what was delivered", "/alerts/deliveries/106/retry", nil, 404, ""},
		{"try nonsense", "/alerts/deliveries/x/retry", nil, 404, ""},
		{"test a receiver", "/alerts/receivers/team-shop/test", nil, 303, "/alerts?receiver=team-shop#deliveries"},
		{"test nobody", "/alerts/receivers/none/test", nil, 404, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := post(t, u, test.path, test.form)
			if answer.StatusCode != test.status || answer.Header.Get("Location") != test.to {
				t.Errorf("status %d to %q, want %d to %q", answer.StatusCode, answer.Header.Get("Location"), test.status, test.to)
			}
		})
	}
	if diff := cmp.Diff([]string{
		"acknowledge 91c02e5d77aa10f4 by anna until 00:00:00: ", "acknowledge " + refundsAlert + " by anna until 14:00:00: mine", "unacknowledge " + refundsAlert + " by anna",
		"silence [{api = orders} {severity =~ warn.*}] for 30m0s by anna: deploy", "unsilence night-work by anna", "retry 107", "retry 88", "test team-shop by anna",
	}, alerts.Called); diff != "" {
		t.Error(diff)
	}
	// What was done shows at once.
	want(t, page(t, u, "/alerts"), "h1", "2 alerts firing")
	want(t, page(t, u, "/"), `nav a[href="/alerts"]`, "Alerts 2 firing")
	alerts.Refuse = uitest.ErrPager
	answer := post(t, u, "/alerts/receivers/on-call/test", nil)
	doc := parse(t, answer)
	if got := text(doc.Find("main")); answer.StatusCode != http.StatusBadGateway || !strings.Contains(got, "401 Unauthorized") {
		t.Errorf("a receiver that refuses: status %d, %q", answer.StatusCode, got)
	}
}

func TestASilenceIsPreviewed(t *testing.T) {
	u, _ := alarmed(t)
	doc := page(t, u, "/alerts/silences/new?alert="+refundsAlert)
	want(t, doc, "h1", "New silence of ErrorRateHigh")
	want(t, doc, "textarea", `alertname="ErrorRateHigh" severity="critical" api="orders" operation="POST /refunds" source="slo" team="shop"`)
	want(t, doc, "#preview .would strong", "1 alert")
	for matchers, found := range map[string]string{
		`api="orders"`: "6 alerts", `api=orders, severity=critical`: "3 alerts", `{alertname=~"Error.*"}`: "4 alerts", "api!=\"orders\"": "1 alert", `team=""`: "6 alerts", `nothing="x"`: "",
	} {
		doc := page(t, u, "/alerts/silences/new?matchers="+url.QueryEscape(matchers)+"&for=8h&comment=because")
		want(t, doc, "#preview .would strong", found)
		want(t, doc, "select option[selected]", "8 hours")
		if comment, _ := doc.Find("input[name=comment]").Attr("value"); comment != "because" {
			t.Errorf("the preview forgets the comment: %q", comment)
		}
	}
	want(t, page(t, u, "/alerts/silences/new?matchers=orders"), "#preview [role=alert]", `"orders" is not a matcher; write name="value", with = != =~ or !~.`)
	want(t, page(t, u, "/alerts/silences/new"), "#preview .waiting", "Write matchers, then press Preview.")
	if form, _ := page(t, u, "/alerts/silences/new").Find("button[formmethod=get]").Attr("formaction"); form != "/alerts/silences/new" {
		t.Errorf("the preview asks %q", form)
	}
}

func TestWhoWouldGetThis(t *testing.T) {
	u, _ := alarmed(t)
	ask := func(labels string) string {
		return text(page(t, u, "/alerts?labels="+url.QueryEscape(labels)).Find("#who > :not(.card-head):not(form)"))
	}
	if got := ask(`severity="critical" api=orders`); !strings.HasPrefix(got, "on-call webhook at once, again every 1 h") || !strings.Contains(got, "team-shop slack, webhook after 30 s, again every 4 h") {
		t.Errorf("critical: %q", got)
	}
	if got := ask(`severity="warning"`); strings.Contains(got, "on-call") {
		t.Errorf("warning: %q", got)
	}
	if got := ask(`severity=~"warning"`); !strings.HasPrefix(got, "Severity=~… matches labels") {
		t.Errorf("a matcher: %q", got)
	}
	if got := ask(strings.Repeat("a=b ", 100)); got != "These are more than 30 matchers." {
		t.Errorf("very many: %q", got)
	}
}

func TestWhoMayOnlyLookCannotTouchAlerts(t *testing.T) {
	u := rush(t, func(d *ui.Deps) { d.Identity = as(ui.Viewer{Name: "reader", CanRead: true}) })
	for _, path := range []string{"/alerts", "/alerts/" + refundsAlert, "/alerts/" + ackedAlert, "/alerts/silences/new?alert=" + refundsAlert} {
		doc := page(t, u, path)
		if n := doc.Find(`main form[method=post], main a[href^="/alerts/silences/new"], main a[href="#ack"]`).Length(); n != 0 {
			t.Errorf("%s: %d ways to change something for somebody who may only look", path, n)
		}
	}
	for _, path := range []string{
		"/alerts/" + refundsAlert + "/acknowledge", "/alerts/" + ackedAlert + "/unacknowledge", "/alerts/silences", "/alerts/silences/night-work/expire", "/alerts/deliveries/107/retry", "/alerts/receivers/team-shop/test",
	} {
		if answer := post(t, u, path, url.Values{"matchers": {"a=b"}, "for": {"1h"}, "comment": {"x"}}); answer.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s: status %d", path, answer.StatusCode)
		}
	}
}

func TestTheLastGoodAlertsStayWhenTheyCannotBeRead(t *testing.T) {
	alerts := uitest.RushAlerts(noon)
	now := noon
	u := rush(t, func(d *ui.Deps) { d.Alerts, d.Now = alerts, func() time.Time { return now } })
	page(t, u, "/alerts")
	alerts.Err = errors.New("database is locked: /secret/path")
	now = now.Add(2 * time.Minute)
	doc := page(t, u, "/alerts")
	want(t, doc, "h1", "3 alerts firing")
	want(t, doc, "#failed", "The alerts could not be read now, nor the silences, nor the notifications. The list is as of 12:00:00 UTC.")
	if doc.Find("#silences tbody tr").Length() == 0 || doc.Find("#deliveries tbody tr").Length() == 0 {
		t.Error("the last good silences and notifications are gone")
	}
	want(t, page(t, u, "/"), `nav a[href="/alerts"]`, "Alerts 3 firing")
	want(t, page(t, u, "/alerts/"+refundsAlert), "#acked .bad", "The notifications could not be read now, so they are missing below.")

	never := uitest.RushAlerts(noon)
	never.Err = alerts.Err
	doc = page(t, rush(t, func(d *ui.Deps) { d.Alerts = never }), "/alerts")
	want(t, doc, "h1", "The alerts could not be read")
	if strings.Contains(doc.Text(), "secret") {
		t.Error("the cause is for the log, not for the page")
	}
}

func TestWhatAlertsBringAlongIsText(t *testing.T) {
	const bad = `"><script>alert(1)</script>` + "\u202e" // and the writing direction turned round
	long := strings.Repeat("very-long-", 20_000)
	evil := alerting.View{
		ID: `a/../"<b>`, State: alerting.Firing, Starts: noon, Receivers: []string{bad}, SilencedBy: []string{bad}, Escalated: []string{bad},
		Labels: map[string]string{"alertname": bad, "severity": bad, "api": bad, "operation": "GET " + bad, "check": bad, bad: bad, "long": long},
		Annotations: map[string]string{
			alerting.NoteSummary: bad + long, alerting.NoteDescription: bad + long, alerting.NoteEvidence: bad + long, alerting.NoteCurl: bad, alerting.NotePage: "javascript:alert(1)", alerting.NoteTrace: bad, bad: bad + long,
		},
		Ack: &alerting.Ack{By: bad, Note: bad, At: noon},
	}
	for i := range 500 {
		evil.Labels[fmt.Sprintf("label%d", i)] = "x"
	}
	alerts := &uitest.Alerts{
		At: noon, List: []alerting.View{evil},
		Quiet: []alerting.Silence{{ID: bad, State: "active", By: bad, Comment: bad + long, Ends: noon.Add(time.Hour), Matchers: []alerting.Matcher{{Name: bad, Op: "=~", Value: bad + long}}}},
		Told:  []alerting.Delivery{{ID: 1, Receiver: bad, Kind: bad, Reason: bad, State: bad, Error: bad + long, Alerts: []alerting.Told{{ID: evil.ID, Name: bad + long, Summary: bad + long}}}},
		Tell:  []alerting.Receiver{{Name: bad, Integrations: []string{bad}}},
	}
	u := open(t, ui.Deps{Checks: &uitest.Source{}, Alerts: alerts})
	for path, most := range map[string]int{"/alerts": 100_000, "/alerts/" + url.PathEscape(evil.ID): 200_000, "/": 30_000, "/alerts/silences/new?alert=" + url.QueryEscape(evil.ID): 50_000, "/alerts?labels=" + url.QueryEscape(bad): 100_000} {
		answer := get(t, u, path)
		body, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
		if strings.Contains(string(body), "<script>alert") || strings.Contains(string(body), `href="javascript`) {
			t.Errorf("%s: what an alert says is markup", path)
		}
		if len(body) > most {
			t.Errorf("%s: %d bytes, want at most %d", path, len(body), most)
		}
	}
	doc := page(t, u, "/alerts/"+url.PathEscape(evil.ID))
	want(t, doc, "#buttons a:last-child", "Silence…")
	if title := doc.Find("title").Text(); strings.ContainsRune(title, '\u202e') {
		t.Error("an alert turns the title round")
	}
}

func TestASilenceOfAnAlertHoldsForItHoweverLongItsLabelsAre(t *testing.T) {
	long := alerting.View{ID: "a1", State: alerting.Firing, Starts: noon, Labels: map[string]string{
		alerting.LabelName: strings.Repeat("w", 600), "query": strings.Repeat("v", 2048), "émoji": strings.Repeat("😀", 300) + `"\`,
	}}
	u := open(t, ui.Deps{Checks: &uitest.Source{}, Alerts: &uitest.Alerts{At: noon, List: []alerting.View{long}}})
	doc := page(t, u, "/alerts/silences/new?alert=a1")
	want(t, doc, "#preview strong", "1 alert")
}

func TestAnAlertLeadsToItsRunbook(t *testing.T) {
	for text, link := range map[string]string{
		"https://runbooks.example/disk?full": "https://runbooks.example/disk?full", "http://wiki/x": "http://wiki/x", "javascript:alert(1)": "", "//evil.example": "", "/settings": "", "": "",
	} {
		a := alerting.View{ID: "a1", State: alerting.Firing, Starts: noon, Labels: map[string]string{alerting.LabelName: "DiskFull"}, Annotations: map[string]string{"runbook_url": text, "dashboard": text}}
		doc := page(t, open(t, ui.Deps{Checks: &uitest.Source{}, Alerts: &uitest.Alerts{At: noon, List: []alerting.View{a}}}), "/alerts/a1")
		button, _ := doc.Find("#buttons a:contains(Runbook)").Attr("href")
		note, _ := doc.Find("#what .fields a").Attr("href")
		if button != link || note != link {
			t.Errorf("%q: the button leads to %q and the note to %q, want %q", text, button, note, link)
		}
	}
}
