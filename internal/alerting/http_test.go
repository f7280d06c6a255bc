package alerting_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
)

// serve serves a desk's API on loopback.
func serve(t *testing.T, d *desk) string {
	t.Helper()
	s := httptest.NewServer(d.Handler())
	t.Cleanup(s.Close)
	return s.URL + alerting.Prefix
}

// ask sends a request and returns the status and the body.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestClientsPostAlertsAndTheySurvive(t *testing.T) {
	t.Parallel()
	h, store := newHook(t), disk(t)
	c := config(map[string]string{"receivers": h.receivers("hook"), "route": quick})
	d := open(t, store, c)
	url := serve(t, d) + "/api/v2/alerts"
	ends := time.Now().Add(time.Hour).Format(time.RFC3339)
	if code, text := ask(t, "POST", url, `[{"labels":{"alertname":"Down","check":"a"},"endsAt":"`+ends+`","generatorURL":"http://p/"},{"labels":{"alertname":"Down","check":"b"}}]`); code != 200 {
		t.Fatal(code, text)
	}
	h.until(t, "hook firing Down/a=firing Down/b=firing")
	d.stop()
	before := len(h.list())
	d = open(t, store, c)
	url = serve(t, d) + "/api/v2/alerts"
	code, text := ask(t, "GET", url, "")
	var list []struct {
		Fingerprint string
		Labels      map[string]string
		Status      struct{ State string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || code != 200 || len(list) != 2 || list[0].Status.State != "active" {
		t.Fatalf("%d %s %v", code, text, err)
	}
	over := time.Now().Add(-time.Second).Format(time.RFC3339Nano)
	if code, text := ask(t, "POST", url, `[{"labels":{"alertname":"Down","check":"a"},"endsAt":"`+over+`"}]`); code != 200 {
		t.Fatal(code, text)
	}
	h.until(t, "hook firing Down/a=resolved Down/b=firing")
	if list := h.list()[before:]; len(list) != 1 {
		t.Errorf("after the restart people heard %q", list)
	}
}

func TestAnAlertThatNobodyRepeatsEnds(t *testing.T) {
	t.Parallel()
	h, store := newHook(t), disk(t)
	d := open(t, store, config(map[string]string{"receivers": h.receivers("hook"), "route": quick}))
	ends := time.Now().Add(1500 * time.Millisecond)
	soon := down("a")
	soon.Ends = ends
	if err := d.Put(t.Context(), soon); err != nil {
		t.Fatal(err)
	}
	h.until(t, "hook firing Down/a=firing")
	h.until(t, "hook resolved Down/a=resolved")
	stored, err := store.Alerts(t.Context(), ends.Add(-time.Minute))
	if err != nil || len(stored) != 1 || !stored[0].Ended() {
		t.Errorf("stored as %+v %v", stored, err)
	}
}

func TestOnlyWhatThereIsIsFound(t *testing.T) {
	d := open(t, &alertingtest.Memory{}, alerting.Config{})
	url := serve(t, d)
	for path, want := range map[string]int{
		"GET /api/v2/status": 200, "GET /api/v2/receivers": 200, "GET /api/v2/alerts": 200, "GET /api/v2/alerts/groups": 200,
		"GET /api/v2/silences": 200, "GET /-/healthy": 200, "GET /-/ready": 200, "HEAD /-/ready": 200,
		"GET /api/v2/silence/00000000-0000-0000-0000-000000000000": 404, "DELETE /api/v2/silence/00000000-0000-0000-0000-000000000000": 404,
		"GET /api/v2/silence/nonsense": 422, "GET /": 404, "GET /api/v1/alerts": 404, "GET /api/v2/anything": 404, "POST /-/reload": 404, "GET /metrics": 404,
		"GET /debug/pprof/": 404, "PUT /api/v2/alerts": 405, "DELETE /api/v2/alerts": 405, "GET /api/v2/alerts?filter=%7B%7B": 400,
		"GET /api/v2/alerts?receiver=(": 400, "GET /api/v2/alerts?x=" + strings.Repeat("a", 20<<10): 414, "POST /api/v2/alerts": 422,
	} {
		method, rest, _ := strings.Cut(path, " ")
		if code, text := ask(t, method, url+rest, ""); code != want {
			t.Errorf("%.80s: %d %.200s", path, code, text)
		}
	}
}

func TestBadAlertsAreRefused(t *testing.T) {
	d := open(t, &alertingtest.Memory{}, alerting.Config{})
	url := serve(t, d) + "/api/v2/alerts"
	many := make([]string, 70)
	for i := range many {
		many[i] = fmt.Sprintf(`"l%d":"x"`, i)
	}
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"no JSON":              {"nonsense", 400},
		"no list":              {`{}`, 400},
		"nothing":              {`[null]`, 400},
		"no labels":            {`[{}]`, 422},
		"empty labels":         {`[{"labels":{}}]`, 400},
		"only empty values":    {`[{"labels":{"alertname":""}}]`, 400},
		"no text":              {`[{"labels":{"a":1}}]`, 400},
		"ends before it began": {`[{"labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]`, 400},
		"no date":              {`[{"labels":{"a":"b"},"startsAt":"yesterday"}]`, 400},
		"too many labels":      {`[{"labels":{` + strings.Join(many, ",") + `}}]`, 400},
		"a label too long":     {`[{"labels":{"a":"` + strings.Repeat("x", 10<<10) + `"}}]`, 400},
		"too many annotations": {`[{"labels":{"a":"b"},"annotations":{` + strings.Join(many, ",") + `}}]`, 400},
		"deep":                 {strings.Repeat("[", 100_000), 400},
		"too much":             {`[{"labels":{"a":"` + strings.Repeat("x", 11<<20) + `"}}]`, 400},
	} {
		if code, text := ask(t, "POST", url, c.body); code != c.code {
			t.Errorf("%s: %d %.200s", name, code, text)
		}
	}
	if code, text := ask(t, "POST", url, `[{"labels":{}},{"labels":{"alertname":"Good"},"annotations":{"long":"`+strings.Repeat("ä", 20<<10)+`"}}]`); code != 400 {
		t.Errorf("%d %s", code, text)
	}
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != 1 || views[0].Labels["alertname"] != "Good" {
		t.Fatalf("what was good is not there: %v %v", views, err)
	}
	if note := views[0].Annotations["long"]; len(note) > 16<<10 || !strings.HasSuffix(note, "ä…") {
		t.Errorf("cut to %d bytes", len(note))
	}
}

