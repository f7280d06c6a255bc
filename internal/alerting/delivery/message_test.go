package delivery_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/alerting/delivery"
)

var update = flag.Bool("update", false, "write the golden files anew")

func templates(t testing.TB, paths ...string) *template.Template {
	t.Helper()
	tmpl, err := delivery.Templates(paths, &url.URL{Scheme: "https", Host: "lapwing.test"})
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// story is what a message is about: two alerts, of which one has ended.
func story(tmpl *template.Template, change func(as []*alert.Alert)) *template.Data {
	began := time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC)
	fires := &alert.Alert{Alert: model.Alert{
		Labels: model.LabelSet{"alertname": "ErrorRate", "severity": "critical", "api": "orders", "operation": "GET /orders/{id}"},
		Annotations: model.LabelSet{
			"summary": "Error rate of GET /orders/{id} is 23 %", "description": "46 of 200 requests failed in the last 5 minutes; the limit is 20 %.",
			"evidence": "GET /orders/17\nHTTP 503 in 2.1 s\n{\"error\": \"no connection\"}", "page": "https://lapwing.test/endpoints/orders?operation=GET",
		},
		StartsAt: began,
	}}
	over := &alert.Alert{Alert: model.Alert{
		Labels:      model.LabelSet{"alertname": "CheckDown", "severity": "warning", "api": "orders", "check": "health"},
		Annotations: model.LabelSet{"summary": "Check health of orders is down", "description": "3 runs in a row failed."},
		StartsAt:    began, EndsAt: began.Add(12 * time.Minute),
	}}
	alerts := []*alert.Alert{over, fires}
	if change != nil {
		change(alerts)
	}
	return tmpl.Data("team", model.LabelSet{"api": "orders"}, nil, notify.ReasonFirstNotification.String(), alerts...)
}

