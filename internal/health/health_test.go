package health

import (
	"testing"
	"time"
)

func TestNoticesComeAndGo(t *testing.T) {
	var r Registry
	since := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r.Raise(Notice{Code: "b", Severity: Warning, Since: since})
	r.Raise(Notice{Code: "z", Severity: Failing})
	r.Raise(Notice{Code: "a", Severity: Warning})
	r.Raise(Notice{Code: "b", Severity: Warning, Text: "still so"})
	list := r.List()
	if len(list) != 3 || list[0].Code != "z" || list[1].Code != "a" || list[2].Code != "b" {
		t.Fatalf("failing first, then by code: %+v", list)
	}
	if !list[2].Since.Equal(since) || list[2].Text != "still so" {
		t.Errorf("a refreshed notice keeps when it began: %+v", list[2])
	}
	if list[1].Since.IsZero() {
		t.Error("a new notice begins now")
	}
	r.Clear("z")
	r.Clear("unknown")
	if got := len(r.List()); got != 2 {
		t.Errorf("%d notices are left", got)
	}
}