func TestNoMoreAlertsThanThereIsRoomFor(t *testing.T) {
	d := open(t, &alertingtest.Memory{}, alerting.Config{})
	url := serve(t, d) + "/api/v2/alerts"
	post := func(from, to int) int {
		var b bytes.Buffer
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `,{"labels":{"alertname":"A%d","check":"x%d"}}`, i%7, i)
		}
		code, _ := ask(t, "POST", url, "["+b.String()[1:]+"]")
		return code
	}
	if code := post(0, 10_000); code != 200 {
		t.Fatal(code)
	}
	if code := post(10_000, 20_001); code != 503 {
		t.Errorf("one too many: %d", code)
	}
	if code := post(0, 10_000); code != 200 {
		t.Errorf("those that are there: %d", code)
	}
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != alerting.MaxAlerts {
		t.Errorf("%d alerts, %v", len(views), err)
	}
	if code, text := ask(t, "GET", url, ""); code != 200 || strings.Count(text, `"fingerprint"`) != alerting.MaxAlerts {
		t.Errorf("%d with %d", code, strings.Count(text, `"fingerprint"`))
	}
}

func TestTheStatusHidesSecrets(t *testing.T) {
	c := config(map[string]string{
		"global": "smtp_smarthost: mail.test:25\nsmtp_from: a@test\nsmtp_auth_username: a\nsmtp_auth_password: hush-1\nslack_api_url: https://hooks.test/hush-2\n",
		"receivers": `
- name: ops
  slack_configs:
    - channel: x
  email_configs:
    - to: b@test
  webhook_configs:
    - url: https://user:hush-3@hooks.test/hush-4
      http_config:
        authorization:
          credentials: hush-5
        http_headers:
          X-Key:
            values: [hush-8]
  sns_configs:
    - topic_arn: arn:aws:sns:us-east-2:1:t
      sigv4: {access_key: hush-9, secret_key: hush-10, region: us-east-2}
  pagerduty_configs:
    - routing_key: hush-6
  telegram_configs:
    - bot_token: hush-7
      chat_id: 1
`,
	})
	d := open(t, &alertingtest.Memory{}, c)
	code, text := ask(t, "GET", serve(t, d)+"/api/v2/status", "")
	if code != 200 || strings.Contains(text, "hush") {
		t.Errorf("%d %s", code, text)
	}
	if !strings.Contains(text, `"version":"0.34.2"`) || !strings.Contains(text, `lapwing test`) || !strings.Contains(text, "receiver: ops") {
		t.Errorf("%s", text)
	}
}

func TestSilencesOfTheAPI(t *testing.T) {
	store := &alertingtest.Memory{}
	d := open(t, store, alerting.Config{})
	url := serve(t, d)
	silence := func() (int, string) {
		return ask(t, "POST", url+"/api/v2/silences", fmt.Sprintf(`{"matchers":[{"name":"a","value":"b","isRegex":false,"isEqual":true}],"startsAt":%q,"endsAt":%q,"createdBy":"ann","comment":"x"}`,
			time.Now().Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339)))
	}
	code, text := silence()
	var made struct{ SilenceID string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || code != 200 {
		t.Fatal(code, text, err)
	}
	if blobs, err := store.Blobs(t.Context(), "silence"); err != nil || blobs[made.SilenceID] == nil {
		t.Errorf("it is not on disk: %v %v", blobs, err)
	}
	if code, text := ask(t, "DELETE", url+"/api/v2/silence/"+made.SilenceID, ""); code != 200 {
		t.Error(code, text)
	}
	if code, text := ask(t, "GET", url+"/api/v2/silence/"+made.SilenceID, ""); code != 200 || !strings.Contains(text, "expired") {
		t.Error(code, text)
	}
	store.Fail(io.ErrShortWrite)
	if code, text := silence(); code != 503 {
		t.Errorf("a silence that is not stored: %d %s", code, text)
	}
	if code, text := ask(t, "POST", url+"/api/v2/alerts", `[{"labels":{"a":"c"}}]`); code != 500 {
		t.Errorf("an alert that is not stored: %d %s", code, text)
	}
	store.Fail(nil)
}

func TestWhoChangesSomething(t *testing.T) {
	for method, want := range map[string]bool{"GET": false, "HEAD": false, "OPTIONS": false, "POST": true, "DELETE": true, "PUT": true, "BREW": true} {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://x/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := alerting.Changes(r); got != want {
			t.Errorf("%s: %v", method, got)
		}
	}
}

func TestNobodyIsServedBeforeItRuns(t *testing.T) {
	m, err := alerting.New(alerting.Deps{Log: quietLog(), Store: &alertingtest.Memory{}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/api/v2/status": 503, "/-/ready": 503, "/-/healthy": 200} {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", alerting.Prefix+path, http.NoBody))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