// TestMessages compares what each channel is told with testdata/messages.
func TestMessages(t *testing.T) {
	tmpl := templates(t)
	for _, c := range []struct {
		name, text string
		html       bool
	}{
		{"slack", `{{ template "slack.default.title" . }} -> {{ template "slack.default.titlelink" . }}` + "\n" + `{{ template "slack.default.text" . }}`, false},
		{"discord", `{{ template "discord.default.title" . }}` + "\n" + `{{ template "discord.default.message" . }}`, false},
		{"teams", `{{ template "msteamsv2.default.title" . }}` + "\n" + `{{ template "msteamsv2.default.text" . }}`, false},
		{"telegram", `{{ template "telegram.default.message" . }}`, true},
		{"pagerduty", `{{ template "pagerduty.default.description" . }}` + "\n" + `{{ template "pagerduty.default.instances" .Alerts.Firing }}`, false},
		{"opsgenie", `{{ template "opsgenie.default.message" . }}` + "\n" + `{{ template "opsgenie.default.description" . }}`, false},
		{"email.txt", `{{ template "email.default.text" . }}`, false},
		{"email.html", `{{ template "email.default.html" . }}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			execute := tmpl.ExecuteTextString
			if c.html {
				execute = tmpl.ExecuteHTMLString
			}
			got, err := execute(c.text, story(tmpl, func(as []*alert.Alert) {
				as[1].Annotations["escalation"] = "Nobody acknowledged this within 10m. team was told first, 10m ago."
			}))
			if err != nil {
				t.Fatal(err)
			}
			got = forFor.Replace(got)
			if i := strings.Index(got, ", for "); i >= 0 { // it goes on: how long depends on today
				end := strings.IndexAny(got[i+2:], ".")
				got = got[:i] + ", for (so long)" + got[i+2+end:]
			}
			golden := filepath.Join("testdata", "messages", c.name)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var forFor = strings.NewReplacer("\r\n", "\n")

// TestWhatAnAPIAnswersIsNeverMarkup has an API that answers with everything that
// some channel takes for markup.
func TestWhatAnAPIAnswersIsNeverMarkup(t *testing.T) {
	const evil = "<script>alert(1)</script> <!channel> <https://evil.test|click> [click](https://evil.test) [a][b]\n[b]: https://evil.test\n" +
		"@everyone <@123> ```\n# head\r\nBcc: x@evil.test {{ .ExternalURL }} <img src=x onerror=alert(1)> javascript:alert(1)"
	tmpl := templates(t)
	data := story(tmpl, func(as []*alert.Alert) {
		for _, a := range as {
			for _, name := range []model.LabelName{"summary", "description", "evidence", "page", "escalation", "delayed"} {
				a.Annotations[name] = evil
			}
			a.Annotations["page"] = "javascript:alert(1)"
			a.Labels["operation"] = evil
		}
	})
	text := func(name string) string {
		t.Helper()
		got, err := tmpl.ExecuteTextString(`{{ template "`+name+`" . }}`, data)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	html := func(name string) string {
		t.Helper()
		got, err := tmpl.ExecuteHTMLString(`{{ template "`+name+`" . }}`, data)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, c := range map[string]struct {
		got   string
		never []string
	}{
		"slack":           {text("slack.default.text") + text("slack.default.title"), []string{"<!channel", "<https://evil.test|", "<@1", "javascript:alert(1)|"}},
		"discord":         {text("discord.default.message") + text("discord.default.title"), []string{"[click](", "@everyone", "[b]: http", "](javascript"}},
		"teams":           {text("msteamsv2.default.text"), []string{"[click](", "[b]: http", "](javascript"}},
		"mattermost":      {text("mattermost.default.text"), []string{"[click](", "@everyone", "![", "[b]: http"}},
		"telegram":        {html("telegram.default.message"), []string{"<script", "<img", "<https"}},
		"mail":            {html("email.default.html"), []string{"<script", "<img", "href=\"javascript", "onerror=alert(1)>"}},
		"subject of mail": {text("email.default.subject"), []string{"\n", "\r"}},
	} {
		for _, never := range c.never {
			if strings.Contains(c.got, never) {
				t.Errorf("%s has %q: %s", name, never, c.got)
			}
		}
		if strings.Contains(c.got, "https://lapwing.test <img") {
			t.Errorf("%s ran a template of the API's answer: %s", name, c.got)
		}
	}
}

// TestMessagesFit has many alerts with long texts, made of what a channel writes longer.
func TestMessagesFit(t *testing.T) {
	tmpl := templates(t)
	for _, filler := range []string{"long ", `"&<`, "é", "`*_", "\U0001F4A5"} {
		var alerts []*alert.Alert
		for i := range 500 {
			a := &alert.Alert{Alert: model.Alert{Labels: model.LabelSet{
				"alertname": model.LabelValue(fmt.Sprint("A", i)), "operation": model.LabelValue(strings.Repeat(filler, 500)),
			}, Annotations: model.LabelSet{}, StartsAt: time.Now()}}
			for _, name := range []model.LabelName{"summary", "description", "evidence", "escalation"} {
				a.Annotations[name] = model.LabelValue(strings.Repeat(filler, 20_000))
			}
			a.Annotations["page"] = model.LabelValue("https://lapwing.test/endpoints?q=" + strings.Repeat("x", 300))
			alerts = append(alerts, a)
		}
		data := tmpl.Data("team", nil, nil, "", alerts...)
		for name, most := range map[string]int{
			"slack.default.text": 3900, "slack.default.title": 1024, "discord.default.message": 4096, "discord.default.title": 256,
			"msteamsv2.default.text": 16000, "telegram.default.message": 4096, "opsgenie.default.description": 15000,
			"victorops.default.state_message": 20480, "pushover.default.message": 1024, "webex.default.message": 7439, "wechat.default.message": 2048,
			"mattermost.default.text": 16383, "email.default.html": 300_000,
		} {
			execute := tmpl.ExecuteTextString
			if name == "telegram.default.message" || name == "email.default.html" {
				execute = tmpl.ExecuteHTMLString
			}
			got, err := execute(`{{ template "`+name+`" . }}`, data)
			if err != nil {
				t.Fatal(err)
			}
			if n := utf8.RuneCountInString(got); n > most {
				t.Errorf("%s of %q has %d characters; the channel takes %d", name, filler, n, most)
			}
			if !utf8.ValidString(got) {
				t.Errorf("%s of %q was cut inside a letter", name, filler)
			}
		}
	}
}

func TestUsersTemplatesComeLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.tmpl")
	if err := os.WriteFile(path, []byte(`{{ define "slack.default.text" }}mine: {{ subject . }}{{ end }}`), 0o600); err != nil {
		t.Fatal(err)
	}
	to := newHook(t, says(200, "ok"))
	tmpl := templates(t, path)
	got, err := tmpl.ExecuteTextString(`{{ template "slack.default.text" . }}`, story(tmpl, nil))
	if err != nil || got != "mine: Critical: Error rate of GET /orders/{id} is 23 %, and 1 more" {
		t.Errorf("%q, %v", got, err)
	}
	to.Close()
}

func TestSlackGetsWhatSlackReads(t *testing.T) {
	to := newHook(t, says(200, "ok"))
	s := newStand(t, newMemory(), newWorld(), "  slack_configs:\n  - api_url: "+to.URL+"/services/T/B/x\n    channel: '#alerts'\n")
	a := s.world.fires("A")
	if err := s.notify("g", a); err != nil {
		t.Fatal(err)
	}
	s.until("it is delivered", func() bool { return cmp.Equal(s.store.states(), []string{delivery.Delivered}) })
	var m struct {
		Channel, Username string
		Attachments       []struct {
			Title     string
			TitleLink string `json:"title_link"`
			Text      string
			Color     string
		}
	}
	if err := json.Unmarshal([]byte(to.bodies()[0]), &m); err != nil {
		t.Fatal(err)
	}
	at := m.Attachments[0]
	if m.Channel != "#alerts" || m.Username != "Lapwing" || at.Title != "Critical: A is wrong" || at.Color != "danger" || at.TitleLink != "http://lapwing.test/endpoints/orders" {
		t.Errorf("%+v", m)
	}
	for _, part := range []string{"It answered 500 three times.", "Since ", "api orders", "```\nGET /orders\nHTTP 500\n```", "|Open the data>", "<http://lapwing.test/alerts/" + a.Fingerprint().String() + "|Acknowledge or silence>"} {
		if !strings.Contains(at.Text, part) {
			t.Errorf("no %q in %q", part, at.Text)
		}
	}
}
