package alertingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/alerting"
)

func deliveryStories() []story {
	return []story{
		{"a delivery gets an ID, and comes back as it was", func(t *testing.T, s alerting.Store) {
			d := alerting.Delivery{
				Receiver: "ops", Kind: "slack", Reason: "notify", Firing: 2, Resolved: 1, Created: noon, Tries: 1, Last: noon.Add(time.Second),
				State: "delivered", Error: "", Alerts: []alerting.Told{{ID: "a1", Name: "Down", Summary: "it’s down", State: alerting.Firing}},
			}
			deliver(t, s, &d, nil)
			if d.ID == 0 {
				t.Fatal("it got no ID")
			}
			wantDeliveries(t, s, "", 0, 10, d)
			wantWaiting(t, s)
		}},
		{"one that waits comes back with what is needed to try it again", func(t *testing.T, s alerting.Store) {
			first := alerting.Delivery{Receiver: "ops", Created: noon, State: "waiting", Next: noon.Add(time.Minute), Error: "connection refused"}
			second := alerting.Delivery{Receiver: "on-call", Created: noon, State: "delivered"}
			third := alerting.Delivery{Receiver: "ops", Created: noon, State: "waiting"}
			deliver(t, s, &first, []byte{0, 1, 255})
			deliver(t, s, &second, nil)
			deliver(t, s, &third, []byte("{}"))
			wantWaiting(t, s, alerting.StoredDelivery{Delivery: first, Payload: []byte{0, 1, 255}}, alerting.StoredDelivery{Delivery: third, Payload: []byte("{}")})
			id := first.ID
			first.State, first.Tries, first.Next, first.Error = "delivered", 2, time.Time{}, ""
			deliver(t, s, &first, nil)
			if first.ID != id {
				t.Errorf("its ID changed from %d to %d", id, first.ID)
			}
			wantWaiting(t, s, alerting.StoredDelivery{Delivery: third, Payload: []byte("{}")})
			wantDeliveries(t, s, "", 0, 10, third, second, first)
		}},
		{"deliveries are read by page and by receiver", func(t *testing.T, s alerting.Store) {
			list := make([]alerting.Delivery, 6)
			for i := range list {
				list[i] = alerting.Delivery{Receiver: []string{"ops", "on-call"}[i%2], Created: noon}
				deliver(t, s, &list[i], nil)
			}
			wantDeliveries(t, s, "", 0, 2, list[5], list[4])
			wantDeliveries(t, s, "", list[4].ID, 2, list[3], list[2])
			wantDeliveries(t, s, "ops", 0, 10, list[4], list[2], list[0])
			wantDeliveries(t, s, "ops", list[4].ID, 1, list[2])
			wantDeliveries(t, s, "nobody", 0, 10)
			wantDeliveries(t, s, "", 0, 0)
			wantDeliveries(t, s, "", 0, -1)
		}},
		{"an escalation is remembered with the alert's start", func(t *testing.T, s alerting.Store) {
			escalate := func(alert string, starts time.Time, receiver string, at time.Time) {
				t.Helper()
				if err := s.PutEscalation(t.Context(), alert, starts, receiver, at); err != nil {
					t.Fatal(err)
				}
			}
			escalate("a1", noon, "on-call", noon.Add(time.Minute))
			escalate("a1", noon, "boss", noon.Add(2*time.Minute))
			escalate("a1", noon.Add(time.Hour), "on-call", noon.Add(2*time.Hour))
			got, err := s.Escalations(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := []alerting.Escalated{
				{Alert: "a1", Starts: noon, Receiver: "boss", At: noon.Add(2 * time.Minute)},
				{Alert: "a1", Starts: noon.Add(time.Hour), Receiver: "on-call", At: noon.Add(2 * time.Hour)},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("escalations (-want +got):\n%s", diff)
			}
		}},
		{"old deliveries are forgotten, and none that waits", func(t *testing.T, s alerting.Store) {
			old := alerting.Delivery{Receiver: "ops", Created: noon.Add(-48 * time.Hour), State: "delivered"}
			waiting := alerting.Delivery{Receiver: "ops", Created: noon.Add(-48 * time.Hour), State: "waiting"}
			recent := alerting.Delivery{Receiver: "ops", Created: noon, State: "failed"}
			deliver(t, s, &old, nil)
			deliver(t, s, &waiting, []byte("x"))
			deliver(t, s, &recent, nil)
			put(t, s, stored("a1", noon))
			for _, e := range []struct {
				alert string
				at    time.Time
			}{{"a1", noon.Add(-48 * time.Hour)}, {"a2", noon.Add(-48 * time.Hour)}, {"a3", noon}} {
				if err := s.PutEscalation(t.Context(), e.alert, noon, "on-call", e.at); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Prune(t.Context(), noon.Add(-24*time.Hour), 1000); err != nil {
				t.Fatal(err)
			}
			wantDeliveries(t, s, "", 0, 10, recent, waiting)
			left, err := s.Escalations(t.Context())
			if err != nil || len(left) != 2 || left[0].Alert != "a1" || left[1].Alert != "a3" {
				t.Errorf("escalations left: %v %v", left, err)
			}
		}},
	}
}

func deliver(t *testing.T, s alerting.Store, d *alerting.Delivery, payload []byte) {
	t.Helper()
	if err := s.PutDelivery(t.Context(), d, payload); err != nil {
		t.Fatal(err)
	}
}

func wantDeliveries(t *testing.T, s alerting.Store, receiver string, before int64, most int, want ...alerting.Delivery) {
	t.Helper()
	got, err := s.Deliveries(t.Context(), receiver, before, most)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func wantWaiting(t *testing.T, s alerting.Store, want ...alerting.StoredDelivery) {
	t.Helper()
	got, err := s.Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
}
