package delivery

import (
	"testing"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// FuzzRestore reads payloads as a broken disk might give them back.
func FuzzRestore(f *testing.F) {
	n := &news{groupKey: "g", alerts: []*alert.Alert{{Alert: model.Alert{Labels: model.LabelSet{"alertname": "A"}}}}}
	payload, err := n.save(0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte(`{"v":1,"group_key":"g","alerts":[{}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		n, index, err := restore(payload, ReasonNotify)
		if err != nil {
			return
		}
		if n.groupKey == "" || index < 0 {
			t.Errorf("%+v %d", n, index)
		}
		if _, err := n.save(index); err != nil {
			t.Error(err)
		}
		n.told()
	})
}

// FuzzCleanError shows what receivers say.
func FuzzCleanError(f *testing.F) {
	const key = "s3cr3t-t0ken"
	c := &cleaner{redactor: newCleaner().redactor.With(key)}
	f.Add(`Post "https://hooks.slack.com/services/T/B/` + key + `": dial tcp: lookup`)
	f.Add("unexpected status code 500: \xff\x00\n<html>")
	f.Fuzz(func(t *testing.T, text string) {
		got := c.text(text)
		if len(got) > maxError || !utf8.ValidString(got) {
			t.Errorf("%q", got)
		}
	})
}

// FuzzFit shortens what APIs answer, as each channel counts.
func FuzzFit(f *testing.F) {
	f.Add("a]( @here <&> ```\xf0\x9f", 40)
	f.Fuzz(func(t *testing.T, text string, room int) {
		if room < 32 || room > 4096 || len(text) > 64<<10 {
			return
		}
		for _, w := range []wording{plainWording(), escapedWording(), slackWording(), markdownWording(), cardWording()} {
			got := fit(w, text, room)
			if w.length(got) > room && len(got) > 16 {
				t.Errorf("%d of %d: %q", w.length(got), room, got)
			}
			w.plain(got)
			w.block(got)
		}
	})
}
