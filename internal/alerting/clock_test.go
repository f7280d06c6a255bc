package alerting_test

import (
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
)

func TestAClockThatIsSetEndsNothingAndBringsNothingBack(t *testing.T) {
	store := &alertingtest.Memory{}
	d := open(t, store, alerting.Config{})
	now := time.Now()
	goesOn, over := down("repeated"), down("over")
	goesOn.Ends, over.Ends = now.Add(4*time.Minute), now.Add(-time.Minute)
	over.Starts = now.Add(-time.Hour)
	forever := down("until it is told")
	if err := d.Put(t.Context(), goesOn, over, forever); err != nil {
		t.Fatal(err)
	}
	ends := func() map[string]time.Time {
		t.Helper()
		stored, err := store.Alerts(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		list := map[string]time.Time{}
		for _, s := range stored {
			list[s.Alert.Labels["check"]] = s.Alert.Ends
		}
		return list
	}
	d.ClockWasSet(t.Context(), now, now.Add(time.Hour)) // the machine slept
	if got := ends(); got["repeated"].Before(now.Add(64*time.Minute)) || got["over"].After(now) || !got["until it is told"].IsZero() {
		t.Errorf("after an hour of sleep alerts end at %v", got)
	}
	d.ClockWasSet(t.Context(), now, now.Add(-30*time.Minute))
	if got := ends(); got["over"].After(now.Add(-30 * time.Minute)) {
		t.Errorf("the clock was put back, and what was over ends at %v", got["over"])
	}
}
