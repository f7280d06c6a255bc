package alerting_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
)

// FuzzPost sends bodies to the API: whatever they are, it answers, keeps its
// bounds, and what it took can be shown.
func FuzzPost(f *testing.F) {
	for _, body := range []string{
		`[{"labels":{"alertname":"Down","check":"a"}}]`, `[{"labels":{"a":"b"},"endsAt":"2026-11-23T00:00:00Z"}]`, `[{"labels":{"a":"\u0000"}}]`,
		`[{"labels":{"":"x"}}]`, `[{"labels":{"a":"b"},"startsAt":"0001-01-01T00:00:00Z","endsAt":"9999-12-31T23:59:59Z"}]`, `[null]`, `{}`, `[`,
		`[{"labels":{"notify":"x,y","alertname":"\ud800"},"annotations":{"summary":"{{ .Labels }}"},"generatorURL":"javascript:x"}]`,
	} {
		f.Add("alerts", body)
	}
	f.Add("silences", `{"matchers":[{"name":"a","value":"b","isRegex":true}],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2036-01-01T00:00:00Z","createdBy":"x","comment":"y"}`)
	f.Add("silences", `{"matchers":[{"name":"a","value":"(((","isRegex":true}]}`)
	store := &alertingtest.Memory{}
	d := open(f, store, alerting.Config{})
	f.Fuzz(func(t *testing.T, what, body string) {
		if what != "silences" {
			what = "alerts"
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", alerting.Prefix+"/api/v2/"+what, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		d.Handler().ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 && w.Code != 503 {
			t.Errorf("answered with %d %s", w.Code, w.Body)
		}
		views, err := d.Alerts(t.Context(), time.Time{})
		if err != nil || len(views) > alerting.MaxAlerts {
			t.Errorf("%d alerts: %v", len(views), err)
		}
		for _, v := range views {
			if len(v.ID) != 16 || len(v.Labels) == 0 || v.Starts.IsZero() && !v.Ends.IsZero() {
				t.Errorf("an odd alert: %+v", v)
			}
		}
		if w.Code == 200 && what == "silences" {
			if list, err := d.Silences(t.Context(), time.Unix(0, 0)); err != nil || len(list) == 0 {
				t.Errorf("silences: %v %v", list, err)
			}
		}
	})
}
