package alerting_test

import (
	"testing"
	"time"
)

func TestWhatIsWrongIsToldAndWhatEndsToo(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	d := open(t, disk(t), config(map[string]string{"receivers": h.receivers("hook"), "route": quick}))
	say(t, d.Manager, "checks", down("a"))
	h.until(t, "hook firing Down/a=firing")
	for range 3 {
		say(t, d.Manager, "checks", down("a")) // as often as the source looks
	}
	say(t, d.Manager, "checks", down("a"), down("b"))
	h.until(t, "hook firing Down/a=firing Down/b=firing")
	say(t, d.Manager, "checks", down("b"))
	h.until(t, "hook firing Down/a=resolved Down/b=firing")
	say(t, d.Manager, "checks")
	h.until(t, "hook resolved Down/b=resolved")
	views, err := d.Alerts(t.Context(), time.Time{})
	if err != nil || len(views) != 0 {
		t.Errorf("still there: %v %v", views, err)
	}
}
